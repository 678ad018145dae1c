"""A portfolio that is told what it holds."""

from __future__ import annotations

import pytest

from quantai.core.clock import SimulatedClock
from quantai.data.market import MarketView
from quantai.events import BalanceStateEvent, PositionStateEvent
from quantai.events.bus import MemoryEventBus
from quantai.instruments import InstrumentCatalogue
from quantai.portfolio.mirror import MirroredPortfolio
from tests.oms.world import PERP, SPOT, START_NS, D

HEAD = ("s1", 1, START_NS, START_NS)


def portfolio() -> MirroredPortfolio:
    clock = SimulatedClock(START_NS)
    return MirroredPortfolio(
        bus=MemoryEventBus(clock), clock=clock, market=MarketView(), catalogue=InstrumentCatalogue([SPOT, PERP]),
        base_currency="USDT", balances={},
    )  # fmt: skip


def held(strategy: str, symbol: str, quantity: str, venue: str = "binance") -> PositionStateEvent:
    return PositionStateEvent(*HEAD, strategy, venue, symbol, D(quantity), D(quantity) * 100, D(7))


def test_it_holds_what_it_was_told_last() -> None:
    mirror = portfolio()
    mirror.take_over([held("a", "BTC/USDT", "5")], [BalanceStateEvent(*HEAD, "okx", "BTC", D(9))])
    mirror.take_over(
        [held("a", "BTC/USDT", "2"), held("b", "BTC/USDT", "-3")], [BalanceStateEvent(*HEAD, "binance", "USDT", D(50))]
    )
    assert mirror.position("binance", "BTC/USDT", "a") == 2
    assert mirror.position("binance", "BTC/USDT") == -1
    assert mirror.balances() == {("binance", "USDT"): D(50)}
    position = dict(mirror.positions())["a", "binance", "BTC/USDT"]
    assert (position.average_price, position.realized_pnl) == (D(100), D(7))


def test_it_owes_what_it_was_told_that_the_venue_did_not_pay() -> None:
    mirror = portfolio()
    told = PositionStateEvent(*HEAD, "a", "okx", PERP.symbol, D(0), D(0), D(7), D("0.5"))
    mirror.take_over([told], [BalanceStateEvent(*HEAD, "okx", "USDT", D(9))])
    assert (mirror.unrealized("okx", "USDT"), mirror.value().total) == (D("0.5"), D("9.5"))
    mirror.take_over([held("a", PERP.symbol, "0", "okx")], [])
    assert mirror.unrealized("okx", "USDT") == 0


def test_what_was_believed_wrongly_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    mirror = portfolio()
    mirror.take_over([held("a", "BTC/USDT", "5"), held("b", "BTC/USDT", "1")], [])
    caplog.clear()
    mirror.take_over([held("b", "BTC/USDT", "1")], [])
    assert caplog.messages == ["the position of a in binance:BTC/USDT is 0, not 5 as was known here"]


def test_what_it_was_not_told_of_is_gone() -> None:
    mirror = portfolio()
    mirror.take_over([held("a", "BTC/USDT", "5")], [])
    mirror.take_over([], [])
    assert mirror.position("binance", "BTC/USDT", "a") == mirror.position("binance", "BTC/USDT") == 0
    assert list(mirror.positions()) == []


def test_an_instrument_that_is_not_configured_here_is_left_out() -> None:
    mirror = portfolio()
    mirror.take_over([held("a", "ETH/USDT", "5")], [])
    assert list(mirror.positions()) == []
