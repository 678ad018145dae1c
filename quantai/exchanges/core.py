"""What the parts of one venue share: one connection for requests, one rate budget, one clock, one list of symbols."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import SecretStr

from quantai.core.clock import Clock
from quantai.core.errors import OrderError, UnknownInstrument
from quantai.events import Event
from quantai.exchanges.base import ExchangeContext
from quantai.exchanges.http import HttpClient
from quantai.exchanges.http_request import HttpDialect
from quantai.exchanges.mapper import InstrumentMapper
from quantai.exchanges.rate_limiter import RateLimiter, RateRule
from quantai.exchanges.signing import Signer
from quantai.exchanges.venue_clock import VenueClock


@dataclass(kw_only=True)
class VenueCore:
    """Given to each connector. `signer` and `api_key` are None without keys: public data needs none."""

    venue: str
    """The configured name of the exchange."""
    clock: Clock
    limiter: RateLimiter
    http: HttpClient
    venue_clock: VenueClock
    mapper: InstrumentMapper
    publish: Callable[[Event], None]
    signer: Signer | None = field(default=None, repr=False)
    api_key: SecretStr | None = None
    source: str = ""
    """Where requests go."""
    streams: str = ""
    """Where streams are had."""

    @classmethod
    def of(
        cls,
        context: ExchangeContext,
        dialect: HttpDialect,
        rules: Sequence[RateRule],
        ask_time: Callable[[], Awaitable[int]],
        *,
        signer: Signer | None = None,
        streams: str = "",
        **more: Any,
    ) -> Self:
        """Put together from what is a venue's own; `more` are fields of a subclass. Nothing connects.

        `ask_time` is as in `VenueClock`: nanoseconds UTC at the venue.
        """
        clock = context.clock
        limiter = RateLimiter(clock, rules)

        def shift(offset_ns: int) -> None:
            limiter.offset_ns = offset_ns

        venue_clock = VenueClock(clock, ask_time, venue=context.venue, on_offset=shift)
        return cls(
            venue=context.venue,
            clock=clock,
            limiter=limiter,
            http=HttpClient(dialect, limiter, clock, now_ms=venue_clock.now_ms, on_clock_skew=venue_clock.resync),
            venue_clock=venue_clock,
            mapper=InstrumentMapper(context.venue),
            publish=context.publish,
            signer=signer,
            api_key=context.api_key,
            source=dialect.base_url,
            streams=streams,
            **more,
        )

    def ordered_symbol(self, symbol: str) -> str:
        """The venue's name of what an order is for. Raises `OrderError`, which proves that nothing was sent."""
        try:
            return self.mapper.to_venue(symbol)
        except UnknownInstrument as error:
            raise OrderError(str(error)) from None
