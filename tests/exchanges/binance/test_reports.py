"""What Binance's order events become: exact fills, ends with their reasons, and nothing invented."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from quantai.core.enums import Liquidity, Side
from quantai.core.errors import NumberError
from quantai.exchanges.binance.private_messages import (
    SpotOrder,
    SpotOrderList,
    UsdmAlgoEvent,
    UsdmOrderEvent,
    UsdmTriggerRejectEvent,
)
from quantai.exchanges.binance.reports import (
    algo_reports,
    spot_list_reports,
    spot_reports,
    trigger_reject_reports,
    usdm_reports,
)
from quantai.exchanges.execution import ExecType, ExecutionReport

D = Decimal
TS_MS = 1_700_000_000_123

SPOT = {
    "e": "executionReport", "E": TS_MS, "s": "BTCUSDT", "c": "own1", "S": "BUY", "o": "LIMIT", "f": "GTC",
    "q": "1.00000000", "p": "100.50", "P": "0", "F": "0", "g": -1, "C": "", "x": "NEW", "X": "NEW", "r": "NONE",
    "i": 77, "l": "0", "z": "0", "L": "0", "n": "0", "N": None, "T": TS_MS, "t": -1, "I": 5, "w": True, "m": False,
    "O": TS_MS, "Z": "0", "Y": "0", "Q": "0", "V": "NONE",
}  # fmt: skip
USDM = {
    "s": "BTCUSDT", "c": "own1", "S": "SELL", "o": "LIMIT", "f": "GTC", "q": "1", "p": "100.5", "ap": "0", "sp": "0",
    "x": "NEW", "X": "NEW", "i": 77, "l": "0", "z": "0", "L": "0", "T": TS_MS, "t": 0, "b": "0", "a": "0", "m": False,
    "R": False, "wt": "CONTRACT_PRICE", "ot": "LIMIT", "ps": "BOTH", "cp": False, "pP": False, "rp": "0", "V": "NONE",
    "pm": "NONE",
}  # fmt: skip
FILL = {"x": "TRADE", "X": "PARTIALLY_FILLED", "l": "0.4", "z": "0.6", "L": "100.25", "n": "0.01", "N": "BNB", "t": 900}


def spot(**fields: Any) -> list[ExecutionReport]:
    order = msgspec.json.decode(msgspec.json.encode(SPOT | fields), type=SpotOrder)
    return list(spot_reports(order, "BTC/USDT"))


def usdm(**fields: Any) -> list[ExecutionReport]:
    event = msgspec.json.decode(msgspec.json.encode({"o": USDM | fields}), type=UsdmOrderEvent)
    return list(usdm_reports(event.order, "BTC/USDT:USDT"))


def algo(status: str, **fields: Any) -> list[ExecutionReport]:
    order = {"caid": "own1", "aid": 9, "at": "CONDITIONAL", "o": "STOP", "s": "BTCUSDT", "S": "SELL", "X": status,
             "ai": "", "aq": "0", "tp": "90", "p": "89", "q": "1"}  # fmt: skip
    event = {"e": "ALGO_UPDATE", "T": TS_MS, "E": TS_MS, "o": order | fields}
    return list(algo_reports(msgspec.json.decode(msgspec.json.encode(event), type=UsdmAlgoEvent), "BTC/USDT:USDT"))


def test_a_spot_acceptance() -> None:
    [report] = spot()
    assert (report.exec_type, report.client_order_id, report.venue_order_id) == (ExecType.NEW, "own1", "77")
    assert (report.symbol, report.side, report.ts_event) == ("BTC/USDT", Side.BUY, TS_MS * 1_000_000)


def test_a_spot_fill_is_exact() -> None:
    [report] = spot(**FILL, m=True)
    assert report == ExecutionReport(
        exec_type=ExecType.TRADE, client_order_id="own1", ts_event=TS_MS * 1_000_000, venue_order_id="77",
        symbol="BTC/USDT", side=Side.BUY, trade_id="900", price=D("100.25"), quantity=D("0.4"), fee=D("0.01"),
        fee_currency="BNB", liquidity=Liquidity.MAKER, filled_quantity=D("0.6"),
    )  # fmt: skip


def test_a_usdm_fill_is_exact_and_a_rebate_is_negative() -> None:
    [report] = usdm(**(FILL | {"n": "-0.01", "N": "USDT"}))
    assert (report.exec_type, report.side, report.liquidity) == (ExecType.TRADE, Side.SELL, Liquidity.TAKER)
    assert (report.fee, report.fee_currency, report.filled_quantity) == (D("-0.01"), "USDT", D("0.6"))


@pytest.mark.parametrize("told", ["-0.91539999", "0", "12.00000001"])
def test_a_usdm_fill_tells_what_it_realized_to_the_last_digit(told: str) -> None:
    assert usdm(**FILL, rp=told)[0].realized_pnl == D(told)


def test_where_the_venue_does_not_say_what_was_realized_nothing_is_made_up() -> None:
    order = {name: value for name, value in USDM.items() if name != "rp"} | FILL
    event = msgspec.json.decode(msgspec.json.encode({"o": order}), type=UsdmOrderEvent)
    assert [each.realized_pnl for each in usdm_reports(event.order, "BTC/USDT:USDT")] == [None]
    assert spot(**FILL, rp="5")[0].realized_pnl is None
    assert usdm(rp="5")[0].realized_pnl is None  # nothing traded


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+40"])
def test_a_profit_that_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(NumberError):
        usdm(**FILL, rp=number)


def test_a_fill_without_a_fee_has_none() -> None:
    fill = {name: value for name, value in FILL.items() if name not in "nN"}
    [report] = usdm(**fill)
    assert (report.fee, report.fee_currency) == (D(0), "")


def test_a_cancel_names_the_order_not_the_cancel() -> None:
    [report] = spot(x="CANCELED", X="CANCELED", c="web_77", C="own1")
    assert (report.exec_type, report.client_order_id) == (ExecType.CANCELED, "own1")


@pytest.mark.parametrize(
    ("fields", "exec_type", "reason"),
    [
        ({"x": "EXPIRED", "X": "EXPIRED"}, ExecType.EXPIRED, ""),
        (
            {"x": "EXPIRED", "X": "EXPIRED", "eR": "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"},
            ExecType.EXPIRED,
            "EXECUTION_RULE_PRICE_RANGE_EXCEEDED",
        ),
        ({"x": "REJECTED", "X": "REJECTED", "r": "-2010"}, ExecType.REJECTED, "-2010"),
        ({"x": "TRADE_PREVENTION", "X": "EXPIRED_IN_MATCH", "A": "1"}, ExecType.EXPIRED, "same account"),
        ({"x": "NOVELTY"}, ExecType.UNKNOWN, "NOVELTY"),
    ],
)
def test_ends_of_spot_orders(fields: dict[str, Any], exec_type: ExecType, reason: str) -> None:
    [report] = spot(**fields)
    assert report.exec_type is exec_type
    assert reason in report.reason


def test_an_amended_spot_order() -> None:
    [report] = spot(x="REPLACED", q="0.8", C="own1")
    assert (report.exec_type, report.order_quantity, report.order_price) == (ExecType.REPLACED, D("0.8"), D("100.50"))


def test_what_was_prevented_makes_the_order_smaller() -> None:
    [report] = spot(x="TRADE_PREVENTION", A="0.25", z="0.1")
    assert (report.exec_type, report.order_quantity, report.filled_quantity) == (ExecType.REPLACED, D("0.75"), D("0.1"))


def test_a_market_order_for_an_amount_ends_as_large_as_what_it_bought() -> None:
    replaced, trade = spot(**(FILL | {"X": "FILLED"}), Q="50")
    assert (replaced.exec_type, replaced.order_quantity) == (ExecType.REPLACED, D("0.6"))
    assert replaced.filled_quantity is None
    assert trade.exec_type is ExecType.TRADE
    assert [each.exec_type for each in spot(**FILL, Q="50")] == [ExecType.TRADE]


def test_an_amended_usdm_order() -> None:
    [report] = usdm(x="AMENDMENT", q="2", p="99")
    assert (report.exec_type, report.order_quantity, report.order_price) == (ExecType.REPLACED, D(2), D(99))


def test_a_price_that_the_venue_chose_is_told() -> None:
    new, replaced = usdm(pm="QUEUE_5", p="98.5")
    assert new.exec_type is ExecType.NEW
    assert (replaced.exec_type, replaced.order_price, replaced.order_quantity) == (ExecType.REPLACED, D("98.5"), D(1))


@pytest.mark.parametrize("name", ["autoclose-123", "adl_autoclose", "settlement_autoclose-1", "delivery_autoclose-1"])
def test_orders_that_the_venue_makes_are_known_by_its_id_only(name: str) -> None:
    [report] = usdm(**FILL | {"x": "CALCULATED", "c": name})
    assert (report.exec_type, report.client_order_id, report.venue_order_id) == (ExecType.TRADE, "", "77")
    [pending] = usdm(x="CALCULATED", c=name)
    assert pending.exec_type is ExecType.NEW


def test_an_expired_usdm_order_tells_why() -> None:
    assert [each.reason for each in usdm(x="EXPIRED", X="EXPIRED", er="2")] == ["2"]
    assert "same account" in usdm(x="EXPIRED", X="EXPIRED_IN_MATCH", er="1")[0].reason


@pytest.mark.parametrize("trade_id", [0, -1])
def test_a_fill_without_an_id_is_asked_for_and_not_booked(trade_id: int) -> None:
    [report] = usdm(**FILL | {"t": trade_id})
    assert (report.exec_type, report.filled_quantity) == (ExecType.UNKNOWN, D("0.6"))


def test_the_first_trade_of_a_spot_market_has_the_id_zero() -> None:
    assert spot(**FILL | {"t": 0})[0].trade_id == "0"


@pytest.mark.parametrize("field", ["l", "L", "n", "z", "q"])
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1E+40"])
def test_what_is_no_number_is_refused(field: str, number: str) -> None:
    for reports in (spot, usdm):
        with pytest.raises(NumberError):
            reports(**FILL | {field: number})


@pytest.mark.parametrize("quantity", ["0", "-1"])
def test_a_fill_of_nothing_is_refused(quantity: str) -> None:
    with pytest.raises(NumberError):
        spot(**FILL | {"l": quantity})


@pytest.mark.parametrize("ts_ms", [0, -1, 2**62])
def test_a_time_that_is_none_is_refused(ts_ms: int) -> None:
    with pytest.raises(NumberError):
        spot(T=ts_ms)


def test_a_conditional_order_has_an_id_of_its_own_until_it_is_triggered() -> None:
    [new] = algo("NEW")
    assert (new.exec_type, new.client_order_id, new.venue_order_id) == (ExecType.NEW, "own1", "algo-9")
    [triggered] = algo("TRIGGERED", ai="8888")
    assert (triggered.exec_type, triggered.venue_order_id) == (ExecType.REPLACED, "8888")
    assert (triggered.order_quantity, triggered.order_price) == (None, None)
    assert algo("TRIGGERING") == []
    assert [each.venue_order_id for each in algo("FINISHED", ai=8888)] == ["8888"]


@pytest.mark.parametrize(
    ("status", "exec_type"),
    [
        ("CANCELED", ExecType.CANCELED),
        ("EXPIRED", ExecType.EXPIRED),
        ("REJECTED", ExecType.CANCELED),
        ("NOVELTY", ExecType.UNKNOWN),
    ],
)
def test_ends_of_conditional_orders(status: str, exec_type: ExecType) -> None:
    [report] = algo(status, rm="Reduce Only reject")
    assert report.exec_type is exec_type


def test_a_refused_trigger_is_asked_for() -> None:
    event = {"e": "CONDITIONAL_ORDER_TRIGGER_REJECT", "T": TS_MS, "or": {"s": "BTCUSDT", "i": 77, "r": "no margin"}}
    decoded = msgspec.json.decode(msgspec.json.encode(event), type=UsdmTriggerRejectEvent)
    [report] = trigger_reject_reports(decoded, "BTC/USDT:USDT")
    assert (report.exec_type, report.venue_order_id) == (ExecType.UNKNOWN, "77")
    assert "no margin" in report.reason


def test_orders_of_a_refused_list_are_asked_for() -> None:
    orders = [{"s": "BTCUSDT", "i": 1, "c": "a"}, {"s": "BTCUSDT", "i": 2, "c": "b"}]
    for status, count in (("EXECUTING", 0), ("ALL_DONE", 0), ("REJECT", 2)):
        event = {"e": "listStatus", "T": TS_MS, "L": status, "O": orders}
        decoded = msgspec.json.decode(msgspec.json.encode(event), type=SpotOrderList)
        assert len(list(spot_list_reports(decoded, "BTC/USDT"))) == count
