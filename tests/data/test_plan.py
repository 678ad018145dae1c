"""Which streams are used for what."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.data.plan import plan_streams
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

INSTRUMENT = Instrument(venue="okx", symbol="BTC/USDT:USDT", tick_size=Decimal(1), lot_size=Decimal(1))
Kinds = set[type[MarketEvent]]


@pytest.mark.parametrize(
    ("there", "fills", "derive_ticks", "derive_bars"),
    [
        ({TickEvent, TradeEvent}, (TickEvent, TradeEvent), False, (60,)),
        ({TradeEvent}, (TradeEvent,), False, (60,)),
        ({BarEvent}, (BarEvent,), False, ()),
        ({BarEvent, TradeEvent}, (TradeEvent,), False, (60,)),
        ({OrderBookSnapshotEvent}, (TickEvent,), True, ()),
        ({OrderBookSnapshotEvent, TickEvent}, (TickEvent,), False, ()),
        (set(), (), False, ()),
    ],
)
def test_orders_fill_on_the_finest_there_is(
    there: Kinds, fills: tuple[type[MarketEvent], ...], derive_ticks: bool, derive_bars: tuple[int, ...]
) -> None:
    plan = plan_streams(INSTRUMENT, lambda event, _: event in there, [], [60, 60])
    assert (plan.fills, plan.derive_ticks, plan.derive_bars) == (fills, derive_ticks, derive_bars)


def test_prices_come_from_fills_and_marks() -> None:
    plan = plan_streams(INSTRUMENT, lambda event, _: event in {TickEvent, MarkPriceEvent}, [], [])
    assert plan.prices == (TickEvent, MarkPriceEvent)


def test_what_cannot_be_had_or_made_is_missing() -> None:
    wanted: list[type[MarketEvent]] = [TickEvent, BarEvent, FundingRateEvent, TradeEvent]
    plan = plan_streams(INSTRUMENT, lambda event, _: event in {TradeEvent}, wanted, [60])
    assert plan.missing == {TickEvent, FundingRateEvent}
