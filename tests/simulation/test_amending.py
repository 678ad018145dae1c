"""What a simulated venue does with amendments, batches and reduce-only orders, and what it can be asked."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.core.enums import Liquidity, OrderState, Side, TimeInForce
from quantai.exchanges.execution import AmendOrder, CancelOrder, ExecType, ExecutionReport
from quantai.instruments import Instrument
from quantai.simulation.account import SimulatedAccount
from quantai.simulation.matching import Working
from tests.oms.world import START_NS, D, finish
from tests.simulation.venue import LATENCY_NS, Venue

BUY, SELL = Side.BUY, Side.SELL


def resting(*, bid_size: float = 0.0) -> tuple[Venue, str]:
    """A buy of 2 at 100, behind `bid_size`, in a market of 100 to 101."""
    venue = Venue()
    venue.tick(100, 101, bid_size=bid_size)
    return venue, venue.place(BUY, "2", "100")


def pairs(*fills: tuple[str, str]) -> list[tuple[Decimal, Decimal]]:
    return [(D(price), D(quantity)) for price, quantity in fills]


# Amending


def test_a_change_is_confirmed_with_the_new_total_and_the_new_limit() -> None:
    venue, name = resting()
    sent_ns = venue.clock.now_ns()
    venue.amend(name, "3", "99.5")
    report = venue.reports[-1]
    assert (report.exec_type, report.order_quantity, report.order_price) == (ExecType.REPLACED, D(3), D("99.5"))
    assert (report.venue_order_id, report.client_order_id, report.ts_event) == ("okx-1", name, sent_ns + LATENCY_NS)
    venue.trade(99, 5, SELL)
    assert venue.fills() == pairs(("99.5", "3"))


def test_a_smaller_quantity_keeps_the_place_in_the_queue() -> None:
    venue, name = resting(bid_size=4)
    venue.trade(100, 3, SELL)
    venue.amend(name, "1", "100")
    venue.trade(100, 2, SELL)  # one stood before us still
    assert venue.fills() == pairs(("100", "1"))


@pytest.mark.parametrize(("quantity", "price"), [("3", "100"), ("2", "99.5"), ("1", "99.5")])
def test_any_other_change_goes_to_the_end_of_the_queue(quantity: str, price: str) -> None:
    venue, name = resting(bid_size=4)
    venue.trade(100, 3, SELL)
    venue.amend(name, quantity, price)
    venue.tick(float(price), 101, bid_size=4)
    venue.trade(float(price), 4, SELL)
    assert venue.fills() == []
    venue.trade(float(price), 1, SELL)
    assert venue.fills() == pairs((price, "1"))


def test_of_two_at_a_price_the_one_that_was_changed_comes_second() -> None:
    venue = Venue(behind_queue=False)
    venue.tick(100, 101)
    first, second = venue.place(BUY, "1", "100"), venue.place(BUY, "1", "100")
    venue.amend(first, "2", "100")
    venue.trade(100, 1, SELL)
    assert (venue.fills(first), venue.fills(second)) == ([], pairs(("100", "1")))


def test_a_price_that_reaches_the_market_takes() -> None:
    venue, name = resting()
    venue.amend(name, "2", "101")
    assert venue.kinds(name) == ["NEW", "REPLACED", "TRADE"]
    assert (venue.fills(), venue.reports[-1].liquidity) == (pairs(("101", "2")), Liquidity.TAKER)


def test_without_a_price_the_limit_stays() -> None:
    venue, name = resting()
    venue.amend(name, "1")
    assert (venue.reports[-1].order_quantity, venue.reports[-1].order_price) == (D(1), D(100))


def test_what_has_traded_counts() -> None:
    venue, name = resting()
    venue.trade(99, 0.5, SELL)
    venue.amend(name, "1", "100")
    venue.trade(99, 5, SELL)
    assert venue.fills() == pairs(("100", "0.5"), ("100", "0.5"))


@pytest.mark.parametrize("quantity", ["0.5", "0.4", "0"])
def test_an_amendment_to_what_has_traded_cancels_the_rest(quantity: str) -> None:
    venue, name = resting()
    venue.trade(99, 0.5, SELL)
    venue.amend(name, quantity, "100")
    assert venue.kinds(name) == ["NEW", "TRADE", "CANCELED"]
    assert venue.reports[-1].reason == f"amended to {quantity}, of which 0.5 had traded"
    assert venue.exchange._active == {}


@pytest.mark.parametrize(
    ("quantity", "price", "words"), [("1.05", "100", "lot"), ("2", "100.3", "tick"), ("99", "100", "limits")]
)
def test_a_change_off_the_grid_is_rejected_and_the_order_stays(quantity: str, price: str, words: str) -> None:
    limited = Instrument(
        venue="okx", symbol="BTC/USDT", tick_size=D("0.5"), lot_size=D("0.1"), max_quantity=D(10)
    )  # fmt: skip
    venue = Venue(instrument=limited)
    venue.tick(100, 101, bid_size=0.0)
    name = venue.place(BUY, "2", "100")
    venue.amend(name, quantity, price)
    assert venue.kinds(name) == ["NEW", "REPLACE_REJECTED"]
    assert words in venue.reports[-1].reason
    venue.trade(99, 5, SELL)
    assert venue.fills() == pairs(("100", "2"))


def test_a_post_only_order_that_would_take_is_cancelled() -> None:
    venue = Venue()
    venue.tick(100, 101)
    name = venue.place(BUY, "1", "99", TimeInForce.POST_ONLY)
    venue.amend(name, "1", "100.5")
    venue.amend(name, "1", "101")
    assert venue.kinds(name) == ["NEW", "REPLACED", "CANCELED"]
    assert venue.reports[-1].reason == "post-only, but it would take"


def test_what_is_not_there_or_has_no_limit_cannot_be_changed() -> None:
    venue = Venue()
    market = venue.place(BUY, "1")  # no quote yet: it waits
    venue.amend(market, "2")
    assert venue.reports[-1].reason == "a market order cannot be changed"
    venue.amend("o9", "2", "100")
    assert (venue.kinds("o9"), venue.reports[-1].reason) == (["REPLACE_REJECTED"], "no such open order")
    venue.tick(100, 101)
    assert venue.fills(market) == pairs(("101", "1"))


# Batches


def test_a_batch_arrives_as_one_message() -> None:
    venue = Venue()
    venue.tick(100, 101, bid_size=0.0)
    commands = [venue.command(BUY, "1", "100"), venue.command(BUY, "1", "99"), venue.command(SELL, "1", "100")]
    venue.exchange.submit_batch(commands)
    assert len(venue.exchange._inbox) == 1
    venue.wait()
    assert [venue.kinds(command.client_order_id) for command in commands] == [["NEW"], ["NEW"], ["NEW"]]
    assert len(set(venue.at_ns)) == 1
    venue.exchange.cancel_batch([CancelOrder(name, "BTC/USDT") for name in ("o1", "o3", "o9")])
    venue.wait()
    assert [venue.kinds(name) for name in ("o1", "o2", "o3", "o9")] == [
        ["NEW", "CANCELED"], ["NEW"], ["NEW", "CANCELED"], ["CANCEL_REJECTED"],
    ]  # fmt: skip


# Reduce-only


@pytest.mark.parametrize(("side", "quantity", "is_taken"), [(SELL, "3", True), (SELL, "3.1", False), (BUY, "1", False)])
def test_a_reduce_only_order_must_not_be_larger_than_the_position(side: Side, quantity: str, is_taken: bool) -> None:
    venue = Venue()
    venue.tick(100, 101)
    venue.place(BUY, "3")
    name = venue.place(side, quantity, reduce_only=True)
    assert venue.kinds(name) == (["NEW", "TRADE"] if is_taken else ["REJECTED"])
    if not is_taken:
        assert venue.reports[-1].reason == "reduce-only, but the position is 3"


def test_without_a_position_there_is_nothing_to_reduce() -> None:
    venue = Venue()
    venue.tick(100, 101)
    assert venue.kinds(venue.place(SELL, "1", reduce_only=True)) == ["REJECTED"]


def test_a_reduce_only_order_that_rests_is_cancelled_when_the_position_becomes_smaller_than_it() -> None:
    venue = Venue()
    venue.tick(100, 101)
    venue.place(BUY, "3")
    large = venue.place(SELL, "3", "110", reduce_only=True)
    small = venue.place(SELL, "1", "111", reduce_only=True)
    other = venue.place(SELL, "3", "112")
    venue.place(SELL, "1")
    assert [venue.kinds(name) for name in (large, small, other)] == [["NEW", "CANCELED"], ["NEW"], ["NEW"]]
    assert "the position became smaller than the order" in venue.reports[-1].reason
    venue.tick(110.5, 111.5)
    venue.tick(111, 111.5)
    assert venue.fills(small) == pairs(("111", "1"))


def test_two_reduce_only_orders_never_turn_the_position() -> None:
    venue = Venue()
    venue.tick(100, 101)
    venue.place(BUY, "3")
    names = [venue.place(SELL, "2", "110", reduce_only=True) for _ in range(2)]
    venue.tick(110, 111)
    assert [venue.fills(name) for name in names] == [pairs(("110", "2")), pairs(("110", "1"))]
    assert venue.kinds(names[1]) == ["NEW", "TRADE", "CANCELED"]
    assert venue.exchange._markets["BTC/USDT"].position == 0
    assert venue.exchange._markets["BTC/USDT"].reducing == set()


# What it can be asked


def test_it_tells_every_order_and_fill_it_remembers() -> None:
    venue = Venue()
    venue.tick(100, 101)
    done, part, open_, refused = (
        venue.place(BUY, "2", "101"), venue.place(SELL, "20", "100"), venue.place(BUY, "1", "90"),
        venue.place(BUY, "1", "90.3"),
    )  # fmt: skip
    account = venue.exchange.account
    states = {}
    for name in (done, part, open_, refused):
        status = finish(account.find_order("BTC/USDT", name))
        states[name] = (status.state, str(status.filled_quantity))
    assert states == {
        done: ("FILLED", "2"), part: ("PARTIALLY_FILLED", "10.0"), open_: ("NEW", "0"), refused: ("REJECTED", "0")
    }  # fmt: skip
    assert [status.client_order_id for status in finish(account.open_orders())] == [part, open_]
    rejected = finish(account.find_order("BTC/USDT", refused))
    assert "tick" in rejected.reason
    status = finish(account.find_order("BTC/USDT", "", "okx-2"))
    assert [status.client_order_id, status.side, status.order_type, status.time_in_force] == [
        part,
        SELL,
        "limit",
        "GTC",
    ]
    assert [status.quantity, status.price, status.venue_order_id] == [20, 100, "okx-2"]
    assert status.ts_event > START_NS
    assert finish(account.find_order("BTC/USDT", "o9")) is None
    assert finish(account.find_order("BTC/USDT", "o9", "okx-9")) is None
    assert finish(account.find_order("ETH/USDT", done)) is None


def test_an_order_that_ended_is_told_with_how_and_why() -> None:
    venue, name = resting()
    venue.cancel(name)
    venue.wait()
    status = finish(venue.exchange.account.find_order("BTC/USDT", name))
    assert (status.state, status.filled_quantity) == (OrderState.CANCELED, 0)
    assert finish(venue.exchange.account.open_orders()) == []


def test_a_changed_order_is_told_as_it_is_now() -> None:
    venue, name = resting()
    venue.amend(name, "3", "99")
    status = finish(venue.exchange.account.find_order("BTC/USDT", name))
    assert [status.quantity, status.price, status.state] == [3, 99, "NEW"]


def test_fills_are_told_from_a_time_on() -> None:
    venue = Venue()
    venue.tick(100, 101)
    venue.place(BUY, "1")
    second = venue.place(SELL, "1")
    trades = [report for report in venue.reports if report.exec_type is ExecType.TRADE]
    account = venue.exchange.account
    assert finish(account.fills(0)) == trades
    assert finish(account.fills(trades[1].ts_event)) == trades[1:]
    assert finish(account.fills(trades[1].ts_event + 1)) == []
    assert (trades[1].client_order_id, trades[1].symbol, trades[1].side) == (second, "BTC/USDT", SELL)


def test_it_keeps_no_account() -> None:
    account = Venue().exchange.account
    assert finish(account.balances()) is None
    assert finish(account.positions()) is None


def test_what_it_remembers_is_bounded() -> None:
    venue = Venue()
    account = SimulatedAccount(max_closed=2, max_fills=2)
    for number in range(4):
        order = Working(venue.command(BUY, "1", "100"), f"v{number}")
        order.leaves = D(0)
        name = order.command.client_order_id
        account.keep_fill(order, ExecutionReport(exec_type=ExecType.TRADE, client_order_id=name, ts_event=number))
    assert finish(account.find_order("BTC/USDT", "o2")) is None
    assert finish(account.find_order("BTC/USDT", "o3")) is not None
    assert [fill.ts_event for fill in finish(account.fills(0))] == [2, 3]
    assert account.forgotten == 4


def test_an_amendment_leaves_after_the_order_it_is_for() -> None:
    venue = Venue()
    venue.tick(100, 101)
    name = venue.send(BUY, "1", "90")
    venue.exchange.amend(AmendOrder(name, "BTC/USDT", "", BUY, D(2), D(90)))
    venue.wait()
    assert venue.kinds(name) == ["NEW", "REPLACED"]
