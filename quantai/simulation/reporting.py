"""What a simulated venue says: reports that arrive after a latency, in the order in which things happened."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from quantai.core.clock import Clock
from quantai.core.enums import Liquidity, OrderState
from quantai.core.numbers import ZERO
from quantai.exchanges.execution import AmendOrder, CancelOrder, ExecType, ExecutionReport, ReportSink
from quantai.instruments import Instrument
from quantai.simulation.account import SimulatedAccount
from quantai.simulation.matching import Working

_ENDS = {
    ExecType.CANCELED: OrderState.CANCELED,
    ExecType.EXPIRED: OrderState.EXPIRED,
    ExecType.REJECTED: OrderState.REJECTED,
}


@dataclass(frozen=True, slots=True)
class VenueModel:
    """How a simulated venue behaves: fees as fractions of notional, latencies in nanoseconds, rounding of fees.

    `run` goes into the ids that it gives to orders and trades: they are kept, and no other run must give the same.
    """

    maker_fee: Decimal
    taker_fee: Decimal
    order_latency_ns: int
    report_latency_ns: int
    fee_step: Decimal = Decimal("1e-8")
    behind_queue: bool = True
    run: str = ""


class Reporter:
    """Makes the reports of one venue, and keeps in `account` what they say. Give it a `sink` before the first order."""

    def __init__(self, venue: str, instruments: Mapping[str, Instrument], model: VenueModel, clock: Clock) -> None:
        self.account = SimulatedAccount()
        self.prefix = f"{venue}-{model.run}" if model.run else venue
        self.sink: ReportSink
        self._instruments = instruments
        self._model = model
        self._clock = clock
        self._outbox: deque[ExecutionReport] = deque()
        self._trades = 0

    def traded(self, order: Working, price: Decimal, quantity: Decimal, liquidity: Liquidity) -> None:
        """A part of an order traded."""
        self._trades += 1
        command, instrument = order.command, self._instruments[order.command.symbol]
        rate = self._model.maker_fee if liquidity is Liquidity.MAKER else self._model.taker_fee
        fee = (instrument.notional(quantity, price) * rate).quantize(self._model.fee_step, rounding=ROUND_HALF_UP)
        order.ts_last = self._clock.now_ns()
        fill = ExecutionReport(
            exec_type=ExecType.TRADE,
            client_order_id=command.client_order_id,
            venue_order_id=order.venue_order_id,
            symbol=command.symbol,
            side=command.side,
            ts_event=order.ts_last,
            trade_id=f"{self.prefix}-{self._trades}",
            price=price,
            quantity=quantity,
            fee=fee or ZERO,
            fee_currency=instrument.settlement_currency,
            liquidity=liquidity,
        )
        self.account.keep_fill(order, fill)
        self._send(fill)

    def tell(self, order: Working, exec_type: ExecType, reason: str = "") -> None:
        """An order was accepted, or ended."""
        order.ts_last = self._clock.now_ns()
        if exec_type in _ENDS:
            order.ended, order.reason = _ENDS[exec_type], reason
        self.account.keep(order)
        self._send(
            ExecutionReport(
                exec_type=exec_type,
                client_order_id=order.command.client_order_id,
                venue_order_id=order.venue_order_id,
                ts_event=order.ts_last,
                reason=reason,
            )
        )

    def replaced(self, order: Working, quantity: Decimal, price: Decimal | None) -> None:
        """An order was changed."""
        order.ts_last = self._clock.now_ns()
        self._send(
            ExecutionReport(
                exec_type=ExecType.REPLACED,
                client_order_id=order.command.client_order_id,
                venue_order_id=order.venue_order_id,
                ts_event=order.ts_last,
                order_quantity=quantity,
                order_price=price,
            )
        )

    def refuse(self, command: AmendOrder | CancelOrder, exec_type: ExecType, reason: str) -> None:
        """A command was not carried out."""
        self._send(
            ExecutionReport(
                exec_type=exec_type,
                client_order_id=command.client_order_id,
                ts_event=self._clock.now_ns(),
                reason=reason,
            )
        )

    def _send(self, report: ExecutionReport) -> None:
        self._outbox.append(report)
        self._clock.call_later(self._model.report_latency_ns, lambda _: self.sink(self._outbox.popleft()))
