"""Sends commands to Binance, and tells what its answers prove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from quantai.core.errors import NumberError, VenueError
from quantai.exchanges.binance.account import BinanceAccount
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.error_codes import error_of
from quantai.exchanges.binance.orders import ALGO_PREFIX, Call
from quantai.exchanges.binance.rest_messages import Nothing, OrderAck
from quantai.exchanges.errors import (
    InvalidOrder,
    NotSent,
    OrderNotFound,
    OutcomeUnknown,
)
from quantai.exchanges.execution import AmendOrder, CancelOrder, SubmitOrder
from quantai.exchanges.http_execution import CANCEL_WAIT_NS, TIMEOUT_NS
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.order_outcomes import Command, OrderOutcomes
from quantai.exchanges.rate_limiter import Priority
from quantai.exchanges.wire import ts_ns

RECV_WINDOW_MS = 2_500
_BATCH_WEIGHT = 5


@dataclass(frozen=True, slots=True)
class Placement:
    """An order, and what is sent of it."""

    command: SubmitOrder
    call: Call


class OrderEntry:
    """Each method sends one command, or several in one message, and ends when all that it proves is told."""

    def __init__(self, core: BinanceCore, account: BinanceAccount, outcomes: OrderOutcomes) -> None:
        self._core = core
        self._account = account
        self._outcomes = outcomes

    async def submit(self, placement: Placement, deadline_ns: int) -> None:
        """Place an order; not after `deadline_ns`."""
        call = placement.call
        try:
            request = self._request(call.method, call.name, call.params, deadline_ns, orders=1)
            ack = await self._core.http.call(request, OrderAck)
        except Exception as error:
            self._outcomes.refuse(placement.command, error)
        else:
            self._accept(placement.command, ack)

    async def submit_batch(self, placements: Sequence[Placement], deadline_ns: int) -> None:
        """Place several in one message. USD-M: each has an answer of its own inside."""
        listed = msgspec.json.encode([placement.call.params for placement in placements]).decode()
        commands = [placement.command for placement in placements]
        for command, answer in zip(
            commands, await self._batch("POST", {"batchOrders": listed}, commands, deadline_ns), strict=True
        ):
            if isinstance(answer, OrderAck):
                self._accept(command, answer)
            else:
                self._outcomes.refuse(command, answer)

    async def cancel_batch(self, commands: Sequence[CancelOrder], symbol: str, deadline_ns: int) -> None:
        """Cancel several orders of one symbol, by the venue's ids, in one message. What was done the stream tells."""
        ids = "[" + ",".join(command.venue_order_id for command in commands) + "]"
        params = {"symbol": symbol, "orderIdList": ids}
        for command, answer in zip(commands, await self._batch("DELETE", params, commands, deadline_ns), strict=True):
            if not isinstance(answer, OrderAck):
                self._outcomes.refuse(command, answer)

    async def cancel(self, command: CancelOrder, calls: Sequence[Call], deadline_ns: int) -> None:
        """Ask one after the other while the venue does not know the order. That it was done the stream tells."""
        missing: Exception = OrderNotFound("Binance does not know the order")
        for call in calls:
            try:
                await self._core.http.call(self._request("DELETE", call.name, call.params, deadline_ns), Nothing)
            except OrderNotFound as error:
                missing = error
            except Exception as error:
                self._outcomes.refuse(command, error)
                return
            else:
                return
        self._outcomes.refuse(command, missing)

    async def cancel_all(self, name: str, symbol: str) -> None:
        """Cancel every open order of a symbol, whoever placed it. Raises `VenueError`."""
        deadline_ns = self._core.clock.now_ns() + CANCEL_WAIT_NS
        request = self._request("DELETE", name, {"symbol": symbol}, deadline_ns)
        try:
            await self._core.http.call(request, msgspec.Raw)
        except OrderNotFound:
            return  # there are none: spot says so with an error

    async def amend(self, command: AmendOrder, call: Call, deadline_ns: int) -> None:
        """Change an order; what it is then the stream tells."""
        try:
            if not self._core.product.is_futures:
                await self._check_only_smaller(command)
            await self._core.http.call(self._request("PUT", call.name, call.params, deadline_ns), Nothing)
        except Exception as error:
            self._outcomes.refuse(command, error)

    async def _check_only_smaller(self, command: AmendOrder) -> None:
        """Spot would leave the price as it is without a word. Raises `VenueError` where the change is another one."""
        try:
            status = await self._account.find_order(command.symbol, command.client_order_id, command.venue_order_id)
        except VenueError as error:
            raise NotSent(f"not sent, the order could not be looked at before: {error}") from None
        if status is None:
            raise OrderNotFound("Binance does not know the order")
        if command.price != status.price or command.quantity >= status.quantity:
            raise InvalidOrder("Binance spot makes orders smaller and changes nothing else: cancel and place anew")

    async def _batch(
        self, method: str, params: Mapping[str, str], commands: Sequence[Command], deadline_ns: int
    ) -> Sequence[OrderAck | Exception]:
        """The answer to each command, or why it has none."""
        orders = len(commands) if method == "POST" else 0
        try:
            request = self._request(method, "batchOrders", params, deadline_ns, orders=orders, weight=_BATCH_WEIGHT)
            answers = await self._core.http.call(request, list[OrderAck])
        except Exception as error:
            return [error] * len(commands)
        if len(answers) != len(commands):
            unknown = OutcomeUnknown(f"Binance answered {len(answers)} of {len(commands)} commands")
            return [unknown] * len(commands)
        return [error_of(each.code, each.msg, is_futures=True) if each.code else each for each in answers]

    def _accept(self, command: SubmitOrder, ack: OrderAck) -> None:
        own_id = str(ack.order_id) if ack.order_id else ""
        algo_id = f"{ALGO_PREFIX}{ack.algo_id}" if ack.algo_id else ""
        self._outcomes.accept(command, algo_id or own_id, self._time_of(ack))

    def _time_of(self, ack: OrderAck) -> int:
        try:
            return ts_ns(ack.transact_time or ack.update_time or ack.create_time)
        except NumberError:
            return 0

    def _request(
        self, method: str, name: str, params: Mapping[str, str], deadline_ns: int, *, orders: int = 0, weight: int = 0
    ) -> HttpRequest:
        """Raises `NotSent` where the deadline has passed."""
        product = self._core.product
        left_ns = deadline_ns - self._core.clock.now_ns()
        if left_ns <= 0:
            raise NotSent(f"{method} {name}: not sent, it waited too long for what went before it")
        return HttpRequest(
            method=method, path=product.path(name), params={**params, "recvWindow": str(RECV_WINDOW_MS)},
            costs=product.costs(weight or product.weights.order, orders), is_signed=True, is_safe=False,
            priority=Priority.CANCEL if method == "DELETE" else Priority.ORDER, timeout_ns=TIMEOUT_NS,
            budget_ns=left_ns,
        )  # fmt: skip
