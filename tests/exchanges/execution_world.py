"""A venue whose answers are prepared in advance, without a network, and a connector that is told what to ask."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import msgspec
from pydantic import SecretStr

from quantai.core.clock import SimulatedClock
from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import OrderError, VenueError
from quantai.exchanges.batched_execution import BatchedExecution
from quantai.exchanges.core import VenueCore
from quantai.exchanges.errors import InsufficientFunds, NotSent
from quantai.exchanges.execution import AmendOrder, CancelOrder, ExecutionReport, SubmitOrder
from quantai.exchanges.http import HttpClient
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.mapper import InstrumentMapper
from quantai.exchanges.rate_limiter import RateLimiter
from quantai.exchanges.signing import Signer
from quantai.exchanges.venue_clock import VenueClock

START_NS = 10**18
Answer = Any
"""What a request is answered with; an exception is raised; a function of the request makes either."""


class FakeHttp:
    """Answers by `METHOD path`: the next in line, the last for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[HttpRequest] = []
        self.latency_ns = 0
        self.gate: asyncio.Event | None = None
        """Requests wait for it, where there is one."""

    def answer(self, where: str, *answers: Answer) -> None:
        self.answers[where] = list(answers)

    async def call(self, request: HttpRequest, type_: Any) -> Any:
        self.requests.append(request)
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        prepared = self.answers[str(request)]
        answer = prepared.pop(0) if len(prepared) > 1 else prepared[0]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        return msgspec.convert(answer, type_) if type_ is not msgspec.Raw else msgspec.Raw()

    def asked(self) -> list[str]:
        return [f"{each} {','.join(each.params.values())}" for each in self.requests]


class Ack(msgspec.Struct):
    id: str
    error: str = ""


class ToyExecution(BatchedExecution):
    """Orders by their client ids; those of a quantity of 13 go alone."""

    ack, acks = Ack, list[Ack]
    client_ids = re.compile("[a-z0-9]+")
    placed_together = 3
    cancelled_together = 2
    amend_refusal: VenueError | None = None

    def placement(self, command: SubmitOrder, symbol: str) -> HttpRequest:
        if command.quantity == 99:
            raise OrderError("99 cannot be had")
        if command.quantity == 98:
            raise ZeroDivisionError
        path = "/odd" if command.quantity == 13 else "/orders"
        return HttpRequest(method="POST", path=path, params={"id": command.client_order_id})

    def cancellations(self, command: CancelOrder, symbol: str) -> Sequence[HttpRequest]:
        params = {"id": command.client_order_id}
        return [HttpRequest(method="DELETE", path=path, params=params) for path in ("/orders", "/odd")]

    def amendment(self, command: AmendOrder, symbol: str) -> HttpRequest:
        return HttpRequest(method="PUT", path="/orders", params={"id": command.client_order_id})

    async def may_amend(self, command: AmendOrder) -> None:
        if self.amend_refusal is not None:
            raise self.amend_refusal

    def accepted(self, ack: Ack) -> tuple[str, int]:
        return ack.id, 0

    def is_placed_alone(self, placement: HttpRequest) -> bool:
        return placement.path == "/odd"

    def is_cancelled_alone(self, command: CancelOrder) -> bool:
        return not command.venue_order_id

    def joint_placement(self, placements: Sequence[HttpRequest]) -> HttpRequest:
        ids = ",".join(each.params["id"] for each in placements)
        return HttpRequest(method="POST", path="/batch", params={"ids": ids})

    def joint_cancellation(self, commands: Sequence[CancelOrder], symbol: str) -> HttpRequest:
        ids = ",".join(each.client_order_id for each in commands)
        return HttpRequest(method="DELETE", path="/batch", params={"symbol": symbol, "ids": ids})

    def refused(self, ack: Ack) -> VenueError | None:
        return InsufficientFunds(ack.error) if ack.error else None


class World:
    """A connector without a stream, and what it reports."""

    def __init__(self, kind: Callable[[VenueCore], ToyExecution] = ToyExecution) -> None:
        self.clock = SimulatedClock(START_NS)
        self.http = FakeHttp()

        async def now() -> int:
            return self.clock.now_ns()

        core = VenueCore(
            venue="toy", clock=self.clock, limiter=RateLimiter(self.clock, []), http=cast(HttpClient, self.http),
            venue_clock=VenueClock(self.clock, now), publish=lambda event: None,
            mapper=InstrumentMapper("toy", [("BTC/USDT", "BTCUSDT"), ("ETH/USDT", "ETHUSDT")]),
            signer=cast(Signer, SimpleNamespace()), api_key=SecretStr("key"),
        )  # fmt: skip
        self.execution = kind(core)
        self.reports: list[ExecutionReport] = []
        self.execution.on_report(self.reports.append)

    async def settle(self) -> dict[str, str]:
        """What was told of each order, once all commands are answered."""
        for _ in range(200):
            await asyncio.sleep(0)
        return {each.client_order_id: str(each.exec_type) for each in self.reports}


def submit(id_: str, quantity: Decimal | int = 1, symbol: str = "BTC/USDT", **fields: Any) -> SubmitOrder:
    return msgspec.structs.replace(
        SubmitOrder(id_, symbol, Side.BUY, OrderType.LIMIT, Decimal(quantity), Decimal(100), TimeInForce.GTC), **fields
    )


def cancel(id_: str, symbol: str = "BTC/USDT", venue_order_id: str = "7") -> CancelOrder:
    return CancelOrder(id_, symbol, venue_order_id)


def amend(id_: str) -> AmendOrder:
    return AmendOrder(id_, "BTC/USDT", "7", Side.BUY, Decimal(2), Decimal(100))


NOT_SENT = NotSent("no connection")
