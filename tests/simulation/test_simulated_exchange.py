"""What a simulated venue answers, when, and what it charges."""

from __future__ import annotations

from math import inf, nan

import pytest

from quantai.core.enums import Liquidity, Side, TimeInForce
from quantai.events import BarEvent, TradeEvent
from quantai.exchanges.execution import ExecType, SubmitOrder
from quantai.instruments import Instrument
from tests.oms.world import INVERSE, PERP, START_NS, D
from tests.simulation.venue import COIN, LATENCY_NS, SECOND_NS, Venue

BUY, SELL = Side.BUY, Side.SELL
IOC, FOK, POST_ONLY = TimeInForce.IOC, TimeInForce.FOK, TimeInForce.POST_ONLY


def fills_of(*pairs: tuple[str, str]) -> list[tuple[object, object]]:
    return [(D(price), D(quantity)) for price, quantity in pairs]


# Latency


def test_an_order_takes_its_time_to_the_venue_and_the_answer_back() -> None:
    venue = Venue()
    venue.tick(100, 101)
    sent_ns = venue.clock.now_ns()
    venue.send(BUY, "1")
    venue.wait(2 * LATENCY_NS - 1)
    assert venue.reports == []
    venue.wait(1)
    assert venue.kinds("o1") == ["NEW", "TRADE"]
    assert {report.ts_event for report in venue.reports} == {sent_ns + LATENCY_NS}
    assert set(venue.at_ns) == {sent_ns + 2 * LATENCY_NS}


def test_an_order_meets_the_quote_that_is_there_when_it_arrives() -> None:
    venue = Venue()
    venue.tick(100, 101)
    venue.send(BUY, "1")
    venue.clock.set_time(venue.clock.now_ns() + LATENCY_NS - 1)
    venue.tick(102, 103)
    assert venue.fills() == fills_of(("103", "1"))


def test_a_print_on_the_way_does_not_fill_an_order() -> None:
    venue = Venue()
    venue.tick(100, 101)
    venue.send(BUY, "1", "99.5")
    venue.trade(99, 5, SELL)
    assert venue.fills() == []
    venue.trade(99, 5, SELL)
    assert venue.fills() == fills_of(("99.5", "1"))


def test_commands_arrive_in_the_order_they_were_sent_even_without_latency() -> None:
    venue = Venue(latency_ns=0)
    venue.tick(100, 101)
    name = venue.send(BUY, "1", "99")
    venue.cancel(name)
    venue.wait()
    assert venue.kinds(name) == ["NEW", "CANCELED"]


# Answers


def test_a_cancel_takes_the_order_off_the_book() -> None:
    venue = Venue()
    venue.tick(100, 101)
    name = venue.place(BUY, "1", "99")
    venue.cancel(name)
    venue.wait()
    venue.trade(90, 50, SELL)
    assert venue.kinds(name) == ["NEW", "CANCELED"]


def test_a_cancel_of_an_order_that_has_traded_is_refused() -> None:
    venue = Venue()
    venue.tick(100, 101)
    name = venue.place(BUY, "1")
    venue.cancel(name)
    venue.wait()
    assert venue.kinds(name) == ["NEW", "TRADE", "CANCEL_REJECTED"]


@pytest.mark.parametrize(
    ("quantity", "price", "words"),
    [
        ("0.55", "99", "not a multiple of the lot"),
        ("1", "99.25", "not a multiple of the tick"),
        ("0", "99", "not within the limits"),
        ("-1", None, "not within the limits"),
        ("0.4", "99", "not within the limits"),
        ("5.1", "99", "not within the limits"),
    ],
)
def test_what_a_venue_would_not_take_is_rejected(quantity: str, price: str | None, words: str) -> None:
    limited = Instrument(
        venue="okx", symbol="BTC/USDT", tick_size=D("0.5"), lot_size=D("0.1"),
        min_quantity=D("0.5"), max_quantity=D(5),
    )  # fmt: skip
    venue = Venue(instrument=limited)
    venue.tick(100, 101)
    name = venue.place(BUY, quantity, price)
    assert venue.kinds(name) == ["REJECTED"]
    assert words in venue.reports[0].reason


