"""Who trades, at which price, and how much of it: rule by rule."""

from __future__ import annotations

from quantai.core.enums import Liquidity, Side, TimeInForce
from quantai.events import BarEvent, TradeEvent
from quantai.exchanges.execution import ExecType
from quantai.instruments import Instrument
from tests.oms.world import D
from tests.simulation.venue import SECOND_NS, Venue

BUY, SELL, UNKNOWN = Side.BUY, Side.SELL, Side.UNKNOWN


def fills_of(*pairs: tuple[str, str]) -> list[tuple[object, object]]:
    return [(D(price), D(quantity)) for price, quantity in pairs]


def liquidity(venue: Venue) -> list[Liquidity]:
    return [report.liquidity for report in venue.reports if report.exec_type is ExecType.TRADE]


# Taking


def test_a_market_order_takes_quote_after_quote_until_it_is_done() -> None:
    venue = Venue()
    venue.tick(100, 101, ask_size=1)
    venue.place(BUY, "3")
    venue.tick(101, 102, ask_size=1.5)
    venue.tick(101, 99, ask_size=9)
    assert venue.fills() == fills_of(("101", "1"), ("102", "1.5"), ("99", "0.5"))


def test_a_sell_takes_the_bid() -> None:
    venue = Venue()
    venue.tick(100, 101, bid_size=2)
    venue.place(SELL, "2")
    assert venue.fills() == fills_of(("100", "2"))


def test_a_marketable_limit_order_gets_the_quote_and_not_its_limit() -> None:
    venue = Venue()
    venue.tick(100, 101, ask_size=1)
    venue.place(BUY, "3", "110")
    venue.tick(100, 102, ask_size=1)
    assert venue.fills() == fills_of(("101", "1"), ("102", "1"))
    assert liquidity(venue) == [Liquidity.TAKER, Liquidity.TAKER]


def test_what_is_left_of_a_limit_order_rests_once_the_quote_is_beyond_it() -> None:
    venue = Venue()
    venue.tick(100, 101, ask_size=1)
    venue.place(BUY, "3", "101")
    venue.tick(100, 102)
    venue.tick(99, 100, ask_size=1)  # comes down to it: a resting order trades at its limit
    assert venue.fills() == fills_of(("101", "1"), ("101", "1"))
    assert liquidity(venue) == [Liquidity.TAKER, Liquidity.MAKER]


def test_a_quote_can_be_taken_once_by_all_our_orders_together() -> None:
    venue = Venue()
    venue.tick(100, 101, ask_size=5)
    venue.send(BUY, "3")
    venue.send(BUY, "3")
    venue.wait()
    assert venue.fills() == fills_of(("101", "3"), ("101", "2"))


def test_what_was_taken_does_not_come_back_with_a_change_of_the_other_side() -> None:
    venue = Venue()
    venue.tick(100, 101, ask_size=5)
    venue.place(BUY, "5")
    venue.tick(99.5, 101, ask_size=5)
    venue.place(BUY, "1")
    assert sum(quantity for _, quantity in venue.fills()) == 5


def test_only_what_is_added_to_a_taken_quote_is_fresh() -> None:
    venue = Venue()
    venue.tick(100, 101, ask_size=5)
    venue.place(BUY, "4")  # leaves 1
    venue.tick(100, 101, ask_size=3)  # others left: still at most 1
    venue.tick(100, 101, ask_size=4.5)  # 1.5 more
    venue.place(BUY, "10")
    assert venue.fills() == fills_of(("101", "4"), ("101", "2.5"))


def test_a_price_that_went_and_came_back_is_a_new_quote() -> None:
    venue = Venue()
    venue.tick(100, 101, ask_size=5)
    venue.place(BUY, "5")
    venue.tick(100, 102, ask_size=5)
    venue.tick(100, 101, ask_size=5)
    venue.place(BUY, "5")
    assert venue.fills() == fills_of(("101", "5"), ("101", "5"))


def test_an_order_before_any_market_waits_for_the_first_quote() -> None:
    venue = Venue()
    venue.place(BUY, "1", "110")
    venue.tick(100, 101)
    assert venue.fills() == fills_of(("101", "1"))


def test_a_fill_is_of_whole_lots() -> None:
    venue = Venue()
    venue.tick(100, 101, ask_size=1.27)
    venue.place(BUY, "2")
    assert venue.fills() == fills_of(("101", "1.2"))
    venue.tick(100, 102, ask_size=0.05)
    assert len(venue.fills()) == 1


# Resting


def test_a_resting_order_trades_at_its_limit_when_the_quote_jumps_through_it() -> None:
    venue = Venue()
    venue.tick(100, 101)
    venue.place(BUY, "3", "99")
    venue.tick(90, 91, ask_size=2)
    assert venue.fills() == fills_of(("99", "2"))
    venue.tick(90, 91, ask_size=2)  # the same quote again: nothing new to trade with
    assert len(venue.fills()) == 1
    venue.tick(90, 90.5, ask_size=2)
    assert venue.fills()[1:] == fills_of(("99", "1"))
    assert set(liquidity(venue)) == {Liquidity.MAKER}


