"""What the market is worth, by the best that is known."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.core.enums import Side
from quantai.data.market import MarketView
from quantai.events import BarEvent, FundingRateEvent, MarketEvent, MarkPriceEvent, TickEvent, TradeEvent

KEY = ("binance", "BTC/USDT")
BAR = BarEvent(*KEY, 1, 1, 60, 1.0, 2.0, 0.5, 1.5, 9.0)
TRADE = TradeEvent(*KEY, 2, 2, 2.5, 1.0, Side.BUY, "")
TICK = TickEvent(*KEY, 3, 3, 3.1, 1.0, 3.2, 1.0)
MARK = MarkPriceEvent(*KEY, 4, 4, 4.5)


@pytest.mark.parametrize(
    ("events", "price"),
    [
        ([], None),
        ([BAR], "1.5"),
        ([BAR, TRADE], "2.5"),
        ([BAR, TRADE, TICK], "3.15"),
        ([BAR, TRADE, TICK, MARK], "4.5"),
    ],
)
def test_the_best_price_known_counts(events: list[MarketEvent], price: str | None) -> None:
    view = MarketView()
    for event in events:
        view.update(event)
    assert view.price(*KEY) == (Decimal(price) if price else None)
    assert view.price("okx", "BTC/USDT") is None
    assert view.seen_ns(*KEY) == (events[-1].ts_init if events else None)


def test_the_newest_is_kept() -> None:
    view = MarketView()
    view.update(TICK)
    newer = TickEvent(*KEY, 9, 9, 5.0, 1.0, 6.0, 1.0)
    view.update(newer)
    assert view.tick(*KEY) is newer
    assert view.trade(*KEY) is None


def test_an_event_nobody_asks_for_is_a_mistake_in_the_wiring() -> None:
    with pytest.raises(KeyError):
        MarketView().update(FundingRateEvent(*KEY, 1, 1, 0.0001))
