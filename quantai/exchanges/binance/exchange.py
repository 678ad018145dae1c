"""Binance as three exchanges, spot, USD-M and COIN-M futures: what connectors share, and what each can do."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import msgspec

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND
from quantai.core.enums import OrderType, TimeInForce
from quantai.core.errors import StartupError
from quantai.core.params import Duration
from quantai.exchanges.base import Capabilities, EventSink, ExchangeContext, MarketDataConnector
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.hosts import Environment
from quantai.exchanges.binance.intervals import FUTURES_INTERVALS, SPOT_INTERVALS
from quantai.exchanges.binance.listing import ask_listings
from quantai.exchanges.binance.order_options import SPOT_OPTIONS, USDM_OPTIONS
from quantai.exchanges.binance.params import MarketDataSection, OwnHosts
from quantai.exchanges.binance.product import COINM, SPOT, USDM, Product
from quantai.exchanges.binance.rest_dialect import BinanceHttpDialect
from quantai.exchanges.binance.streams import FUTURES_CHANNELS, SPOT_CHANNELS
from quantai.exchanges.doctor import Examinable, Finding
from quantai.exchanges.execution import ExecutionConnector
from quantai.exchanges.history import History
from quantai.exchanges.http import HttpRequest
from quantai.exchanges.http_exchange import HttpExchange
from quantai.exchanges.listing import Listing
from quantai.exchanges.signing import signer_of
from quantai.exchanges.websocket.decoding import FrameDecoder

logger = logging.getLogger(__name__)

_ORDER_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT})
_TIME_IN_FORCE = frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.POST_ONLY})


class _ServerTime(msgspec.Struct, rename="camel"):
    server_time: int


class BinanceExchange(HttpExchange, Examinable):
    """What all products have in common: one account, one rate budget, one clock, one list of instruments."""

    product: ClassVar[Product]
    _core: BinanceCore

    environment: Environment = Environment.LIVE
    """`live`, `testnet` or `demo`: keys of one are unknown to the others."""
    hosts: OwnHosts = OwnHosts()
    """Addresses in place of the environment's."""
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
            raise ValueError(f"countdown: {self.product.name} has no countdown that cancels orders")

    def make_core(self, context: ExchangeContext) -> BinanceCore:
        """See the framework. Raises `StartupError` for a secret that is no key."""
        product = self.product
        own = {name: url.rstrip("/") for name, url in self.hosts if url}
        hosts = msgspec.structs.replace(product.hosts[self.environment], **own)
        signer = None if context.api_secret is None else signer_of(context.api_secret)
        dialect = BinanceHttpDialect(product, hosts.rest, context.api_key, signer)
        return BinanceCore.of(
            context, dialect, product.rules, self._ask_time, signer=signer, product=product, hosts=hosts
        )

    async def ask_listings(self) -> Sequence[Listing]:
        """What is in `exchangeInfo`."""
        return await ask_listings(self._core)

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

    # The parts below are imported when they are asked for: a check or a simulation needs none of them.

    def get_market_data_connector(self) -> MarketDataConnector:
        """Streams of this product."""
        from quantai.exchanges.binance.market_data import BinanceMarketData

        context = self._context
        return BinanceMarketData(
            self._core,
            context,
            self.market_data.settings(),
            raw=self.raw_tap(),
            quarantine=self.quarantine(),
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
            self.product,
            settings=self.market_data.settings(),
        )


class BinanceSpot(BinanceExchange):
    """The spot market."""

    product = SPOT
    capabilities = Capabilities(
        channels=SPOT_CHANNELS,
        bar_intervals=frozenset(SPOT_INTERVALS),
        history=frozenset({"trade", "bar"}),
        order_types=_ORDER_TYPES,
        time_in_force=_TIME_IN_FORCE,
        order_options=frozenset(SPOT_OPTIONS) - {"quoteOrderQty"},  # risk weighs quantities: it could not tell this one
        can_amend=True,
        environments=frozenset(Environment),
        lists_instruments=True,
    )


class BinanceUsdm(BinanceExchange):
    """USD-M futures."""

    product = USDM
    capabilities = Capabilities(
        channels=FUTURES_CHANNELS,
        bar_intervals=frozenset(FUTURES_INTERVALS),
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


class BinanceCoinm(BinanceExchange):
    """COIN-M futures, whose contracts are so many dollars and settle in the coin: market data and history."""

    product = COINM
    capabilities = Capabilities(
        channels=FUTURES_CHANNELS,
        bar_intervals=frozenset(FUTURES_INTERVALS),
        history=frozenset({"trade", "bar"}),
        environments=frozenset(Environment),
        lists_instruments=True,
    )

    def make_core(self, context: ExchangeContext) -> BinanceCore:
        """Without keys: nothing that is asked for needs one."""
        return super().make_core(replace(context, api_key=None, api_secret=None))

    def get_execution_connector(self) -> ExecutionConnector:
        """There is none: raises `StartupError`."""
        raise StartupError(
            f"{self._context.venue}: COIN-M futures have market data here, and no order entry: "
            "trade other venues, or these with mode=paper"
        )
