"""What a journal tells while no daemon runs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from quantai.core.account import AccountChange, PositionRecord
from quantai.core.enums import OrderState, OrderType, Side, TimeInForce, TradingState
from quantai.core.errors import StoreError
from quantai.oms.journal import JournalledEvent
from quantai.oms.journal.stored import StoredOrder
from quantai.ops.control import archive
from quantai.ops.control.archive import Archive
from quantai.ops.control.requests import OrdersRequest

D = Decimal


def stored(number: int, name: str = "", **fields: object) -> StoredOrder:
    values: dict[str, object] = {
        "number": number, "client_order_id": name or f"alpha{number:06}", "strategy": "alpha", "venue": "binance",
        "symbol": "BTC/USDT", "side": Side.BUY, "order_type": OrderType.LIMIT, "quantity": D(2), "price": D(100),
        "time_in_force": TimeInForce.GTC, "cause": "", "ts_submitted": number, "trigger_price": None,
        "reduce_only": False, "parent_order_id": "", "is_parent": False, "state": OrderState.NEW,
        "venue_order_id": f"v{number}", "is_sent": True, "is_accepted": True, "filled_quantity": D(0),
        "filled_value": D(0), "ts_last": number, "reason": "", "change": None,
    }  # fmt: skip
    return StoredOrder(**{**values, **fields})  # type: ignore[arg-type]


class Shelf:
    """A journal's reader, over orders in memory."""

    def __init__(self, *orders: StoredOrder) -> None:
        self._orders = orders
        self.kept: dict[str, str] = {}
        self.positions: tuple[PositionRecord, ...] = ()

    def orders(
        self, *, open_only: bool = False, strategy: str | None = None, symbol: str | None = None, limit: int = 100
    ) -> Sequence[StoredOrder]:
        found = [
            each
            for each in self._orders
            if (each.state.is_open or not open_only)
            and strategy in (None, each.strategy)
            and symbol in (None, each.symbol)
        ]
        return found[-limit:]

    def order(self, name: str) -> StoredOrder:
        exact = [each for each in self._orders if name in (each.client_order_id, each.venue_order_id)]
        found = exact or [each for each in self._orders if each.client_order_id.startswith(name)]
        if len(found) != 1:
            raise StoreError(f"{len(found)} orders")
        return found[0]

    def story(self, client_order_id: str) -> Sequence[JournalledEvent]:
        return [JournalledEvent(1, 5, "order.submitted", {"of": client_order_id})]

    def settings(self) -> dict[str, str]:
        return self.kept

    def account(self) -> AccountChange:
        return AccountChange(self.positions)


def ids(shelf: Shelf, wanted: OrdersRequest) -> list[str]:
    return [each.client_order_id for each in Archive(shelf, "j").orders(wanted).orders]


def test_the_same_filters_as_a_daemon_has() -> None:
    shelf = Shelf(
        stored(1), stored(2, state=OrderState.FILLED), stored(3, venue="okx"), stored(4, symbol="ETH/USDT"),
        stored(5, strategy="beta"),
    )  # fmt: skip
    assert ids(shelf, OrdersRequest()) == ["alpha000001", "alpha000003", "alpha000004", "alpha000005"]
    assert ids(shelf, OrdersRequest(venue="okx")) == ["alpha000003"]
    assert ids(shelf, OrdersRequest(symbol="ETH/USDT")) == ["alpha000004"]
    assert ids(shelf, OrdersRequest(strategy="beta")) == ["alpha000005"]
    assert ids(shelf, OrdersRequest(closed=True, state=OrderState.FILLED)) == ["alpha000002"]


@pytest.mark.parametrize(("limit", "has_more"), [(2, True), (3, False)])
def test_it_says_when_there_are_more(limit: int, has_more: bool) -> None:
    listing = Archive(Shelf(stored(1), stored(2), stored(3)), "here").orders(OrdersRequest(limit=limit))
    assert [each.ts_submitted for each in listing.orders] == [1, 2, 3][-limit:]
    assert (listing.has_more, listing.source) == (has_more, "here")


def test_it_says_that_there_may_be_more_where_not_all_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_SIFTED", 2)
    listing = Archive(Shelf(stored(1, venue="okx"), stored(2), stored(3)), "here").orders(OrdersRequest(venue="okx"))
    assert (listing.orders, listing.has_more) == ((), True)


def test_a_story_has_family_entries_and_the_average_price() -> None:
    parent = stored(1, "parent", is_parent=True)
    child = stored(2, "child", parent_order_id="parent", filled_quantity=D(2), filled_value=D(201))
    story = Archive(Shelf(parent, child, stored(3)), "here").explain("child")
    assert story.order is not None
    assert story.order.average_price == D("100.5")
    assert story.parent is not None
    assert story.parent.client_order_id == "parent"
    assert [(each.ts_ns, each.kind, each.body) for each in story.entries] == [(5, "order.submitted", {"of": "child"})]
    of_parent = Archive(Shelf(parent, child, stored(3)), "here").explain("par")
    assert [each.client_order_id for each in of_parent.children] == ["child"]


def test_a_name_that_several_have_lists_them() -> None:
    story = Archive(Shelf(stored(1), stored(2)), "here").explain("alpha")
    assert [each.client_order_id for each in story.matches] == ["alpha000001", "alpha000002"]


def test_names_as_tables_show_them_and_as_venues_call_them_are_found() -> None:
    shelf = Shelf(stored(1), stored(2))
    for name in ("alp…02", "v2"):
        story = Archive(shelf, "here").explain(name)
        assert story.order is not None
        assert story.order.client_order_id == "alpha000002"
    assert len(Archive(shelf, "here").explain("al…").matches or ()) == 2


@pytest.mark.parametrize("name", ["zzz", "z…z"])
def test_what_is_not_there_is_told(name: str) -> None:
    with pytest.raises(StoreError, match="0 orders"):
        Archive(Shelf(stored(1)), "here").explain(name)


def test_what_the_next_start_will_find() -> None:
    shelf = Shelf(stored(1), stored(2, state=OrderState.CANCELED))
    shelf.kept = {
        "trading_state": '{"": {"state": "HALTED", "reason": "drill", "ts_ns": 7},'
        ' "beta": {"state": "REDUCING", "reason": "", "ts_ns": 8}}'
    }
    held = PositionRecord("alpha", "binance", "BTC/USDT", D(1), D(100), D(0), D(100))
    flat = PositionRecord("beta", "binance", "BTC/USDT", D(0), D(0), D(5), D(100))
    shelf.positions = (held, flat)
    kept = Archive(shelf, "here").kept()
    assert [(each.strategy, each.state, each.reason, each.ts_ns) for each in kept.states] == [
        (None, TradingState.HALTED, "drill", 7),
        ("beta", TradingState.REDUCING, "", 8),
    ]
    assert (kept.positions, kept.open_orders, kept.source) == ((held,), 1, "here")


def test_nothing_kept_is_active() -> None:
    assert Archive(Shelf(), "here").kept().states == ()


def test_states_that_cannot_be_read_are_told() -> None:
    shelf = Shelf()
    shelf.kept = {"trading_state": "nonsense"}
    with pytest.raises(StoreError, match="trading states in here cannot be read"):
        Archive(shelf, "here").kept()
