"""Streams that the data does not have, made from those that it has: bars from trades, ticks from books."""

from __future__ import annotations

from collections.abc import Callable

from quantai.core.clock import Clock, Timer
from quantai.data.bars import BarAggregator
from quantai.data.order_book import TicksFromBook
from quantai.events import (
    BarEvent,
    MarketEvent,
    OrderBookDeltaEvent,
    OrderBookSnapshotEvent,
    TickEvent,
    TradeEvent,
)
from quantai.events.bus import EventBus
from quantai.instruments import Instrument

BookEvent = OrderBookSnapshotEvent | OrderBookDeltaEvent


def topic_of(event: type[MarketEvent], instrument: Instrument) -> str:
    """Where events of that class are published for an instrument."""
    return f"{event.topic_prefix}.{instrument.venue}.{instrument.symbol}"


class DerivedStreams:
    """Publishes derived events on the bus. `topics` are those that must not also be taken from the data."""

    def __init__(self, bus: EventBus, clock: Clock) -> None:
        self.topics: set[str] = set()
        self._bus = bus
        self._clock = clock
        self._bars: list[tuple[Instrument, int]] = []
        self._ticks: list[Instrument] = []
        self._timers: list[Timer] = []

    def add_bars(self, instrument: Instrument, interval_ns: int) -> None:
        """Build bars of `interval_ns` from the instrument's trades."""
        self._bars.append((instrument, interval_ns))
        self.topics.add(topic_of(BarEvent, instrument))

    def add_ticks(self, instrument: Instrument) -> None:
        """Take ticks from the instrument's order book."""
        self._ticks.append(instrument)
        self.topics.add(topic_of(TickEvent, instrument))

    async def start(self) -> None:
        """Subscribe, and close bars on time even where no trade comes."""
        for instrument in self._ticks:
            book = TicksFromBook()
            for event in (OrderBookSnapshotEvent, OrderBookDeltaEvent):
                await self._bus.subscribe(topic_of(event, instrument), self._ticking(book), name="derived ticks")
        for instrument, interval_ns in self._bars:
            bars = BarAggregator(interval_ns, self._bus.post)
            await self._bus.subscribe(topic_of(TradeEvent, instrument), bars.update, name="derived bars")
            self._timers.append(self._clock.call_every(interval_ns, bars.close_until))

    def _ticking(self, book: TicksFromBook) -> Callable[[BookEvent], None]:
        def update(event: BookEvent) -> None:
            tick = book.update(event)
            if tick is not None:
                self._bus.post(tick)

        return update

    async def stop(self) -> None:
        """Close no more bars."""
        for timer in self._timers:
            timer.cancel()
