"""Order entry at Binance: commands go over REST, what becomes of them comes over the private stream.

An answer is told only for what it proves: that an order was taken, or that a command was refused or not sent. What it
leaves open is `UNKNOWN`, and asked for. Fills and ends come from the stream alone, in its order.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from quantai.core.errors import NumberError, StartupError, VenueError
from quantai.exchanges.base import ExchangeContext
from quantai.exchanges.batched_execution import BatchedExecution
from quantai.exchanges.binance.account import BinanceAccount
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.dead_man import DeadManSwitch
from quantai.exchanges.binance.error_codes import error_of
from quantai.exchanges.binance.orders import (
    ALGO_PREFIX,
    FUTURES_IDS,
    SPOT_IDS,
    Call,
    cancellations,
    spot_amendment,
    spot_order,
    usdm_amendment,
    usdm_order,
)
from quantai.exchanges.binance.product import WEIGHT
from quantai.exchanges.binance.rest_messages import OrderAck
from quantai.exchanges.binance.user_stream import SpotUserStream, UsdmUserStream, UserStream
from quantai.exchanges.errors import AuthenticationError, InvalidOrder, NotSent, OrderNotFound
from quantai.exchanges.execution import AmendOrder, CancelOrder, SubmitOrder
from quantai.exchanges.http_execution import CANCEL_WAIT_NS
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.rate_limiter import Priority
from quantai.exchanges.websocket.settings import LinkSettings
from quantai.exchanges.wire import ts_ns

logger = logging.getLogger(__name__)

_BATCH_WEIGHT = 5
_WINDOW = {"recvWindow": "2500"}
"""Milliseconds after its timestamp in which a command is taken: at Binance soon or never (`http_execution.WAIT_NS`)."""


class BinanceExecution(BatchedExecution):
    """One account on spot or USD-M. `core.http` and `core.venue_clock` are started before `start`."""

    _core: BinanceCore
    account: BinanceAccount
    stream: UserStream
    ack = OrderAck
    acks = list[OrderAck]

    def __init__(
        self,
        core: BinanceCore,
        context: ExchangeContext,
        *,
        countdown_ns: int = 0,
        link_settings: LinkSettings | None = None,
    ) -> None:
        """`countdown_ns` sets the dead-man switch of USD-M; 0: off. Raises `StartupError` without keys."""
        super().__init__(core, order_rules=(WEIGHT, *core.product.order_rules))
        self._is_futures = core.product.is_futures
        self.client_ids = FUTURES_IDS if self._is_futures else SPOT_IDS
        if self._is_futures:
            self.placed_together, self.cancelled_together = 5, 10
        symbols = [instrument.symbol for instrument in context.instruments]
        self.account = BinanceAccount(core, symbols)
        stream = UsdmUserStream if self._is_futures else SpotUserStream
        self.stream = stream(core, self.outcomes.tell, self.on_state, link_settings)
        has_switch = bool(countdown_ns) and self._is_futures
        self._switch = DeadManSwitch(core, symbols, countdown_ns) if has_switch else None

    async def start(self) -> None:
        """Return when the private stream stands. Raises `StartupError`."""
        if self._is_futures:
            await self._prove_secret()
        await super().start()
        if self._switch is None:
            return
        try:
            await self._switch.start()
        except StartupError:
            await self.stream.stop()
            raise

    async def _prove_secret(self) -> None:
        """A listen key is had without a signature, so a wrong secret would be found by the first order only."""
        try:
            await self.account.balances()
        except AuthenticationError as error:
            raise StartupError(f"{self._core.venue} does not accept the keys: {error}") from None
        except VenueError as error:
            logger.warning("the keys of %s could not be tried: %s", self._core.venue, error)

    async def stop(self) -> None:
        """Wait some seconds for answers that are due, then disconnect."""
        await self._queue.close()
        if self._switch is not None:
            await self._switch.stop()
        await super().stop()

    def placement(self, command: SubmitOrder, symbol: str) -> HttpRequest:
        place = usdm_order if self._is_futures else spot_order
        return self._request(place(command, symbol), orders=1)

    def cancellations(self, command: CancelOrder, symbol: str) -> Sequence[HttpRequest]:
        return [self._request(call) for call in cancellations(command, symbol, is_futures=self._is_futures)]

    def amendment(self, command: AmendOrder, symbol: str) -> HttpRequest:
        amend = usdm_amendment if self._is_futures else spot_amendment
        return self._request(amend(command, symbol))

    async def may_amend(self, command: AmendOrder) -> None:
        """Spot makes an order smaller, and would leave its price as it is without a word."""
        if self._is_futures:
            return
        try:
            status = await self.account.find_order(command.symbol, command.client_order_id, command.venue_order_id)
        except VenueError as error:
            raise NotSent(f"not sent, the order could not be looked at before: {error}") from None
        if status is None:
            raise OrderNotFound("Binance does not know the order")
        if command.price != status.price or command.quantity >= status.quantity:
            raise InvalidOrder("Binance spot makes orders smaller and changes nothing else: cancel and place anew")

    def accepted(self, ack: OrderAck) -> tuple[str, int]:
        """Conditional orders have an id of their own. A time that is none is not told."""
        own_id = str(ack.order_id) if ack.order_id else ""
        try:
            ts_event = ts_ns(ack.transact_time or ack.update_time or ack.create_time)
        except NumberError:
            ts_event = 0
        return f"{ALGO_PREFIX}{ack.algo_id}" if ack.algo_id else own_id, ts_event

    # Several in one message: USD-M only

    def is_placed_alone(self, placement: HttpRequest) -> bool:
        return placement.path != self._core.product.path("order")

    def joint_placement(self, placements: Sequence[HttpRequest]) -> HttpRequest:
        orders = [{name: text for name, text in each.params.items() if name not in _WINDOW} for each in placements]
        listed = msgspec.json.encode(orders).decode()
        return self._request(Call("POST", "batchOrders", {"batchOrders": listed}), len(placements), _BATCH_WEIGHT)

    def is_cancelled_alone(self, command: CancelOrder) -> bool:
        """Those without an id: conditional orders, and those of spot."""
        has_id = command.venue_order_id.isascii() and command.venue_order_id.isdigit()
        return not (self._is_futures and has_id)

    def joint_cancellation(self, commands: Sequence[CancelOrder], symbol: str) -> HttpRequest:
        ids = ",".join(command.venue_order_id for command in commands)
        params = {"symbol": symbol, "orderIdList": f"[{ids}]"}
        return self._request(Call("DELETE", "batchOrders", params), weight=_BATCH_WEIGHT)

    def refused(self, ack: OrderAck) -> VenueError | None:
        return error_of(ack.code, ack.msg, is_futures=True) if ack.code else None

    async def cancel_all(self, symbol: str) -> None:
        """Cancel every open order of a symbol, conditional ones too, whoever placed it. Raises `VenueError` where that
        is not sure to be done.
        """
        venue_symbol = self._core.ordered_symbol(symbol)
        for name in ("allOpenOrders", "algoOpenOrders") if self._is_futures else ("openOrders",):
            request = self._request(Call("DELETE", name, {"symbol": venue_symbol}))
            try:
                await self._core.http.call(self._due(request, self._in(CANCEL_WAIT_NS), Priority.CANCEL), msgspec.Raw)
            except OrderNotFound:
                continue  # there are none: spot says so with an error

    def _request(self, call: Call, orders: int = 0, weight: int = 0) -> HttpRequest:
        product = self._core.product
        return HttpRequest(
            method=call.method, path=product.path(call.name), params={**call.params, **_WINDOW},
            costs=product.costs(weight or product.weights.order, orders),
        )  # fmt: skip