def test_an_instrument_trades_until_it_expires() -> None:
    future = Instrument(
        venue="okx", symbol="BTC/USDT:USDT-261225", tick_size=D(1), lot_size=D(1), expiry_ns=START_NS + SECOND_NS
    )
    venue = Venue(instrument=future)
    venue.tick(100, 101)
    resting = venue.place(BUY, "1", "99")
    venue.wait(SECOND_NS)
    assert venue.kinds(resting) == ["NEW", "EXPIRED"]
    late = venue.place(BUY, "1")
    assert venue.kinds(late) == ["REJECTED"]
    assert "expired" in venue.reports[-1].reason


# Fees


@pytest.mark.parametrize(
    ("maker_fee", "fee", "liquidity"), [("0.0002", "0.01990000", "maker"), ("-0.0001", "-0.00995000", "maker")]
)
def test_a_maker_pays_or_gets_its_own_rate_on_its_own_price(maker_fee: str, fee: str, liquidity: str) -> None:
    venue = Venue(maker_fee=maker_fee, taker_fee="0.9")
    venue.tick(100, 101)
    venue.place(BUY, "1", "99.5")
    venue.trade(98, 1, SELL)
    report = venue.reports[-1]
    assert (report.fee, report.fee_currency, report.liquidity) == (D(fee), "USDT", liquidity)


def test_a_taker_pays_on_the_notional_and_fees_are_rounded_half_up() -> None:
    venue = Venue(instrument=PERP, maker_fee="0.9", taker_fee="0.00012345")
    venue.tick(100, 100.1)
    venue.place(SELL, "0.01")
    # 0.01 contracts of 0.01 at 100 are 0.01 USDT: 0.0000012345, to eight decimals.
    assert venue.reports[-1].fee == D("0.00000123")
    assert venue.reports[-1].liquidity is Liquidity.TAKER
    venue = Venue(instrument=PERP, taker_fee="0.00125")
    venue.tick(100, 100.1)
    venue.place(SELL, "0.01")
    assert venue.reports[-1].fee == D("0.00001250")


def test_an_inverse_contract_is_charged_in_what_it_settles_in() -> None:
    venue = Venue(instrument=INVERSE, taker_fee="0.01")
    venue.tick(99.9, 100)
    venue.place(BUY, "1")
    assert (venue.reports[-1].fee, venue.reports[-1].fee_currency) == (D("0.01"), "BTC")


def test_every_fill_and_order_has_an_id_of_its_own() -> None:
    venue = Venue()
    venue.tick(100, 101, ask_size=1)
    venue.place(BUY, "2", "101")
    venue.tick(100, 100.5)
    venue.place(SELL, "1")
    trades = [report for report in venue.reports if report.exec_type is ExecType.TRADE]
    assert len({report.trade_id for report in trades}) == len(trades) == 3
    assert len({report.venue_order_id for report in trades}) == 2


# Time in force


def test_ioc_takes_what_there_is_and_the_rest_expires() -> None:
    venue = Venue()
    venue.tick(100, 101, ask_size=2)
    name = venue.place(BUY, "3", "101", IOC)
    assert venue.kinds(name) == ["NEW", "TRADE", "EXPIRED"]
    assert venue.fills() == fills_of(("101", "2"))
    venue.tick(90, 91)
    assert len(venue.fills()) == 1


def test_fok_is_all_or_nothing() -> None:
    venue = Venue()
    venue.tick(100, 101, ask_size=2)
    assert venue.kinds(venue.place(BUY, "2.1", "101", FOK)) == ["NEW", "EXPIRED"]
    assert venue.kinds(venue.place(BUY, "1", "100.5", FOK)) == ["NEW", "EXPIRED"]
    assert venue.fills() == []
    assert venue.kinds(venue.place(BUY, "2", None, FOK)) == ["NEW", "TRADE"]


