"""Binance as two exchanges, spot and USD-M futures: what the connectors of an account share, and what each can do."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND
from quantai.core.enums import OrderType, TimeInForce
from quantai.core.errors import StartupError, UnknownInstrument, VenueError
from quantai.core.params import Duration, PositiveDuration
from quantai.exchanges.base import Capabilities, EventSink, Exchange, ExchangeContext, MarketDataConnector
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.hosts import Environment
from quantai.exchanges.binance.intervals import SPOT_INTERVALS, USDM_INTERVALS
from quantai.exchanges.binance.listing import ask_listings
from quantai.exchanges.binance.order_options import SPOT_OPTIONS, USDM_OPTIONS
from quantai.exchanges.binance.params import MarketDataSection, OwnHosts
from quantai.exchanges.binance.product import SPOT, USDM, Product
from quantai.exchanges.binance.rest_dialect import BinanceHttpDialect
from quantai.exchanges.doctor import Examinable, Finding
from quantai.exchanges.execution import ExecutionConnector
from quantai.exchanges.history import History
from quantai.exchanges.http import HttpClient, HttpRequest
from quantai.exchanges.listing import Listing, ListingCache
from quantai.exchanges.listings import Listings
from quantai.exchanges.mapper import InstrumentMapper
from quantai.exchanges.quarantine import Quarantine
from quantai.exchanges.rate_limiter import RateLimiter
from quantai.exchanges.signing import signer_of
from quantai.exchanges.venue_clock import VenueClock
from quantai.exchanges.websocket.decoding import FrameDecoder
from quantai.exchanges.websocket.raw import RawTap

logger = logging.getLogger(__name__)

_ORDER_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT})
_TIME_IN_FORCE = frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.POST_ONLY})


class _ServerTime(msgspec.Struct, rename="camel"):
    server_time: int


class BinanceExchange(Exchange, Examinable):
    """What both products have in common: one account, one rate budget, one clock, one list of instruments."""

    product: ClassVar[Product]

    environment: Environment = Environment.LIVE
    """`live`, `testnet` or `demo`: keys of one are unknown to the others."""
    hosts: OwnHosts = OwnHosts()
    """Addresses in place of the environment's."""
    refresh: PositiveDuration = 3_600_000_000_000
    """How often the venue is asked what it lists."""
    market_data: MarketDataSection = MarketDataSection()
    """What is asked of its market data."""
    countdown: Duration = 0
    """USD-M: the venue cancels every order by itself once it has not heard of us for so long; `0s`: never."""

    def validate_params(self) -> None:
        """Refuse what Binance does not have."""
        self.market_data.settings()
        unknown = set(self.market_data.bar_intervals) - self.capabilities.bar_intervals
        if unknown:
            raise ValueError(f"market_data.bar_intervals: Binance has no bars of {', '.join(sorted(unknown))}")
        if self.countdown and not self.capabilities.has_dead_man_switch:
            raise ValueError("countdown: spot has no countdown that cancels orders")

    def bind(self, context: ExchangeContext) -> None:
        """Build what is shared; nothing connects before `start`. Raises `StartupError` for a secret that is no key."""
        super().bind(context)
        self._core = self._make_core(context)
        cache = None
        if context.cache_folder is not None:
            cache = ListingCache(context.cache_folder, context.venue, self._core.hosts.rest)
        self.listings = Listings(
            context.venue,
            lambda: ask_listings(self._core),
            context.clock,
            self._core.mapper,
            context.publish,
            cache,
            self.refresh,
        )

    def _make_core(self, context: ExchangeContext) -> BinanceCore:
        product, clock = self.product, context.clock
        own = {name: url.rstrip("/") for name, url in self.hosts if url}
        hosts = msgspec.structs.replace(product.hosts[self.environment], **own)
        signer = None if context.api_secret is None else signer_of(context.api_secret)
        limiter = RateLimiter(clock, product.rules)

        def shift(offset_ns: int) -> None:
            limiter.offset_ns = offset_ns

        venue_clock = VenueClock(clock, self._ask_time, venue=context.venue, on_offset=shift)
        dialect = BinanceHttpDialect(product, hosts.rest, context.api_key, signer)
        http = HttpClient(dialect, limiter, clock, now_ms=venue_clock.now_ms, on_clock_skew=venue_clock.resync)
        return BinanceCore(
            venue=context.venue,
            product=product,
            hosts=hosts,
            clock=clock,
            limiter=limiter,
            http=http,
            venue_clock=venue_clock,
            mapper=InstrumentMapper(context.venue),
            publish=context.publish,
            signer=signer,
            api_key=context.api_key,
        )

    async def _ask_time(self) -> int:
        weights, path = self.product.weights, self.product.path("time")
        request = HttpRequest(
            method="GET",
            path=path,
            costs=self.product.costs(weights.time),
            is_safe=False,  # one that was repeated measures nothing
            timeout_ns=5 * NS_PER_SECOND,
            budget_ns=5 * NS_PER_SECOND,
        )
        return (await self._core.http.call(request, _ServerTime)).server_time * NS_PER_MS

    async def start(self) -> None:
        """Take what the venue lists, and its time. Raises `StartupError` where it lists none of what is configured, or
        cannot be asked and never was.
        """
        await self._core.http.start()
        await self.listings.start()
        for instrument in self._context.instruments:
            self._find(instrument.symbol)
        try:
            await self._core.venue_clock.start()
        except VenueError as error:
            logger.warning("the time at %s is not known, ours is taken: %s", self._context.venue, error)

    def _find(self, symbol: str) -> Listing:
        try:
            return self.listings.get(symbol)
        except UnknownInstrument as error:
            raise StartupError(f"{error} (see `instruments` in the configuration)") from None

    async def stop(self) -> None:
        """Close the connection for requests."""
        await self.listings.stop()
        await self._core.venue_clock.stop()
        await self._core.http.close()

    async def list_instruments(self) -> Mapping[str, Listing]:
        """What the venue lists now, or did when it was last asked."""
        await self._core.http.start()
        try:
            await self.listings.load()
        finally:
            await self._core.http.close()
        return self.listings.by_symbol

    # The parts below are imported when they are asked for: a check or a simulation needs none of them.

    def get_market_data_connector(self) -> MarketDataConnector:
        """Streams of this product."""
        from quantai.exchanges.binance.market_data import BinanceMarketData

        context = self._context
        return BinanceMarketData(
            self._core,
            context,
            self.market_data.settings(),
            raw=RawTap(context.venue, context.publish, context.is_wanted),
            quarantine=Quarantine(context.venue, context.clock, _quarantine_file(context)),
        )

    def get_execution_connector(self) -> ExecutionConnector:
        """Order entry of this product. Raises `StartupError` without keys."""
        from quantai.exchanges.binance.execution import BinanceExecution

        return BinanceExecution(self._core, self._context, countdown_ns=self.countdown)

    def get_history(self) -> History:
        """Klines and aggregate trades of this product."""
        from quantai.exchanges.binance.history import BinanceHistory

        return BinanceHistory(self._core)

    async def examine(self) -> Sequence[Finding]:
        """See `Examinable`."""
        from quantai.exchanges.binance.doctor import Patient, examine

        await self._core.http.start()
        try:
            return await examine(Patient(self._core, self._context.instruments, self.listings.refresh))
        finally:
            await self.stop()

    def frame_decoder(self, sink: EventSink) -> FrameDecoder:
        """What reads recorded frames again; needs `list_instruments` before."""
        from quantai.exchanges.binance.market_data import recorded_decoder

        return recorded_decoder(
            self._context.venue,
            sink,
            self._core.mapper.to_unified,
            is_futures=self.product.is_futures,
            settings=self.market_data.settings(),
        )


