"""From each order event of a recorded session one can walk back to what was behind it."""

from __future__ import annotations

from collections import defaultdict

import pytest

from quantai.config import load_config
from quantai.core.enums import Side
from quantai.daemon import DONE, run
from quantai.events import (
    BarEvent,
    Event,
    FillEvent,
    MarketEvent,
    OrderCanceledEvent,
    OrderEvent,
    OrderFilledEvent,
    OrderPendingCancelEvent,
    OrderSubmittedEvent,
    TickEvent,
    TimerEvent,
    TradeEvent,
)
from quantai.events.persistence import EventReader
from tests.events import traders

Recorded = dict[str, list[Event]]

OVERRIDES = (
    "data.duration=40s", "recorder=everything", "simulation.report=false", "logging.console=none", "logging.file=false",
    "strategies=[]",
)  # fmt: skip
STRATEGIES: dict[type[object], type[Event]] = {
    traders.OnTick: TickEvent,
    traders.OnTrade: TradeEvent,
    traders.OnBar: BarEvent,
    traders.OnFill: TickEvent,
    traders.OnTimer: TimerEvent,
    traders.Cancelling: TickEvent,
}
"""What begins everything that each does."""


def strategy(cls: type[object]) -> str:
    bars = "bar_interval: 5s, " if cls is traders.OnBar else ""
    name = cls.__name__.lower()
    return f"strategies.{name}={{_target_: {cls.__module__}.{cls.__name__}, {bars}instruments: [binance_btc_usdt]}}"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> EventReader:
    """Of a session of all these strategies."""
    folder = tmp_path_factory.mktemp("correlation")
    overrides = [*OVERRIDES, f"recorder.path={folder / 'store'}", *map(strategy, STRATEGIES)]
    outcome = run(load_config(overrides), folder)
    assert (outcome.status, outcome.errors) == (DONE, [])
    return EventReader(folder / "store")


@pytest.fixture(scope="module")
def recorded(reader: EventReader) -> Recorded:
    """All events of the session by their references."""
    found: defaultdict[str, list[Event]] = defaultdict(list)
    for batch in reader.read_batches():
        for event in batch:
            found[event.reference].append(event)
    return dict(found)


def of(recorded: Recorded, cls: type[Event], strategy: type[object] | None = None) -> list[Event]:
    return [
        event
        for events in recorded.values()
        for event in events
        if isinstance(event, cls) and (strategy is None or getattr(event, "strategy", "") == strategy.__name__.lower())
    ]


def walk(recorded: Recorded, event: Event) -> list[Event]:
    """The event, its cause, the cause of that, and so on."""
    steps = [event]
    while isinstance(event, OrderEvent) and event.cause:
        [event] = recorded[event.cause]
        steps.append(event)
    return steps


@pytest.mark.parametrize("cls", STRATEGIES, ids=lambda cls: cls.__name__)
def test_every_order_event_goes_back_to_what_began_it(cls: type[object], recorded: Recorded) -> None:
    events = [event for event in of(recorded, OrderEvent, cls) if not isinstance(event, OrderPendingCancelEvent)]
    assert events
    for event in events:
        steps = walk(recorded, event)
        assert isinstance(steps[-1], STRATEGIES[cls])
        times = [step.ts_init for step in steps if isinstance(step, OrderEvent | MarketEvent | TimerEvent)]
        assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("cls", STRATEGIES, ids=lambda cls: cls.__name__)
def test_the_reader_walks_back_too(cls: type[object], recorded: Recorded, reader: EventReader) -> None:
    last = of(recorded, OrderEvent, cls)[-1]
    assert reader.find(last.reference) is not None
    assert reader.causes(last) == walk(recorded, last)[1:]


@pytest.mark.parametrize("cls", [cls for cls in STRATEGIES if cls is not traders.Cancelling], ids=lambda c: c.__name__)
def test_every_fill_is_of_an_order_that_was_submitted_for_the_same_cause(cls: type[object], recorded: Recorded) -> None:
    submitted = {
        event.client_order_id: event
        for event in of(recorded, OrderSubmittedEvent, cls)
        if isinstance(event, OrderSubmittedEvent)
    }
    fills = [event for event in of(recorded, FillEvent, cls) if isinstance(event, FillEvent)]
    assert fills
    for fill in fills:
        order = submitted[fill.client_order_id]
        assert (fill.cause, fill.side) == (order.cause, order.side)


def test_an_order_sent_on_a_fill_goes_back_over_that_fill(recorded: Recorded) -> None:
    paths = [walk(recorded, fill) for fill in of(recorded, OrderFilledEvent, traders.OnFill)]
    longest = max(paths, key=len)
    assert [type(step) for step in longest] == [OrderFilledEvent, OrderFilledEvent, OrderFilledEvent, TickEvent]
    sides = [step.side for step in longest if isinstance(step, FillEvent)]
    assert sides == [Side.BUY, Side.SELL, Side.BUY]
    orders = {step.client_order_id for step in longest if isinstance(step, FillEvent)}
    assert len(orders) == 3


def test_a_bar_goes_back_to_the_trades_in_it(recorded: Recorded) -> None:
    for fill in of(recorded, FillEvent, traders.OnBar):
        bar = walk(recorded, fill)[-1]
        assert isinstance(bar, BarEvent)
        topic = f"{TradeEvent.topic_prefix}.{bar.venue}.{bar.symbol}"
        trades = [
            event
            for event in of(recorded, TradeEvent)
            if isinstance(event, TradeEvent)
            and event.topic == topic
            and bar.ts_event - bar.interval_ns <= event.ts_init < bar.ts_event
        ]
        prices = [trade.price for trade in trades]
        assert (bar.open, bar.high, bar.low, bar.close) == (prices[0], max(prices), min(prices), prices[-1])
        assert bar.volume == pytest.approx(sum(trade.size for trade in trades))


def test_a_cancelled_order_names_what_asked_for_it_and_its_cancel_what_asked_for_that(recorded: Recorded) -> None:
    canceled = of(recorded, OrderCanceledEvent, traders.Cancelling)
    assert len(canceled) > 3
    submitted = {
        event.client_order_id: event.cause
        for event in of(recorded, OrderSubmittedEvent)
        if isinstance(event, OrderSubmittedEvent)
    }
    for event in canceled:
        assert isinstance(event, OrderCanceledEvent)
        assert event.cause == submitted[event.client_order_id]
    cancels = of(recorded, OrderPendingCancelEvent, traders.Cancelling)
    assert len(cancels) == len(canceled)
    *on_timers, at_the_end = [walk(recorded, cancel)[1] for cancel in cancels]
    assert all(isinstance(cause, TimerEvent) for cause in on_timers)
    assert isinstance(at_the_end, TickEvent), "nobody asked for that cancel but the end of the run"


def test_a_reference_names_one_event(recorded: Recorded) -> None:
    """Also of trades of one nanosecond, and of two orders of a strategy that fill in one."""
    shared = [reference for reference, events in recorded.items() if len(events) > 1]
    assert [reference for reference in shared if isinstance(recorded[reference][0], MarketEvent | OrderEvent)] == []
    moments = [
        (type(event), event.topic, event.reference.rpartition("@")[2]) for event in of(recorded, OrderFilledEvent)
    ]
    assert len(set(moments)) < len(moments), "there were such"