@pytest.mark.parametrize(("price", "kinds"), [("101", ["REJECTED"]), ("102", ["REJECTED"]), ("100.5", ["NEW"])])
def test_post_only_never_takes(price: str, kinds: list[str]) -> None:
    venue = Venue()
    venue.tick(100, 101)
    assert venue.kinds(venue.place(BUY, "1", price, POST_ONLY)) == kinds
    assert venue.fills() == []


def test_post_only_is_refused_at_a_quote_that_we_took_ourselves() -> None:
    venue = Venue()
    venue.tick(100, 101, ask_size=1)
    venue.place(BUY, "1")
    assert venue.kinds(venue.place(BUY, "1", "101", POST_ONLY)) == ["REJECTED"]


def test_post_only_is_refused_where_no_market_is_known_and_for_market_orders() -> None:
    venue = Venue()
    assert venue.kinds(venue.place(BUY, "1", "101", POST_ONLY)) == ["REJECTED"]
    venue.tick(100, 101)
    assert venue.kinds(venue.place(BUY, "1", None, POST_ONLY)) == ["REJECTED"]


# What goes wrong in data


@pytest.mark.parametrize("price", [0.0, -5.0, nan, inf])
@pytest.mark.parametrize("size", [0.0, nan, inf, 1.0])
def test_nothing_trades_with_an_impossible_quote(price: float, size: float) -> None:
    venue = Venue()
    venue.tick(100, price, ask_size=size)
    name = venue.place(BUY, "1")
    venue.tick(100, price, ask_size=size)
    assert venue.fills() == []
    venue.tick(100, 101)
    assert venue.fills(name) == fills_of(("101", "1"))
    assert venue.bus.errors == 0


@pytest.mark.parametrize(
    ("price", "size"), [(nan, 1.0), (99.0, nan), (-1.0, 1.0), (99.0, inf), (0.0, 1.0), (99.0, 0.0)]
)
def test_nothing_trades_with_an_impossible_print(price: float, size: float) -> None:
    venue = Venue()
    venue.tick(100, 101)
    venue.place(BUY, "1", "99.5")
    venue.trade(price, size, SELL)
    assert venue.fills() == []
    assert venue.bus.errors == 0


def test_nothing_trades_with_an_impossible_bar() -> None:
    venue = Venue(streams=(BarEvent,))
    venue.bar((100, 101, 99, 100))
    venue.send(BUY, "1")
    venue.bar((100, 101, nan, 100))
    venue.bar((100, 101, 99, 100), volume=nan)
    venue.bar((100, 101, 99, 100), volume=0)
    venue.wait()
    assert venue.fills() == []
    venue.bar((102, 103, 99, 100))
    venue.wait()
    assert venue.fills() == fills_of(("102", "1"))
    assert venue.bus.errors == 0


# It looks only where it must


def test_a_market_without_orders_is_not_looked_at_until_an_order_comes() -> None:
    venue = Venue()
    for n in range(5):
        venue.tick(100 + n, 101 + n)
    assert venue.exchange._active == {}
    name = venue.place(BUY, "1", "90")
    assert set(venue.exchange._active) == {COIN.symbol}
    venue.cancel(name)
    venue.wait()
    assert venue.exchange._active == {}


def test_an_order_for_an_instrument_the_venue_does_not_have_is_rejected() -> None:
    venue = Venue()
    strange = SubmitOrder("o9", "XRP/USDT", BUY, "market", D(1), None, TimeInForce.GTC)  # type: ignore[arg-type]
    venue.exchange.submit(strange)
    venue.wait()
    assert venue.kinds("o9") == ["REJECTED"]


def test_only_prints_are_watched_where_there_are_only_prints() -> None:
    venue = Venue(streams=(TradeEvent,))
    venue.trade(100, 1, BUY)
    venue.place(BUY, "1")
    venue.trade(101, 5, BUY)
    assert venue.fills() == fills_of(("101", "1"))
