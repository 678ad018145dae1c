"""The way between a daemon and a venue: everything on it can be lost, late, twice, or in another order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

import msgspec

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, SimulatedClock
from quantai.core.errors import OrderError, VenueError
from quantai.exchanges.execution import (
    AmendOrder,
    CancelOrder,
    ConnectionSink,
    ExecType,
    ExecutionConnector,
    ExecutionReport,
    OrderStatus,
    ReportSink,
    SubmitOrder,
    VenueAccount,
    VenuePosition,
)
from tests.torture.oms.exchange import Exchange
from tests.torture.oms.faults import RECV_WINDOW_NS, Faults
from tests.torture.oms.life import Life

Command = SubmitOrder | AmendOrder | CancelOrder
T = TypeVar("T")

_LONGEST_HIDDEN_NS = 12 * NS_PER_SECOND
LONGEST_TRIP_NS = 4 * NS_PER_SECOND + _LONGEST_HIDDEN_NS
"""After this, what was on its way when the faults stopped has arrived."""

_ANSWER_TIMEOUT_NS = NS_PER_SECOND
_QUERY_TIMEOUT_S = 1.0


@dataclass
class Line:
    """What stands between a daemon and a venue, whichever daemon it is: `is_up` is the venue's door, `is_streaming` the
    private stream.
    """

    exchange: Exchange
    clock: SimulatedClock
    dice: random.Random
    faults: Faults
    is_up: bool = True
    is_streaming: bool = True
    connector: FaultyVenue | None = None
    log: Callable[[str], None] = lambda text: None
    counts: dict[str, int] = field(default_factory=dict)
    hidden: dict[str, int] = field(default_factory=dict)
    """Until when a trade is not listed, by its id."""

    _streamed_ns: int = 0

    def __post_init__(self) -> None:
        self.exchange.stream = self._stream

    def happens(self, kind: str) -> bool:
        """Whether a fault of this kind happens now; counted."""
        if self.dice.random() >= self.faults.rates[kind]:
            return False
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return True

    def trip_ns(self) -> int:
        """How long a message is on its way, mostly."""
        return self.dice.randint(1, 20) * NS_PER_MS

    def late_ns(self) -> int:
        """How long one is that is late."""
        return self.dice.randint(20, 4_000) * NS_PER_MS

    def _stream(self, report: ExecutionReport) -> None:
        """What is streamed keeps its order, but for what is delayed, or hidden: that comes when it is listed, or so."""
        if report.exec_type is ExecType.TRADE and self.happens("hidden"):
            until_ns = self.clock.now_ns() + self.dice.randint(2 * NS_PER_SECOND, _LONGEST_HIDDEN_NS)
            self.hidden[report.trade_id] = until_ns
            self.log(f"{self.exchange.name} hides {report.trade_id}")
            self.clock.call_at(until_ns - self.late_ns(), lambda _: self.send_up(report))
        elif self.is_up and self.is_streaming:
            self._streamed_ns = max(self._streamed_ns, self.clock.now_ns() + self.trip_ns())
            self.send_up(report, self._streamed_ns)
        else:
            self.log(f"{self.exchange.name} streams to nobody: {_short(report)}")

    def send_up(self, report: ExecutionReport, due_ns: int = 0) -> None:
        """Bring a report to whoever is connected now, at `due_ns` or when it gets there."""
        connector = self.connector
        if connector is None:
            return
        if self.happens("drop"):
            self.log(f"{self.exchange.name} dropped: {_short(report)}")
            return
        for _ in range(2 if self.happens("duplicate") else 1):
            late_ns = self.late_ns() if self.happens("delay") else 0
            arrives_ns = (due_ns or self.clock.now_ns() + self.trip_ns()) + late_ns
            self.clock.call_at(arrives_ns, lambda _: connector.receive(report))

    def connect(self, is_connected: bool) -> None:
        """The private stream falls, or stands again; who is connected learns of it a little later."""
        self.is_streaming = is_connected
        connector = self.connector
        if connector is not None:
            self.clock.call_later(self.trip_ns(), lambda _: connector.tell_connection(is_connected))


class FaultyVenue(ExecutionConnector, VenueAccount):
    """What one daemon has of a venue, as long as that daemon lives."""

    def __init__(self, line: Line, life: Life) -> None:
        self.account = self
        self._line = line
        self._life = life
        self._sink: ReportSink = lambda report: None
        self._connection: ConnectionSink = lambda is_connected: None
        line.connector = self

    @property
    def exchange(self) -> Exchange:
        """The venue as it really is."""
        return self._line.exchange

    # Commands.

    def submit(self, command: SubmitOrder) -> None:
        self._send(command, lambda: self._line.exchange.place(command))

    def cancel(self, command: CancelOrder) -> None:
        self._send(command, lambda: self._line.exchange.cancel(command))

    def amend(self, command: AmendOrder) -> None:
        if self._line.exchange.habits.no_amend:
            raise OrderError(f"{self._line.exchange.name} cannot amend")
        self._send(command, lambda: self._line.exchange.amend(command))

    def _send(self, command: Command, carry_out: Callable[[], ExecutionReport]) -> None:
        """One message boundary before a command leaves and one after."""
        line = self._line
        self._life.boundary(f"send {_name(command)}")
        if not self._life.is_alive:
            return
        self._life.sent(command)
        is_lost = line.happens("lost_command") or not line.is_up
        delay_ns = line.late_ns() if line.happens("late") else line.trip_ns()
        line.log(f"{line.exchange.name} <- {_name(command)}{' LOST' if is_lost else ''}")
        if is_lost:
            self._give_up(command)
        else:
            line.clock.call_later(delay_ns, lambda _: self._arrive(command, carry_out, delay_ns))
        self._life.boundary(f"sent {_name(command)}")
        if line.happens("raise"):
            raise VenueError(f"{line.exchange.name}: connection reset")

    def _arrive(self, command: Command, carry_out: Callable[[], ExecutionReport], delay_ns: int) -> None:
        line = self._line
        if not line.is_up or delay_ns > RECV_WINDOW_NS:
            line.log(f"{line.exchange.name} ignores {_name(command)}")
            self._give_up(command)
            return
        answer = msgspec.structs.replace(carry_out(), client_order_id=command.client_order_id)
        line.log(f"{line.exchange.name} did {_name(command)}: {_short(answer)}")
        if delay_ns > _ANSWER_TIMEOUT_NS or line.happens("lost_answer"):
            self._give_up(command)
            if line.dice.random() < 0.5:
                return
        line.send_up(answer)

    def _give_up(self, command: Command) -> None:
        """No answer came in time: the connector says so, or says nothing."""
        line = self._line
        if line.dice.random() < 0.3:
            return
        report = ExecutionReport(
            exec_type=ExecType.UNKNOWN, client_order_id=command.client_order_id, symbol=command.symbol,
            ts_event=line.exchange.now_ns(), reason="no answer in time",
        )  # fmt: skip
        line.clock.call_later(_ANSWER_TIMEOUT_NS, lambda _: self.receive(report))

    # What comes up.

    def on_report(self, sink: ReportSink) -> None:
        self._sink = sink

    def on_connection(self, sink: ConnectionSink) -> None:
        self._connection = sink

    def receive(self, report: ExecutionReport) -> None:
        """A report is here, if anybody still is."""
        self._life.boundary(f"report {_short(report)}")
        if self._life.is_alive:
            self._line.log(f"{self._line.exchange.name} -> {_short(report)}")
            self._sink(report)

    def tell_connection(self, is_connected: bool) -> None:
        """The stream stands, or fell."""
        if self._life.is_alive:
            self._line.log(f"{self._line.exchange.name} stream {'up' if is_connected else 'down'}")
            self._connection(is_connected)

    # Questions.

    async def find_order(self, symbol: str, client_order_id: str, venue_order_id: str = "") -> OrderStatus | None:
        def look() -> OrderStatus | None:
            order = self._line.exchange.find(client_order_id, venue_order_id)
            return None if order is None else order.status

        return await self._ask(f"find {client_order_id or venue_order_id}", look)

    async def open_orders(self) -> Sequence[OrderStatus]:
        exchange = self._line.exchange
        return await self._ask("open orders", lambda: [order.status for order in exchange.open.values()])

    async def fills(self, since_ns: int) -> Sequence[ExecutionReport]:
        line = self._line

        def look() -> list[ExecutionReport]:
            now_ns = line.clock.now_ns()
            shown = (trade for trade in line.exchange.trades if line.hidden.get(trade.trade_id, 0) <= now_ns)
            return [trade for trade in shown if trade.ts_event >= since_ns]

        return await self._ask("fills", look)

    async def balances(self) -> Mapping[str, Decimal] | None:
        return await self._ask("balances", lambda: dict(self._line.exchange.ledger.cash))

    async def positions(self) -> Sequence[VenuePosition] | None:
        ledger = self._line.exchange.ledger

        def look() -> list[VenuePosition]:
            return [
                VenuePosition(symbol, quantity, abs(ledger.costs[symbol] / quantity))
                for symbol, quantity in ledger.positions.items()
                if quantity
            ]

        return await self._ask("positions", look)

    async def _ask(self, what: str, look: Callable[[], T]) -> T:
        """The answer is true at some moment between the question and it."""
        line = self._line
        if not self._life.is_alive:
            raise VenueError("who asks was killed")
        await asyncio.sleep(line.trip_ns() / NS_PER_SECOND)
        if not line.is_up or line.happens("query"):
            await asyncio.sleep(line.dice.choice((0.0, _QUERY_TIMEOUT_S)))
            raise VenueError(f"{line.exchange.name} did not answer: {what}")
        answer = look()
        delay_ns = line.late_ns() // 4 if line.happens("delay") else line.trip_ns()
        await asyncio.sleep(delay_ns / NS_PER_SECOND)
        line.log(f"{line.exchange.name} answers {what}: {_short_answer(answer)}")
        return answer


def _name(command: Command) -> str:
    match command:
        case SubmitOrder():
            return (
                f"submit {command.client_order_id} {command.side} {command.quantity} {command.symbol}"
                f" @{command.price} {command.time_in_force}"
            )
        case AmendOrder():
            return f"amend {command.client_order_id} {command.quantity} @{command.price}"
        case CancelOrder():
            return f"cancel {command.client_order_id}"


def _short(report: ExecutionReport) -> str:
    what = f"{report.exec_type} {report.client_order_id or '-'} {report.venue_order_id}"
    if report.exec_type is ExecType.TRADE:
        return f"{what} {report.trade_id} {report.quantity} @{report.price}"
    return f"{what} {report.reason}".rstrip()


def _short_answer(answer: object) -> str:
    match answer:
        case OrderStatus():
            return f"{answer.venue_order_id} {answer.state} {answer.filled_quantity}/{answer.quantity} @{answer.price}"
        case list():
            return f"{len(answer)}: " + ", ".join(
                _short(each) if isinstance(each, ExecutionReport) else _short_answer(each) for each in answer[-5:]
            )
        case _:
            return str(answer)