def test_a_resting_order_does_not_trade_while_the_quote_stays_away() -> None:
    venue = Venue()
    venue.tick(100, 101)
    venue.place(BUY, "1", "100.5")
    venue.tick(100, 101.5)
    venue.trade(101, 50, SELL)
    assert venue.fills() == []


def test_the_better_price_goes_first_then_the_older_order() -> None:
    venue = Venue()
    venue.tick(100, 101)
    low, old, new = venue.place(BUY, "1", "98"), venue.place(BUY, "1", "99"), venue.place(BUY, "1", "99")
    venue.tick(97, 97.5, ask_size=2)
    assert (venue.fills(old), venue.fills(new), venue.fills(low)) == (fills_of(("99", "1")), fills_of(("99", "1")), [])


def test_the_highest_sell_goes_last() -> None:
    venue = Venue()
    venue.tick(100, 101)
    high, low = venue.place(SELL, "1", "103"), venue.place(SELL, "1", "102")
    venue.trade(105, 1, BUY)
    assert (venue.fills(low), venue.fills(high)) == (fills_of(("102", "1")), [])


def test_a_print_through_the_price_fills_up_to_its_size() -> None:
    venue = Venue()
    venue.tick(100, 101)
    venue.place(BUY, "3", "99")
    venue.trade(98.5, 2, SELL)
    assert venue.fills() == fills_of(("99", "2"))


def test_a_print_of_a_taker_on_our_own_side_does_not_reach_us() -> None:
    venue = Venue()
    venue.tick(100, 101)
    venue.place(BUY, "1", "99")
    venue.trade(98, 5, BUY)
    assert venue.fills() == []
    venue.trade(98, 5, UNKNOWN)
    assert venue.fills() == fills_of(("99", "1"))


def test_one_print_is_shared_by_orders_on_both_sides_and_never_exceeded() -> None:
    venue = Venue()
    venue.tick(100, 101, 0.1, 0.1)
    venue.place(BUY, "3", "100.5")
    venue.place(BUY, "3", "100.5")
    venue.trade(100, 4, SELL)
    assert sum(quantity for _, quantity in venue.fills()) == 4


# The queue


def test_what_stands_before_an_order_at_its_price_trades_first() -> None:
    venue = Venue()
    venue.tick(100, 101, bid_size=5)
    venue.place(BUY, "2", "100")
    venue.tick(100, 101, bid_size=7)  # two more behind us
    venue.trade(100, 3, SELL)
    assert venue.fills() == []
    venue.trade(100, 3, SELL)
    assert venue.fills() == fills_of(("100", "1"))
    venue.trade(100, 3, SELL)
    assert venue.fills() == fills_of(("100", "1"), ("100", "1"))


def test_no_more_stands_before_an_order_than_is_shown_at_its_price() -> None:
    venue = Venue()
    venue.tick(100, 101, bid_size=5)
    venue.place(BUY, "2", "100")
    venue.tick(100, 101, bid_size=1)  # four were cancelled
    venue.tick(100, 101, bid_size=9)  # all behind us
    venue.trade(100, 2, SELL)
    assert venue.fills() == fills_of(("100", "1"))


def test_nothing_stands_before_an_order_that_is_better_than_the_quote() -> None:
    venue = Venue()
    venue.tick(100, 101, bid_size=5)
    venue.place(BUY, "1", "100.5")
    venue.tick(99, 101, bid_size=50)
    venue.trade(100.5, 1, SELL)
    assert venue.fills() == fills_of(("100.5", "1"))


def test_an_order_behind_the_best_price_joins_its_queue_when_it_becomes_the_best() -> None:
    venue = Venue()
    venue.tick(100, 101)
    venue.place(BUY, "1", "99")
    venue.trade(99, 50, SELL)  # not known what stood before us: nothing
    assert venue.fills() == []
    venue.tick(99, 101, bid_size=4)
    venue.trade(99, 4, SELL)
    assert venue.fills() == []
    venue.trade(99, 1, SELL)
    assert venue.fills() == fills_of(("99", "1"))


def test_in_front_of_the_queue_the_first_print_at_the_price_fills() -> None:
    venue = Venue(behind_queue=False)
    venue.tick(100, 101, bid_size=50)
    venue.place(BUY, "1", "100")
    venue.trade(100, 1, SELL)
    assert venue.fills() == fills_of(("100", "1"))


# Prints only


