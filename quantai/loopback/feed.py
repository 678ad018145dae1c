"""Where the market of a loopback venue comes from, and how it is played."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from quantai.core.clock import NS_PER_SECOND, Clock, Timer
from quantai.core.enums import Side
from quantai.core.errors import ConfigError
from quantai.core.numbers import to_decimal
from quantai.data.source import MarketDataSource, Wanted
from quantai.data.synthetic import MarketModel, SyntheticInstrument, SyntheticMarket
from quantai.events import (
    FundingRateEvent,
    LiquidationEvent,
    MarketEvent,
    OrderBookDeltaEvent,
    OrderBookSnapshotEvent,
    TradeEvent,
)
from quantai.instruments import Instrument
from quantai.loopback.engine import Engine, Trade
from quantai.loopback.maker import MarketMaker

_KINDS = (
    "market.trade.", "market.book.", "market.book_delta.", "market.mark_price.", "market.funding_rate.",
    "market.liquidation.", "market.open_interest.",
)  # fmt: skip
_REMEMBERED = ("market.trade.", "market.funding_rate.")
_DAYS_NS = 30 * 86_400 * NS_PER_SECOND
# Venues play what is due this often at most: one timer for many events.
_STEP_NS = 2_000_000
_MOST_AT_ONCE = 200
"""Events that are played before others of the loop have their turn."""
# So long before the start is looked for a whole book: books and mark prices are there from the first moment.
_WARM_NS = 61 * NS_PER_SECOND


def synthetic_source(
    prices: Mapping[Instrument, Decimal],
    seed: int,
    start_ns: int,
    model: MarketModel | None = None,
    length_ns: int = _DAYS_NS,
) -> MarketDataSource:
    """A market that never was, without silences, from the second of `start_ns` on."""
    instruments = [
        SyntheticInstrument(instrument=instrument, start_price=float(price)) for instrument, price in prices.items()
    ]
    model = model or MarketModel(gaps_per_day=0.0, latency_ms=0.0, book_depth=50)
    start_ns -= start_ns % NS_PER_SECOND
    return SyntheticMarket(instruments=instruments, seed=seed, start_ns=start_ns, duration_ns=length_ns, model=model)


class MarketFeed:
    """Plays a source into the engine, each event when the clock says so. It ends when the source does.

    It begins at `begin_ns`, or now. `shift_ns` is added to the times of a recording, so that it begins then. With
    `history_ns` the trades of so long before are put on the tape first. `liquidates_every`: see `MarketMaker`.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        source: MarketDataSource,
        *,
        begin_ns: int | None = None,
        shift_ns: int = 0,
        history_ns: int = 0,
        liquidates_every: int = 0,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._source = source
        self._shift_ns = shift_ns
        self._history_ns = history_ns
        self._begin_ns = (clock.now_ns() if begin_ns is None else begin_ns) - shift_ns
        self._makers = {
            symbol: MarketMaker(engine, market, liquidates_every) for symbol, market in engine.markets.items()
        }
        self._events: Iterator[MarketEvent] = iter(())
        self._next: MarketEvent | None = None
        self._timer: Timer | None = None
        self.is_paused = False

    def start(self) -> None:
        """Put history on the tape, then begin to play. Raises `ConfigError` where the source is over by now."""
        first_ns = max(self._begin_ns - _WARM_NS, 0)
        if self._history_ns:
            self._remember(self._begin_ns - self._history_ns)
        batches = self._source.batches_from(first_ns, self._is_wanted)
        self._events = (event for batch in batches for event in batch)
        self._next = next(self._events, None)
        self._warm_up()
        if self._next is None:
            raise ConfigError(f"{self._source.describe()} has nothing from now on: give it other data or a later time")
        self._play(self._clock.now_ns())

    def stop(self) -> None:
        """Play no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _play(self, _due_ns: int) -> None:
        now_ns = self._clock.now_ns()
        left = _MOST_AT_ONCE
        while self._next is not None and self._next.ts_init + self._shift_ns <= now_ns and left:
            maker = self._makers.get(self._next.symbol)
            if maker is not None and not self.is_paused:
                maker.apply(self._shifted(self._next))
            self._next = next(self._events, None)
            left -= 1
        if self._next is not None:
            # What is due already comes as soon as the loop has served the others.
            due_ns = max(self._next.ts_init + self._shift_ns, now_ns + _STEP_NS) if left else now_ns
            self._timer = self._clock.call_at(due_ns, self._play)

    def _warm_up(self) -> None:
        """Bring the books to where they are now: what was before their last whole one is left out, and all trades."""
        books: dict[str, list[MarketEvent]] = {}
        while self._next is not None and self._next.ts_init < self._begin_ns:
            event, self._next = self._next, next(self._events, None)
            if isinstance(event, OrderBookSnapshotEvent):
                books[event.symbol] = [event]
            elif isinstance(event, OrderBookDeltaEvent):
                books.setdefault(event.symbol, []).append(event)
            elif not isinstance(event, TradeEvent | LiquidationEvent) and event.symbol in self._makers:
                self._makers[event.symbol].apply(self._shifted(event))
        for symbol in books.keys() & self._makers.keys():
            for event in books[symbol]:
                self._makers[symbol].apply(event)

    def _shifted(self, event: MarketEvent) -> MarketEvent:
        """A funding rate says when it is due: in a recording, long ago."""
        if not (self._shift_ns and isinstance(event, FundingRateEvent) and event.next_funding_ns):
            return event
        return msgspec.structs.replace(event, next_funding_ns=event.next_funding_ns + self._shift_ns)

    def _remember(self, start_ns: int) -> None:
        for batch in self._source.batches_from(start_ns, lambda topic: topic.startswith(_REMEMBERED)):
            for event in batch:
                if event.ts_init >= self._begin_ns:
                    return
                if isinstance(event, TradeEvent) and event.symbol in self._engine.markets and event.size > 0:
                    self._print(event)
                elif isinstance(event, FundingRateEvent) and event.symbol in self._makers:
                    self._makers[event.symbol].apply(self._shifted(event))

    def _print(self, event: TradeEvent) -> None:
        tape = self._engine.markets[event.symbol].tape
        price, size = to_decimal(event.price), to_decimal(event.size)
        ts_ns = event.ts_event + self._shift_ns
        tape.add([Trade(tape.next_id(), price, size, event.side is Side.SELL, ts_ns)])

    def _is_wanted(self, topic: str) -> bool:
        return topic.startswith(_KINDS)


class ScriptedSource(MarketDataSource):
    """Events that are at hand, in order of `ts_init`: captured frames, or a test's own."""

    def __init__(self, events: Iterable[MarketEvent]) -> None:
        self._events = sorted(events, key=lambda event: event.ts_init)

    def range_ns(self) -> tuple[int, int]:
        if not self._events:
            raise ConfigError("a scripted market needs at least one event")
        return self._events[0].ts_init, self._events[-1].ts_init

    def batches(self, is_wanted: Wanted) -> Iterator[Sequence[MarketEvent]]:
        if self._events:
            yield self._events

    def describe(self) -> str:
        return f"a scripted market of {len(self._events)} events"
