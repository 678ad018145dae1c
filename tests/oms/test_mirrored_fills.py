"""Fills of another daemon are booked once, and what may be missing is noticed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.core.enums import Liquidity, Side
from quantai.core.errors import UnknownInstrument
from quantai.events import FillEvent, OrderPartiallyFilledEvent
from quantai.oms.mirrored_fills import FillLog, MirroredFills
from quantai.oms.orders import new_order
from tests.oms.world import START_NS, D, request


class Books:
    """Remembers what it is given, or fails."""

    def __init__(self) -> None:
        self.booked: list[str] = []
        self.error: Exception | None = None

    def book_fill(self, fill: FillEvent) -> object:
        if self.error is not None:
            raise self.error
        self.booked.append(fill.trade_id)
        return None

    def take_over(self, positions: object, balances: object) -> None:
        raise AssertionError("nobody asked")


class Scene:
    def __init__(self, max_orders: int = 10) -> None:
        self.books = Books()
        self.gaps = 0
        self.fills = MirroredFills(self.books, self.on_gap, max_orders)

    def on_gap(self) -> None:
        self.gaps += 1


def fill(cumulative: str, quantity: str = "1", client_order_id: str = "a1") -> FillEvent:
    head = (client_order_id, "alpha", "binance", "BTC/USDT", START_NS, START_NS, "")
    numbers = (D(100), D(quantity), D(cumulative), D(1), D(0))
    return OrderPartiallyFilledEvent(*head, f"t{cumulative}", Side.BUY, *numbers, "USDT", Liquidity.TAKER)


def test_a_fill_of_an_order_is_new_while_it_is_more_than_the_order_has() -> None:
    scene = Scene()
    order = new_order(request(quantity="5"), "a1", START_NS, {"binance"})
    order.filled_quantity = D(1)
    assert not scene.fills.take(fill("1"), order)
    assert scene.fills.take(fill("2"), order)
    assert (scene.books.booked, scene.gaps) == (["t2"], 0)
    assert scene.fills.counts == {"fills": 1, "duplicates": 1}


def test_fills_of_others_are_known_by_what_they_add_up_to() -> None:
    scene = Scene()
    assert scene.fills.take(fill("3"), None)  # nothing tells what came before it
    assert not scene.fills.take(fill("3"), None)
    assert scene.fills.take(fill("4"), None)
    assert (scene.books.booked, scene.gaps) == (["t3", "t4"], 0)


def test_a_fill_that_adds_up_to_more_than_is_known_shows_a_gap_and_is_booked() -> None:
    scene = Scene()
    scene.fills.know("a1", D(1))
    assert scene.fills.take(fill("3"), None)
    assert (scene.books.booked, scene.gaps) == (["t3"], 1)


@pytest.mark.parametrize("error", [UnknownInstrument("whose?"), RuntimeError("broken")])
def test_a_fill_that_cannot_be_booked_shows_a_gap_and_is_not_booked_again(error: Exception) -> None:
    scene = Scene()
    scene.books.error = error
    assert scene.fills.take(fill("1"), None)
    assert scene.gaps == 1
    assert not scene.fills.take(fill("1"), None)
    assert scene.fills.counts == {"fills": 1, "duplicates": 1}


def test_only_a_fill_that_fails_for_no_known_reason_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.books.error = UnknownInstrument("whose?")
    scene.fills.take(fill("1"), None)
    assert not caplog.records
    scene.books.error = RuntimeError("broken")
    scene.fills.take(fill("2"), None)
    assert "is not in the portfolio" in caplog.text


def test_the_log_keeps_the_orders_that_traded_last() -> None:
    log = FillLog(2)
    for name, filled in (("a", 1), ("b", 1), ("a", 2), ("c", 1)):
        log.set(name, Decimal(filled))
    assert [log.known(name) for name in "abc"] == [D(2), None, D(1)]


def test_the_bound_is_that_of_the_log() -> None:
    scene = Scene(max_orders=1)
    scene.fills.take(fill("1"), None)
    scene.fills.take(fill("1", client_order_id="a2"), None)
    assert scene.fills.take(fill("1"), None)
