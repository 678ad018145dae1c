"""The connector of `live_venue`: named in the configuration of daemons that tests start, and kill."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.errors import StartupError, VenueError
from quantai.exchanges.execution import (
    CancelOrder,
    ExecType,
    ExecutionConnector,
    ExecutionReport,
    OrderStatus,
    ReportSink,
    SubmitOrder,
    VenueAccount,
    VenuePosition,
)
from quantai.exchanges.synthetic import SyntheticExchange

SYMBOL = "BTC/USDT"

Message = dict[str, Any]


class LiveExchange(SyntheticExchange):
    """Synthetic prices, and orders that leave the process."""

    port: int
    """Where the venue listens."""
    die_before: int = 0
    """Kill the process before this many orders were sent; 0 is never."""
    die_after: int = 0
    """Kill the process after this many orders were sent."""

    def get_execution_connector(self) -> ExecutionConnector:
        return LiveConnector(self.port, self.die_before, self.die_after)


class LiveConnector(ExecutionConnector, VenueAccount):
    """Speaks JSON lines. Kills its process where it is told to."""

    def __init__(self, port: int, die_before: int, die_after: int) -> None:
        self.account = self
        self._port = port
        self._die_before, self._die_after = die_before, die_after
        self._sent = 0
        self._questions: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)

    def on_report(self, sink: ReportSink) -> None:
        self._sink = sink

    async def start(self) -> None:
        try:
            reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError as error:
            raise StartupError(f"the venue does not answer at port {self._port}: {error}") from error
        self._task = asyncio.create_task(self._listen(reader))

    async def stop(self) -> None:
        self._writer.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            message = json.loads(line)
            if "answer" in message:
                self._questions.pop(message["answer"]).set_result(message["body"])
            elif message["report"] == "TRADE":
                self._sink(_fill(message["body"]))
            else:
                self._sink(_report(ExecType(message["report"]), message["body"]))

    def submit(self, command: SubmitOrder) -> None:
        if self._sent + 1 == self._die_before:
            os.kill(os.getpid(), signal.SIGKILL)
        self._write(
            do="submit", id=command.client_order_id, side=command.side, type=command.order_type,
            quantity=str(command.quantity), price=None if command.price is None else str(command.price),
        )  # fmt: skip
        self._sent += 1
        if self._sent == self._die_after:
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGKILL)

    def cancel(self, command: CancelOrder) -> None:
        self._write(do="cancel", id=command.client_order_id)

    async def _ask(self, question: str, **about: object) -> Any:
        number = next(self._numbers)
        answer = self._questions[number] = asyncio.get_running_loop().create_future()
        try:
            self._write(do=question, number=number, **about)
        except OSError as error:
            raise VenueError(f"the connection is gone: {error}") from error
        return await answer

    def _write(self, **message: object) -> None:
        self._writer.write(json.dumps(message).encode() + b"\n")

    async def find_order(self, symbol: str, client_order_id: str, venue_order_id: str = "") -> OrderStatus | None:
        found = await self._ask("find", id=client_order_id)
        return None if found is None else _status(found)

    async def open_orders(self) -> Sequence[OrderStatus]:
        return [_status(each) for each in await self._ask("open")]

    async def fills(self, since_ns: int) -> Sequence[ExecutionReport]:
        return [_fill(each) for each in await self._ask("fills", since=since_ns)]

    async def balances(self) -> Mapping[str, Decimal]:
        return {code: Decimal(amount) for code, amount in (await self._ask("balances")).items()}

    async def positions(self) -> Sequence[VenuePosition]:
        return ()


def _report(exec_type: ExecType, body: Message) -> ExecutionReport:
    return ExecutionReport(
        exec_type=exec_type, client_order_id=body["id"], venue_order_id=body["venue_id"], symbol=SYMBOL,
        ts_event=body["ts"],
    )  # fmt: skip


def _fill(body: Message) -> ExecutionReport:
    return ExecutionReport(
        exec_type=ExecType.TRADE, client_order_id=body["id"], venue_order_id=body["venue_id"], symbol=SYMBOL,
        side=Side(body["side"]), ts_event=body["ts"], trade_id=body["trade_id"], price=Decimal(body["price"]),
        quantity=Decimal(body["quantity"]), fee=Decimal(body["fee"]), fee_currency="USDT",
    )  # fmt: skip


def _status(body: Message) -> OrderStatus:
    return OrderStatus(
        client_order_id=body["id"], venue_order_id=body["venue_id"], symbol=SYMBOL, side=Side(body["side"]),
        order_type=OrderType(body["type"]), time_in_force=TimeInForce.GTC, quantity=Decimal(body["quantity"]),
        price=None if body["price"] is None else Decimal(body["price"]), state=OrderState(body["state"]),
        filled_quantity=Decimal(body["filled"]), ts_event=body["ts"],
    )  # fmt: skip
