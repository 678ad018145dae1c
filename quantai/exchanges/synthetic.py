"""A venue inside the process that streams the synthetic market on the wall clock: for paper trading and recording."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from quantai.core.clock import NS_PER_SECOND, Clock, WallClock
from quantai.core.errors import StartupError
from quantai.core.params import Positive, Section
from quantai.data.synthetic import SyntheticInstrument, SyntheticMarket
from quantai.events import BarEvent, MarketEvent, TickEvent
from quantai.exchanges.base import Capabilities, EventSink, Exchange, ExchangeContext, MarketDataConnector
from quantai.instruments import Symbol

_ONE_DAY_NS = 86_400 * NS_PER_SECOND


class SyntheticPrice(Section):
    """Where an asset starts."""

    start_price: Positive
    """In quote currency."""


class SyntheticExchange(Exchange):
    """Has every instrument it is configured with; prices of one base asset start at its `start_price`."""

    capabilities = Capabilities(
        channels=frozenset({"tick", "trade", "book", "book_delta", "mark_price", "funding_rate"}),
    )

    assets: dict[str, SyntheticPrice]
    """By base currency."""

    def get_market_data_connector(self) -> MarketDataConnector:
        return SyntheticMarketData(
            self._context, {code: float(asset.start_price) for code, asset in self.assets.items()}
        )


class SyntheticMarketData(MarketDataConnector):
    """Plays a synthetic day after another, each event when its time comes; a day begins at the prices of the last."""

    def __init__(self, context: ExchangeContext, prices: dict[str, float], clock: Clock | None = None) -> None:
        self._context = context
        self._prices = prices
        self._clock = clock or WallClock()
        self._topics: frozenset[str] = frozenset()

    async def start(self, topics: Sequence[str], sink: EventSink) -> None:
        missing = [i for i in self._context.instruments if i.base_currency not in self._prices]
        if missing:
            raise self._no_price(missing[0].base_currency)
        self._topics, self._sink = frozenset(topics), sink

    def _no_price(self, currency: str) -> StartupError:
        return StartupError(
            f"exchanges.{self._context.venue}.assets has no {currency}: give it a start_price, or drop its instruments"
        )

    async def run(self) -> None:
        day = 0
        while True:
            market = self._market(self._context.seed + day, self._clock.now_ns())
            for batch in market.batches(self._topics.__contains__):
                for event in batch:
                    delay_ns = event.ts_init - self._clock.now_ns()
                    if delay_ns > 0:
                        await asyncio.sleep(delay_ns / NS_PER_SECOND)
                    self._sink(event)
                self._remember(batch)
                await asyncio.sleep(0)
            day += 1

    def _remember(self, batch: Sequence[MarketEvent]) -> None:
        """Where prices are, for the next day to begin there."""
        newest = {event.symbol: event for event in batch if isinstance(event, TickEvent)}
        for symbol, tick in newest.items():
            self._prices[Symbol.parse(symbol).base] = tick.mid

    def _market(self, seed: int, start_ns: int) -> SyntheticMarket:
        return SyntheticMarket(
            instruments=[
                SyntheticInstrument(instrument=instrument, start_price=self._prices[instrument.base_currency])
                for instrument in self._context.instruments
            ],
            seed=seed,
            start_ns=start_ns,
            duration_ns=_ONE_DAY_NS,
        )

    async def stop(self) -> None:
        self._topics = frozenset()

    async def get_historical(self, symbol: str, interval_ns: int, start_ns: int, end_ns: int) -> list[BarEvent]:
        """Nothing happened here before now."""
        return []
