from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.data.plan import StreamPlan, plan_streams
from quantai.events import (
    BarEvent,
    FundingRateEvent,
    MarketEvent,
    MarkPriceEvent,
    OrderBookSnapshotEvent,
    TickEvent,
    TradeEvent,
)
from quantai.instruments import Instrument

Kinds = tuple[type[MarketEvent], ...]

INSTRUMENT = Instrument(venue="v", symbol="A/B", tick_size=Decimal(1), lot_size=Decimal(1))
BOOK = OrderBookSnapshotEvent


def plan(has: Kinds, wanted: Kinds = (), bar_intervals: tuple[int, ...] = ()) -> StreamPlan:
    def is_had(event: type[MarketEvent], instrument: Instrument) -> bool:
        assert instrument is INSTRUMENT
        return event in has

    return plan_streams(INSTRUMENT, is_had, wanted, bar_intervals)


@pytest.mark.parametrize(
    ("has", "fills", "derive_ticks"),
    [
        ((), (), False),
        ((TickEvent,), (TickEvent,), False),
        ((TradeEvent,), (TradeEvent,), False),
        ((TickEvent, TradeEvent, BOOK, BarEvent), (TickEvent, TradeEvent), False),
        ((TradeEvent, BOOK), (TickEvent, TradeEvent), True),
        ((BOOK,), (TickEvent,), True),
        ((BOOK, BarEvent), (TickEvent,), True),
        ((BarEvent,), (BarEvent,), False),
        ((TradeEvent, BarEvent), (TradeEvent,), False),
    ],
)
def test_orders_are_filled_on_the_finest_there_is(has: Kinds, fills: Kinds, derive_ticks: bool) -> None:
    made = plan(has)
    assert made.instrument is INSTRUMENT
    assert made.fills == made.prices == fills
    assert made.derive_ticks == derive_ticks


def test_mark_prices_are_prices_but_nothing_is_filled_on_them() -> None:
    made = plan((TickEvent, MarkPriceEvent))
    assert made.fills == (TickEvent,)
    assert made.prices == (TickEvent, MarkPriceEvent)
    assert plan((MarkPriceEvent,)).fills == ()


@pytest.mark.parametrize(
    ("has", "derived"),
    [((TradeEvent,), (5, 60)), ((TradeEvent, BarEvent), (5, 60)), ((BarEvent,), ()), ((TickEvent,), ())],
)
def test_bars_are_built_from_trades_only(has: Kinds, derived: tuple[int, ...]) -> None:
    assert plan(has, bar_intervals=(60, 5, 60)).derive_bars == derived


@pytest.mark.parametrize(
    ("has", "wanted", "missing"),
    [
        ((TickEvent,), (TickEvent, TradeEvent), {TradeEvent}),
        ((BOOK,), (TickEvent, BOOK), set()),
        ((TradeEvent,), (TickEvent, BarEvent), {TickEvent}),
        ((BarEvent,), (BarEvent,), set()),
        ((TickEvent,), (BarEvent, FundingRateEvent), {BarEvent, FundingRateEvent}),
        ((), (), set()),
    ],
)
def test_what_is_wanted_and_neither_had_nor_derived_is_missing(
    has: Kinds, wanted: Kinds, missing: set[type[MarketEvent]]
) -> None:
    assert plan(has, wanted).missing == missing
