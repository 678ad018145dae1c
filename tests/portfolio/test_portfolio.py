"""Balances, events and valuation."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.core.account import AccountChange, BalanceRecord, PositionRecord
from quantai.core.enums import Liquidity, Side
from quantai.core.errors import UnknownInstrument
from quantai.events import (
    OrderFilledEvent,
    PortfolioValueEvent,
    PositionClosedEvent,
    PositionEvent,
    PositionModifiedEvent,
    PositionOpenedEvent,
)
from quantai.exchanges.execution import ExecType
from quantai.instruments import Instrument
from tests.oms.world import BTC, OPTION, PERP, SPOT, START_NS, D, World

BUY, SELL = Side.BUY, Side.SELL


def position_events(world: World) -> list[PositionEvent]:
    return [event for event in world.events if isinstance(event, PositionEvent)]


def fill(
    side: Side, quantity: str, price: str, *, instrument: Instrument = SPOT, fee: str = "0", fee_currency: str = "USDT"
) -> OrderFilledEvent:
    return OrderFilledEvent(
        "o", "alpha", instrument.venue, instrument.symbol, START_NS, START_NS, "", "1", side, D(price), D(quantity),
        D(quantity), D(0), D(fee), fee_currency, Liquidity.TAKER,
    )  # fmt: skip


def test_spot_exchanges_the_whole_price() -> None:
    world = World()
    world.portfolio.book_fill(fill(BUY, "2", "100", fee="0.2"))
    assert world.portfolio.balance("binance", "USDT") == D("799.8")
    assert world.portfolio.balance("binance", "BTC") == 2
    assert world.portfolio.balance("okx", "BTC") == 0


def test_a_perpetual_pays_only_what_it_realizes() -> None:
    world = World()
    world.portfolio.book_fill(fill(BUY, "100", "100", instrument=PERP))
    assert world.portfolio.balance("okx", "USDT") == 1000
    world.portfolio.book_fill(fill(SELL, "50", "120", instrument=PERP))
    assert world.portfolio.balance("okx", "USDT") == 1010
    assert world.portfolio.unrealized("okx", "USDT") == 0  # half a BTC bought at 100, quoted at 100


def test_an_option_is_paid_in_full_and_worth_its_market_price() -> None:
    world = World()
    world.portfolio.book_fill(fill(BUY, "2", "90", instrument=OPTION))
    assert world.portfolio.balance("okx", "USDT") == 820
    assert world.portfolio.value().total == 2020


def test_a_fee_can_be_paid_in_another_currency() -> None:
    world = World()
    world.portfolio.book_fill(fill(BUY, "1", "100", fee="0.001", fee_currency="BTC"))
    assert world.portfolio.balance("binance", "BTC") == D("0.999")
    made = world.portfolio.strategy_value("alpha")
    assert made is not None
    assert (made.fees, made.pnl) == (D("0.1"), D("-0.1"))
    assert world.portfolio.value().total == D("1999.9")


def test_a_fee_taken_from_what_was_bought_leaves_that_much_less_to_sell() -> None:
    world = World()
    world.portfolio.book_fill(fill(BUY, "1", "100", fee="0.001", fee_currency="BTC"))
    assert world.portfolio.position("binance", "BTC/USDT", "alpha") == D("0.999")
    assert world.portfolio.position("binance", "BTC/USDT") == world.portfolio.balance("binance", "BTC")
    world.portfolio.book_fill(fill(SELL, "0.999", "120"))
    assert world.portfolio.position("binance", "BTC/USDT", "alpha") == 0
    made = world.portfolio.strategy_value("alpha")
    assert made is not None
    assert made.pnl == world.portfolio.balance("binance", "USDT") - 1000 == D("19.88")
    assert made.fees == D("0.1")


def test_positions_are_opened_modified_and_closed() -> None:
    world = World()
    for side, quantity in ((BUY, "1"), (BUY, "1"), (SELL, "3"), (BUY, "1")):
        world.traded(side, quantity)
    kinds = [type(event) for event in position_events(world)]
    assert kinds == [PositionOpenedEvent, PositionModifiedEvent, PositionModifiedEvent, PositionClosedEvent]
    assert [event.quantity for event in position_events(world)] == [1, 2, -1, 0]
    assert position_events(world)[-1].average_price == 0


def test_a_fill_of_an_instrument_nobody_configured_is_refused_whole() -> None:
    world = World()
    strange = Instrument(venue="okx", symbol="XRP/USDT", tick_size=D(1), lot_size=D(1))
    with pytest.raises(UnknownInstrument):
        world.portfolio.book_fill(fill(BUY, "1", "100", instrument=strange))
    assert world.portfolio.balances() == world.portfolio.starting_balances


# Valuation


def test_what_has_no_price_is_counted_and_not_taken_for_nothing() -> None:
    world = World(price=0, balances={"okx": {"USDT": D(100), "BTC": D(1), "DOGE": D(5)}})
    assert world.portfolio.value().unpriced == 2
    event = world.portfolio.publish_value()
    assert (event.equity, event.unpriced, world.portfolio.starting_equity) == (D(100), 2, None)


def test_nothing_of_a_currency_needs_no_price() -> None:
    world = World(balances={"okx": {"USDT": D(100), "DOGE": D(0)}})
    assert world.portfolio.value().unpriced == 0


def test_a_holding_is_converted_at_its_own_venue_first() -> None:
    world = World(balances={"okx": {"BTC": D(1)}, "binance": {"BTC": D(1)}})
    world.quote(SPOT, 110, 110)
    world.quote(BTC, 90, 90)
    world.quote(PERP, 70, 70)
    assert world.portfolio.to_base(D(1), "BTC", "binance") == 110
    assert world.portfolio.to_base(D(1), "BTC", "okx") == 90
    assert world.portfolio.value().total == 200


def test_a_holding_is_converted_through_a_pair_the_other_way_round() -> None:
    world = World(base_currency="BTC", balances={"binance": {"USDT": D(50)}})
    assert world.portfolio.value().total == D("0.5")


def test_a_contract_gives_a_price_where_there_is_no_spot_pair() -> None:
    world = World(price=0, balances={"okx": {"BTC": D(2)}})
    world.quote(PERP, 100, 100)
    assert world.portfolio.value().total == 200


def test_equity_starts_with_what_the_account_began_with_whatever_was_traded_since() -> None:
    """A holding may get its first price after the first trade; profit must not begin at nothing then."""
    world = World(price=0, balances={"binance": {"USDT": D(1000), "BTC": D(1)}})
    world.portfolio.book_fill(fill(BUY, "1", "90"))
    world.quote(SPOT, 100, 100)
    event = world.portfolio.publish_value()
    assert world.portfolio.starting_equity == 1100
    assert (event.equity, event.pnl) == (D(1110), D(10))


def test_the_starting_equity_stays_when_prices_move() -> None:
    world = World(balances={"binance": {"BTC": D(1)}})
    world.portfolio.publish_value()
    world.quote(SPOT, 150, 150)
    assert world.portfolio.publish_value().pnl == 50


def test_what_the_venue_says_is_held_before_anything_began_is_no_profit() -> None:
    world = World(balances={"binance": {"USDT": D(1000)}})
    world.portfolio.publish_value()
    world.portfolio.adjust_balance("binance", "USDT", D(5000), "the venue says so")
    world.portfolio.begin()
    event = world.portfolio.publish_value()
    assert (event.equity, event.pnl) == (D(5000), D(0))
    assert world.portfolio.starting_equity == 5000


def test_a_valuation_is_published() -> None:
    world = World()
    world.traded(BUY, "1", "90")
    event = world.portfolio.publish_value()
    assert world.events[-1] is event
    assert isinstance(event, PortfolioValueEvent)
    assert (event.currency, event.equity, event.pnl) == ("USDT", D(2010), D(10))


def test_a_strategy_without_a_price_for_its_position_made_nobody_knows_what() -> None:
    world = World(price=0)
    world.traded(BUY, "1", "90")
    assert world.portfolio.strategy_value("alpha") is None
    assert world.portfolio.instrument_value("binance", "BTC/USDT") is None
    unheard = world.portfolio.strategy_value("beta")
    assert unheard is not None
    assert unheard.pnl == 0


def test_unrealized_profit_counts_contracts_of_that_venue_and_currency_only() -> None:
    world = World()
    world.traded(BUY, "100", "90", instrument=PERP)
    world.traded(BUY, "1", "90", instrument=SPOT)
    assert world.portfolio.unrealized("okx", "USDT") == 10
    assert world.portfolio.unrealized("okx", "BTC") == 0
    assert world.portfolio.unrealized("binance", "USDT") == 0


def test_realized_and_unrealized_profit_fees_and_turnover_of_a_strategy() -> None:
    world = World()
    order = world.submit(BUY, "2", None)
    world.fill(order, "2", "90", fee="1")
    order = world.submit(SELL, "1", None)
    world.fill(order, "1", "95", fee="0.5", trade_id="2")
    world.report(order, ExecType.NEW)
    made = world.portfolio.strategy_value("alpha")
    assert made is not None
    expected: tuple[Decimal, ...] = (D(5), D(10), D("1.5"), D(275), D("13.5"))
    assert (made.realized_pnl, made.unrealized_pnl, made.fees, made.traded_notional, made.pnl) == expected


def test_what_an_earlier_run_held_replaces_what_is_configured_and_the_rest_is_new() -> None:
    world = World(balances={"binance": {"USDT": D(1000)}, "okx": {"USDT": D(500), "BTC": D(1)}})
    held = (BalanceRecord("binance", "USDT", D(7)), BalanceRecord("binance", "BTC", D(2)))
    position = PositionRecord("alpha", "binance", "BTC/USDT", D(2), D(200), D(3), D(400), (("USDT", D(1)),))
    new = world.portfolio.restore(AccountChange((position,), held))
    assert new == AccountChange(balances=(BalanceRecord("okx", "USDT", D(500)), BalanceRecord("okx", "BTC", D(1))))
    everything = {
        ("binance", "USDT"): D(7), ("binance", "BTC"): D(2), ("okx", "USDT"): D(500), ("okx", "BTC"): D(1)
    }  # fmt: skip
    assert world.portfolio.balances() == world.portfolio.starting_balances == everything
    assert (
        world.portfolio.position("binance", "BTC/USDT") == world.portfolio.position("binance", "BTC/USDT", "alpha") == 2
    )
    assert world.portfolio.restore(world.portfolio.account()) == AccountChange()


def test_a_first_run_holds_what_is_configured() -> None:
    world = World(balances={"okx": {"USDT": D(500)}})
    assert world.portfolio.restore(AccountChange()) == world.portfolio.account()
    assert world.portfolio.balances() == {("okx", "USDT"): D(500)}


def test_an_open_position_in_what_is_not_configured_is_told_and_a_closed_one_is_left_out() -> None:
    world = World()
    closed = PositionRecord("alpha", "kraken", "ETH/EUR", D(0), D(0), D(5), D(10))
    world.portfolio.restore(AccountChange((closed,)))
    assert list(world.portfolio.positions()) == []
    still_open = PositionRecord("alpha", "kraken", "ETH/EUR", D("-1.50"), D(0), D(5), D(10))
    with pytest.raises(
        UnknownInstrument, match=r"alpha has a position of -1\.5 in kraken:ETH/EUR, which is not configured"
    ):
        world.portfolio.restore(AccountChange((still_open,)))