def test_without_quotes_a_market_order_trades_with_the_next_takers_of_its_side() -> None:
    venue = Venue(streams=(TradeEvent,))
    venue.trade(100, 5, BUY)
    venue.place(BUY, "3")
    venue.trade(99, 5, SELL)  # somebody sold at the bid: nothing says that one could have bought there
    assert venue.fills() == []
    venue.trade(101, 2, BUY)
    venue.trade(102, 5, UNKNOWN)
    assert venue.fills() == fills_of(("101", "2"), ("102", "1"))


def test_without_quotes_a_marketable_limit_gets_one_chance_and_then_rests() -> None:
    venue = Venue(streams=(TradeEvent,))
    venue.trade(100, 5, BUY)
    venue.place(BUY, "1", "100")
    venue.trade(101, 5, BUY)
    venue.trade(98, 5, SELL)
    assert venue.fills() == fills_of(("100", "1"))
    assert liquidity(venue) == [Liquidity.MAKER]


def test_without_quotes_a_resting_order_needs_a_print_through_its_price() -> None:
    venue = Venue(streams=(TradeEvent,))
    venue.trade(100, 5, BUY)
    venue.place(BUY, "1", "99")
    venue.trade(99, 500, SELL)
    assert venue.fills() == []
    venue.trade(98.5, 5, SELL)
    assert venue.fills() == fills_of(("99", "1"))


def test_without_quotes_nothing_is_immediate() -> None:
    venue = Venue(streams=(TradeEvent,))
    venue.trade(100, 5, BUY)
    assert venue.kinds(venue.place(BUY, "1", None, TimeInForce.IOC)) == ["NEW", "EXPIRED"]
    assert venue.kinds(venue.place(BUY, "1", "110", TimeInForce.FOK)) == ["NEW", "EXPIRED"]
    assert venue.kinds(venue.place(BUY, "1", "110", TimeInForce.POST_ONLY)) == ["REJECTED"]
    assert venue.kinds(venue.place(BUY, "1", "99.5", TimeInForce.POST_ONLY)) == ["NEW"]


# Bars only


def bars() -> Venue:
    venue = Venue(streams=(BarEvent,))
    venue.bar((100, 101, 99, 100))
    return venue


def test_an_order_sent_on_a_bar_trades_at_the_open_of_the_next() -> None:
    venue = bars()
    name = venue.send(BUY, "1")
    venue.bar((102, 105, 95, 97))
    venue.wait()
    assert venue.fills(name) == fills_of(("102", "1"))


def test_an_order_sent_within_a_bar_gets_its_close_and_not_what_was_before() -> None:
    venue = bars()
    venue.wait(SECOND_NS // 2)
    market = venue.send(BUY, "1")
    limit = venue.send(BUY, "1", "98")
    venue.bar((90, 105, 80, 99))
    venue.wait()
    assert venue.fills(market) == fills_of(("99", "1"))
    assert venue.fills(limit) == []
    venue.bar((99, 99, 97.5, 99))
    venue.wait()
    assert venue.fills(limit) == fills_of(("98", "1"))


def test_a_resting_order_trades_when_a_bar_went_through_it_not_when_it_was_touched() -> None:
    venue = bars()
    buy, sell = venue.send(BUY, "1", "98"), venue.send(SELL, "1", "103")
    venue.bar((100, 103, 98, 100))
    venue.wait()
    assert venue.fills() == []
    venue.bar((100, 103.5, 97.5, 100))
    venue.wait()
    assert (venue.fills(buy), venue.fills(sell)) == (fills_of(("98", "1")), fills_of(("103", "1")))


def test_a_limit_beyond_the_last_close_takes_the_open_and_not_its_limit() -> None:
    venue = bars()
    venue.send(BUY, "1", "120")
    venue.bar((101, 105, 99, 100))
    venue.wait()
    assert venue.fills() == fills_of(("101", "1"))
    assert liquidity(venue) == [Liquidity.TAKER]


def test_a_limit_that_the_open_jumped_over_rests_and_trades_in_the_same_bar() -> None:
    venue = bars()
    venue.send(BUY, "1", "100")
    venue.bar((103, 105, 99, 104))
    venue.wait()
    assert venue.fills() == fills_of(("100", "1"))
    assert liquidity(venue) == [Liquidity.MAKER]


def test_no_more_trades_on_a_bar_than_its_volume() -> None:
    venue = bars()
    venue.send(BUY, "3")
    venue.send(BUY, "3")
    venue.bar((100, 101, 99, 100), volume=4)
    venue.wait()
    assert sum(quantity for _, quantity in venue.fills()) == 4


def test_what_is_no_whole_lot_stays_in_the_market() -> None:
    whole = Instrument(venue="okx", symbol="BTC/USDT", tick_size=D("0.5"), lot_size=D(1))
    venue = Venue(instrument=whole)
    venue.tick(100, 101, ask_size=2.9)
    venue.place(BUY, "5")
    assert venue.fills() == fills_of(("101", "2"))
