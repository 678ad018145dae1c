"""What the parts of one Binance account share: one connection for requests, one rate budget, one clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import SecretStr

from quantai.core.clock import Clock
from quantai.events import Event
from quantai.exchanges.binance.hosts import Hosts
from quantai.exchanges.binance.product import Product
from quantai.exchanges.http import HttpClient
from quantai.exchanges.mapper import InstrumentMapper
from quantai.exchanges.rate_limiter import RateLimiter
from quantai.exchanges.signing import Signer
from quantai.exchanges.venue_clock import VenueClock


@dataclass(kw_only=True)
class BinanceCore:
    """Given to each connector. `signer` and `api_key` are None without keys: public data needs none."""

    venue: str
    """The configured name of the exchange."""
    product: Product
    hosts: Hosts
    clock: Clock
    limiter: RateLimiter
    http: HttpClient
    venue_clock: VenueClock
    mapper: InstrumentMapper
    publish: Callable[[Event], None]
    signer: Signer | None = field(default=None, repr=False)
    api_key: SecretStr | None = None