def _quarantine_file(context: ExchangeContext) -> Path | None:
    folder = context.cache_folder
    return None if folder is None else folder / f"{context.venue}_quarantine.jsonl"


class BinanceSpot(BinanceExchange):
    """The spot market."""

    product = SPOT
    capabilities = Capabilities(
        channels=frozenset({"trade", "tick", "book", "book_delta", "bar"}),
        bar_intervals=frozenset(SPOT_INTERVALS),
        history=frozenset({"trade", "bar"}),
        order_types=_ORDER_TYPES,
        time_in_force=_TIME_IN_FORCE,
        order_options=frozenset(SPOT_OPTIONS),
        can_amend=True,
        environments=frozenset(Environment),
        lists_instruments=True,
    )


class BinanceUsdm(BinanceExchange):
    """USD-M futures."""

    product = USDM
    capabilities = Capabilities(
        channels=frozenset(
            {"trade", "tick", "book", "book_delta", "bar", "mark_price", "funding_rate", "open_interest", "liquidation"}
        ),
        bar_intervals=frozenset(USDM_INTERVALS),
        history=frozenset({"trade", "bar"}),
        order_types=_ORDER_TYPES,
        time_in_force=_TIME_IN_FORCE,
        order_options=frozenset(USDM_OPTIONS),
        can_amend=True,
        can_reduce_only=True,
        batch_size=5,
        has_dead_man_switch=True,
        environments=frozenset(Environment),
        lists_instruments=True,
    )
