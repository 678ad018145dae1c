"""Commands over real HTTP: what each answer proves, in what order they go, and what becomes of them without one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import OrderError, StartupError, VenueError
from quantai.exchanges import http_execution
from quantai.exchanges.base import ExchangeContext
from quantai.exchanges.binance.execution import BinanceExecution
from quantai.exchanges.binance.product import ORDERS_10S, SPOT, USDM, Product
from quantai.exchanges.command_queue import CommandQueue
from quantai.exchanges.errors import DuplicateOrderId
from quantai.exchanges.execution import AmendOrder, CancelOrder, ExecType, SubmitOrder
from quantai.exchanges.rate_limiter import Priority
from tests.exchanges.binance.private_world import (
    CUT,
    PRODUCTS,
    STALL,
    TS_MS,
    Answer,
    Params,
    World,
    make_core,
    symbol_of,
    world,
)

ORDER = {"spot": "POST /api/v3/order", "usdm": "POST /fapi/v1/order"}
CANCEL = {"spot": "DELETE /api/v3/order", "usdm": "DELETE /fapi/v1/order"}
ACK = {"symbol": "BTCUSDT", "orderId": 28, "clientOrderId": "e1", "transactTime": TS_MS, "updateTime": TS_MS}


def submit(product: Product, client_order_id: str = "e1", **fields: Any) -> SubmitOrder:
    order_type = fields.get("order_type", OrderType.LIMIT)
    price = Decimal(100) if order_type.has_limit else None
    return SubmitOrder(
        client_order_id, symbol_of(product), Side.BUY, order_type, Decimal("0.5"), price, TimeInForce.GTC, False,
        fields.get("trigger_price"), fields.get("options", ()),
    )  # fmt: skip


@asynccontextmanager
async def trading(product: Product) -> AsyncIterator[tuple[World, BinanceExecution]]:
    """A connector whose private stream is not opened."""
    async with world(product) as there:
        execution = BinanceExecution(there.core, there.context)
        execution.on_report(there.reports.append)
        try:
            yield there, execution
        finally:
            there.rest.gate.set()
            await execution._queue.close()


@pytest.mark.parametrize("product", PRODUCTS)
async def test_an_answer_proves_that_the_order_was_taken(product: Product) -> None:
    async with trading(product) as (there, execution):
        there.rest.answer(ORDER[product.name], ACK)
        execution.submit(submit(product))
        assert there.reports == []  # nothing is told before the call returned
        report = await there.report()
        assert (report.exec_type, report.client_order_id, report.venue_order_id) == (ExecType.NEW, "e1", "28")
        assert report.ts_event == TS_MS * 1_000_000
        [sent] = there.rest.asked(ORDER[product.name])
        assert (sent["symbol"], sent["quantity"], sent["newClientOrderId"]) == ("BTCUSDT", "0.5", "e1")
        assert {"signature", "timestamp", "recvWindow"} <= set(sent)


@pytest.mark.parametrize(
    ("answer", "exec_type"),
    [
        ((400, {"code": -2010, "msg": "Account has insufficient balance for requested action."}), ExecType.REJECTED),
        ((400, {"code": -1013, "msg": "Filter failure: LOT_SIZE"}), ExecType.REJECTED),
        ((429, {"code": -1003, "msg": "Too many requests"}, {"Retry-After": "1"}), ExecType.REJECTED),
        ((429, {"code": -1015, "msg": "Too many new orders; limit is 50 orders per 10 SECOND."}), ExecType.REJECTED),
        ((503, {"code": -1008, "msg": "Request throttled by system-level protection."}), ExecType.REJECTED),
        ((403, "<html>"), ExecType.REJECTED),
        ((500, {"code": -1000, "msg": "An unknown error occurred."}), ExecType.UNKNOWN),
        ((400, {"code": -1007, "msg": "Timeout; execution status unknown."}), ExecType.UNKNOWN),
        ((400, {"code": -1006, "msg": "Execution status unknown."}), ExecType.UNKNOWN),
        ((400, {"code": -1001, "msg": "Internal error."}), ExecType.UNKNOWN),
        ((400, {"code": -2010, "msg": "Duplicate order sent."}), ExecType.UNKNOWN),
        ((502, "<html>bad gateway</html>"), ExecType.UNKNOWN),
        ((200, "this is no JSON"), ExecType.UNKNOWN),
        ((200, '{"orderId": "many"}'), ExecType.UNKNOWN),
        ((200, "{}"), ExecType.UNKNOWN),
        (CUT, ExecType.UNKNOWN),
    ],
)
@pytest.mark.parametrize("product", PRODUCTS)
async def test_what_an_answer_proves_of_a_new_order(product: Product, answer: Answer, exec_type: ExecType) -> None:
    async with trading(product) as (there, execution):
        there.rest.answer(ORDER[product.name], answer)
        execution.submit(submit(product))
        report = await there.report()
        assert report.exec_type is exec_type
        assert report.reason
        assert len(there.rest.asked(ORDER[product.name])) == 1  # an order is never sent twice


async def test_an_acceptance_with_an_impossible_time_is_one_of_now() -> None:
    async with trading(SPOT) as (there, execution):
        there.rest.answer(ORDER["spot"], ACK | {"transactTime": 2**62, "updateTime": 0})
        execution.submit(submit(SPOT))
        report = await there.report()
        assert report.exec_type is ExecType.NEW
        assert abs(report.ts_event - there.core.clock.now_ns()) < 60 * 10**9


async def test_an_order_that_is_not_answered_in_time_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_execution, "TIMEOUT_NS", 50_000_000)
    async with trading(SPOT) as (there, execution):
        there.rest.answer(ORDER["spot"], STALL)
        execution.submit(submit(SPOT))
        assert (await there.report()).exec_type is ExecType.UNKNOWN


async def test_an_order_that_the_stream_told_of_is_not_in_doubt() -> None:
    async with trading(SPOT) as (there, execution):
        there.rest.answer(ORDER["spot"], STALL)
        execution.submit(submit(SPOT))
        await there.until(lambda: there.rest.requests)
        event = {"e": "executionReport", "s": "BTCUSDT", "c": "e1", "S": "BUY", "q": "1", "p": "1", "x": "NEW",
                 "X": "NEW", "i": 28, "l": "0", "z": "0", "L": "0", "T": TS_MS, "I": 1}  # fmt: skip
        execution.stream.events.take(json.dumps(event).encode())
        there.rest.gate.set()
        await there.until(lambda: not len(execution._queue))
        assert [each.exec_type for each in there.reports] == [ExecType.NEW]


async def test_an_acceptance_told_twice_is_reported_once() -> None:
    async with trading(SPOT) as (there, execution):
        there.rest.answer(ORDER["spot"], ACK)
        execution.submit(submit(SPOT))
        await there.report()
        event = {"e": "executionReport", "s": "BTCUSDT", "c": "e1", "S": "BUY", "q": "1", "p": "1", "x": "NEW",
                 "X": "NEW", "i": 28, "l": "0", "z": "0", "L": "0", "T": TS_MS, "I": 1}  # fmt: skip
        execution.stream.events.take(json.dumps(event).encode())
        assert len(there.reports) == 1


async def test_an_order_whose_time_has_passed_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_execution, "WAIT_NS", 50_000_000)
    async with trading(SPOT) as (there, execution):
        execution._core.limiter.exhaust(ORDERS_10S)
        execution.submit(submit(SPOT))
        report = await there.report()
        assert report.exec_type is ExecType.REJECTED
        assert "not sent" in report.reason or "budget" in report.reason.lower()
        assert there.rest.requests == []


async def test_without_a_connection_nothing_was_sent() -> None:
    core = make_core(SPOT)
    await core.http.start()
    reports: list[Any] = []
    execution = BinanceExecution(core, ExchangeContext("binance"))
    execution.on_report(reports.append)
    execution.submit(submit(SPOT))
    execution.cancel(CancelOrder("e2", "BTC/USDT", "7"))
    await execution._queue.close()
    await core.http.close()
    assert {each.client_order_id: each.exec_type for each in reports} == {
        "e1": ExecType.REJECTED, "e2": ExecType.CANCEL_REJECTED,
    }  # fmt: skip
    assert all("not sent" in each.reason for each in reports)


async def test_what_cannot_be_sent_is_refused_at_once() -> None:
    async with trading(SPOT) as (there, execution):
        with pytest.raises(OrderError, match="order option"):
            execution.submit(submit(SPOT, options=(("colour", "red"),)))
        with pytest.raises(OrderError, match="lists no"):
            execution.submit(SubmitOrder("e1", "DOGE/USDT", Side.BUY, OrderType.MARKET, Decimal(1), None,
                                         TimeInForce.GTC))  # fmt: skip
        with pytest.raises(OrderError, match="lists no"):
            execution.cancel(CancelOrder("e1", "DOGE/USDT"))
        assert there.rest.requests == []


async def test_an_id_that_has_arrived_is_not_sent_again() -> None:
    async with trading(SPOT) as (there, execution):
        there.rest.answer(ORDER["spot"], ACK)
        execution.submit(submit(SPOT))
        await there.report()
        with pytest.raises(DuplicateOrderId):
            execution.submit(submit(SPOT))
        assert len(there.rest.requests) == 1


async def test_commands_of_an_order_go_one_after_the_other_and_others_do_not_wait() -> None:
    async with trading(SPOT) as (there, execution):
        held: list[Params] = []

        def answer(params: Params) -> Answer:
            held.append(params)
            return STALL if params["newClientOrderId"] == "e1" else ACK | {"clientOrderId": "e2"}

        there.rest.answer(ORDER["spot"], answer)
        there.rest.answer(CANCEL["spot"], {})
        execution.submit(submit(SPOT, "e1"))
        execution.cancel(CancelOrder("e1", "BTC/USDT"))
        execution.submit(submit(SPOT, "e2"))
        assert (await there.report()).client_order_id == "e2"
        assert there.rest.asked(CANCEL["spot"]) == []
        there.rest.gate.set()
        await there.until(lambda: there.rest.asked(CANCEL["spot"]))
        assert [each.exec_type for each in there.reports] == [ExecType.NEW, ExecType.UNKNOWN]


async def test_there_is_a_limit_to_what_is_on_its_way_and_cancels_have_room_beyond_it() -> None:
    async with trading(SPOT) as (there, execution):
        execution._queue = CommandQueue(max_commands=2)
        there.rest.answer(ORDER["spot"], STALL)
        there.rest.answer(CANCEL["spot"], {})
        execution.submit(submit(SPOT, "e1"))
        execution.submit(submit(SPOT, "e2"))
        with pytest.raises(OrderError, match="on their way"):
            execution.submit(submit(SPOT, "e3"))
        execution.cancel(CancelOrder("x1", "BTC/USDT", "1"))
        execution.cancel(CancelOrder("x2", "BTC/USDT", "2"))
        with pytest.raises(OrderError):
            execution.cancel(CancelOrder("x3", "BTC/USDT", "3"))


@pytest.mark.parametrize(
    ("answer", "exec_type"),
    [
        ((400, {"code": -2011, "msg": "Unknown order sent."}), ExecType.CANCEL_REJECTED),
        ((400, {"code": -2011, "msg": "Order was not canceled due to cancel restrictions."}), ExecType.CANCEL_REJECTED),
        ((400, {"code": -1007, "msg": "Timeout"}), ExecType.UNKNOWN),
        ((500, ""), ExecType.UNKNOWN),
        (CUT, ExecType.UNKNOWN),
    ],
)
@pytest.mark.parametrize("product", PRODUCTS)
async def test_what_an_answer_proves_of_a_cancel(product: Product, answer: Answer, exec_type: ExecType) -> None:
    async with trading(product) as (there, execution):
        there.rest.answer(CANCEL[product.name], answer)
        execution.cancel(CancelOrder("e1", symbol_of(product), "28"))
        report = await there.report()
        assert (report.exec_type, report.client_order_id, report.venue_order_id) == (exec_type, "e1", "28")
        assert [each["orderId"] for each in there.rest.asked(CANCEL[product.name])] == ["28"]


async def test_that_a_cancel_was_done_the_stream_tells() -> None:
    async with trading(SPOT) as (there, execution):
        there.rest.answer(CANCEL["spot"], {"status": "CANCELED"})
        execution.cancel(CancelOrder("e1", "BTC/USDT", "28"))
        await there.until(lambda: there.rest.requests and not len(execution._queue))
        assert there.reports == []


async def test_a_cancel_of_an_unnamed_usdm_order_asks_both_services() -> None:
    async with trading(USDM) as (there, execution):
        there.rest.answer(CANCEL["usdm"], (400, {"code": -2011, "msg": "Unknown order sent."}))
        there.rest.answer("DELETE /fapi/v1/algoOrder", {"algoId": 5})
        execution.cancel(CancelOrder("e1", symbol_of(USDM)))
        await there.until(lambda: there.rest.asked("DELETE /fapi/v1/algoOrder") and not len(execution._queue))
        assert there.rest.asked("DELETE /fapi/v1/algoOrder")[0]["clientAlgoId"] == "e1"
        assert there.reports == []
        there.rest.answer("DELETE /fapi/v1/algoOrder", (400, {"code": -2011, "msg": "Unknown order sent."}))
        execution.cancel(CancelOrder("e2", symbol_of(USDM)))
        assert (await there.report()).exec_type is ExecType.CANCEL_REJECTED


async def test_cancels_use_the_reserve_of_the_budget() -> None:
    async with trading(SPOT) as (there, execution):
        limiter = execution._core.limiter
        while limiter.try_acquire({"REQUEST_WEIGHT_1M": 100}, Priority.ORDER):
            pass
        while limiter.try_acquire({"REQUEST_WEIGHT_1M": 1}, Priority.ORDER):
            pass
        there.rest.answer(CANCEL["spot"], {})
        execution.cancel(CancelOrder("e1", "BTC/USDT", "28"))
        await there.until(lambda: there.rest.asked(CANCEL["spot"]))


async def test_a_stop_goes_to_the_algo_service_and_is_known_by_its_id() -> None:
    async with trading(USDM) as (there, execution):
        there.rest.answer("POST /fapi/v1/algoOrder", {"algoId": 77, "clientAlgoId": "e1", "createTime": TS_MS})
        execution.submit(submit(USDM, order_type=OrderType.STOP, trigger_price=Decimal(90)))
        report = await there.report()
        assert (report.exec_type, report.venue_order_id) == (ExecType.NEW, "algo-77")


async def test_a_batch_has_an_answer_for_each_order() -> None:
    async with trading(USDM) as (there, execution):
        there.rest.answer(
            "POST /fapi/v1/batchOrders",
            [
                {"orderId": 1, "updateTime": TS_MS},
                {"code": -2019, "msg": "Margin is insufficient."},
                {"code": -1007, "msg": "Timeout"},
                {"orderId": 4, "updateTime": TS_MS},
                {"orderId": 5, "updateTime": TS_MS},
            ],
        )
        there.rest.answer("POST /fapi/v1/algoOrder", {"algoId": 77})
        there.rest.answer(ORDER["usdm"], ACK)
        stop = submit(USDM, "stop", order_type=OrderType.STOP, trigger_price=Decimal(90))
        bad = submit(USDM, "bad", options=(("colour", "red"),))
        execution.submit_batch([*(submit(USDM, f"e{n}") for n in range(1, 7)), stop, bad])
        await there.report(8)
        told = {each.client_order_id: each.exec_type for each in there.reports}
        assert told == {
            "e1": ExecType.NEW, "e2": ExecType.REJECTED, "e3": ExecType.UNKNOWN, "e4": ExecType.NEW,
            "e5": ExecType.NEW, "e6": ExecType.NEW, "stop": ExecType.NEW, "bad": ExecType.REJECTED,
        }  # fmt: skip
        [sent] = there.rest.asked("POST /fapi/v1/batchOrders")
        assert [each["newClientOrderId"] for each in json.loads(sent["batchOrders"])] == ["e1", "e2", "e3", "e4", "e5"]


@pytest.mark.parametrize("answer", [CUT, (500, ""), (200, "[]"), (200, '[{"orderId":1}]')])
async def test_a_batch_that_is_not_answered_whole_is_unknown(answer: Answer) -> None:
    async with trading(USDM) as (there, execution):
        there.rest.answer("POST /fapi/v1/batchOrders", answer)
        execution.submit_batch([submit(USDM, "e1"), submit(USDM, "e2")])
        await there.report(2)
        assert {each.exec_type for each in there.reports} == {ExecType.UNKNOWN}


async def test_spot_places_a_batch_one_by_one() -> None:
    async with trading(SPOT) as (there, execution):
        there.rest.answer(ORDER["spot"], ACK, (400, {"code": -1013, "msg": "Filter failure: LOT_SIZE"}))
        execution.submit_batch([submit(SPOT, "e1"), submit(SPOT, "e2")])
        await there.report(2)
        assert sorted(each.exec_type for each in there.reports) == [ExecType.NEW, ExecType.REJECTED]


async def test_cancels_of_a_symbol_go_together_on_usdm() -> None:
    async with trading(USDM) as (there, execution):
        there.rest.answer(
            "DELETE /fapi/v1/batchOrders", [{"orderId": 1}, {"code": -2011, "msg": "Unknown order sent."}]
        )
        there.rest.answer("DELETE /fapi/v1/algoOrder", {"algoId": 5})
        symbol = symbol_of(USDM)
        cancels = [CancelOrder("e1", symbol, "1"), CancelOrder("e2", symbol, "2"), CancelOrder("e3", symbol, "algo-5")]
        execution.cancel_batch(cancels)
        report = await there.report()
        assert (report.exec_type, report.client_order_id) == (ExecType.CANCEL_REJECTED, "e2")
        await there.until(lambda: there.rest.asked("DELETE /fapi/v1/algoOrder"))
        assert there.rest.asked("DELETE /fapi/v1/batchOrders")[0]["orderIdList"] == "[1,2]"


async def test_an_order_without_an_answer_makes_no_other_wait_to_be_cancelled() -> None:
    async with trading(USDM) as (there, execution):
        there.rest.answer(ORDER["usdm"], STALL)
        there.rest.answer("DELETE /fapi/v1/batchOrders", [{"orderId": 1}, {"orderId": 2}])
        execution.submit(submit(USDM, "e3"))
        symbol = symbol_of(USDM)
        execution.cancel_batch([CancelOrder(f"e{number}", symbol, str(number)) for number in (1, 2, 3)])
        await there.until(lambda: there.rest.asked("DELETE /fapi/v1/batchOrders"))
        assert there.rest.asked("DELETE /fapi/v1/batchOrders")[0]["orderIdList"] == "[1,2]"
        assert there.rest.asked(CANCEL["usdm"]) == []


async def test_all_orders_of_a_symbol_are_cancelled() -> None:
    async with trading(USDM) as (there, execution):
        there.rest.answer("DELETE /fapi/v1/allOpenOrders", {"code": 200, "msg": "done"})
        there.rest.answer("DELETE /fapi/v1/algoOpenOrders", {"code": 200, "msg": "done"})
        await execution.cancel_all(symbol_of(USDM))
        assert [where for where, _ in there.rest.requests] == [
            "DELETE /fapi/v1/allOpenOrders", "DELETE /fapi/v1/algoOpenOrders",
        ]  # fmt: skip
    async with trading(SPOT) as (there, execution):
        there.rest.answer("DELETE /api/v3/openOrders", (400, {"code": -2011, "msg": "Unknown order sent."}))
        await execution.cancel_all("BTC/USDT")  # there were none
        there.rest.answer("DELETE /api/v3/openOrders", (500, ""))
        with pytest.raises(VenueError):
            await execution.cancel_all("BTC/USDT")


def rested(price: str = "100", quantity: str = "0.5") -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "orderId": 28, "clientOrderId": "e1", "side": "BUY", "type": "LIMIT", "status": "NEW",
            "origQty": quantity, "executedQty": "0", "price": price, "updateTime": TS_MS}  # fmt: skip


async def test_spot_makes_an_order_smaller_where_only_its_quantity_changes() -> None:
    async with trading(SPOT) as (there, execution):
        there.rest.answer("GET /api/v3/order", rested())
        there.rest.answer("PUT /api/v3/order/amend/keepPriority", {"transactTime": TS_MS})
        execution.amend(AmendOrder("e1", "BTC/USDT", "28", Side.BUY, Decimal("0.4"), Decimal(100)))
        await there.until(
            lambda: there.rest.asked("PUT /api/v3/order/amend/keepPriority") and not len(execution._queue)
        )
        assert there.rest.asked("PUT /api/v3/order/amend/keepPriority")[0]["newQty"] == "0.4"
        assert there.reports == []


@pytest.mark.parametrize(
    ("found", "quantity", "price"),
    [
        (rested(), "0.4", 101),
        (rested(), "0.5", 100),
        (rested(), "0.6", 100),
        ((400, {"code": -2013, "msg": "Order does not exist."}), "0.4", 100),
        ((500, ""), "0.4", 100),
    ],
)
async def test_any_other_change_of_a_spot_order_is_not_sent(found: Answer, quantity: str, price: int) -> None:
    async with trading(SPOT) as (there, execution):
        there.rest.answer("GET /api/v3/order", found)
        execution.amend(AmendOrder("e1", "BTC/USDT", "28", Side.BUY, Decimal(quantity), Decimal(price)))
        assert (await there.report()).exec_type is ExecType.REPLACE_REJECTED
        assert not any(where.startswith("PUT") for where, _ in there.rest.requests)


@pytest.mark.parametrize(
    ("answer", "exec_type"),
    [
        ((400, {"code": -5027, "msg": "No need to modify the order."}), ExecType.REPLACE_REJECTED),
        ((400, {"code": -2013, "msg": "Order does not exist."}), ExecType.REPLACE_REJECTED),
        ((400, {"code": -1007, "msg": "Timeout"}), ExecType.UNKNOWN),
        (CUT, ExecType.UNKNOWN),
    ],
)
async def test_what_an_answer_proves_of_a_usdm_change(answer: Answer, exec_type: ExecType) -> None:
    async with trading(USDM) as (there, execution):
        there.rest.answer("PUT /fapi/v1/order", answer)
        execution.amend(AmendOrder("e1", symbol_of(USDM), "28", Side.BUY, Decimal("0.6"), Decimal(101)))
        assert (await there.report()).exec_type is exec_type
        assert len(there.rest.asked("PUT /fapi/v1/order")) == 1


async def test_a_time_that_was_off_is_put_right_and_the_order_sent_once_more() -> None:
    async with trading(SPOT) as (there, execution):
        there.rest.answer(ORDER["spot"], (400, {"code": -1021, "msg": "Timestamp outside of the recvWindow."}), ACK)
        execution.submit(submit(SPOT))
        assert (await there.report()).exec_type is ExecType.NEW


async def test_health_is_what_is_left_of_the_budget() -> None:
    async with trading(SPOT) as (there, execution):
        assert not execution.health().is_connected
        assert execution.health().rate_headroom == 1
        there.rest.answer(ORDER["spot"], ACK)
        execution.submit(submit(SPOT))
        await there.report()
        assert execution.health().latency_ns > 0
        assert execution.health().rate_headroom == pytest.approx(1 - 1 / 50)


async def test_no_secret_is_in_a_report() -> None:
    async with trading(SPOT) as (there, execution):
        there.rest.answer(ORDER["spot"], (500, "signature=abc"))
        execution.submit(submit(SPOT))
        assert "signature" not in (await there.report()).reason


def test_without_keys_there_is_no_order_entry() -> None:
    with pytest.raises(StartupError, match="api_key"):
        BinanceExecution(make_core(SPOT, has_key=False), ExchangeContext("binance"))


async def test_a_command_that_breaks_here_is_unknown(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with trading(SPOT) as (there, execution):

        async def broken(*args: object) -> None:
            raise ZeroDivisionError("a mistake of ours")

        monkeypatch.setattr(there.core.http, "call", broken)
        execution.submit(submit(SPOT))
        report = await there.report()
        assert (report.exec_type, report.reason) == (ExecType.UNKNOWN, "a mistake of ours")
        await asyncio.sleep(0)
    assert "broke" in caplog.text
