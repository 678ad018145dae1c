"""Order entry at Binance: commands go over REST, what becomes of them comes over the private stream.

An answer is told only for what it proves: that an order was taken, or that a command was refused or not sent. What it
leaves open is `UNKNOWN`, and asked for. Fills and ends come from the stream alone, in its order.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeVar

from quantai.core.errors import OrderError, StartupError
from quantai.exchanges.base import ExchangeContext
from quantai.exchanges.binance.account import BinanceAccount
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.dead_man import DeadManSwitch
from quantai.exchanges.binance.order_entry import OrderEntry, Placement
from quantai.exchanges.binance.orders import (
    cancellations,
    spot_amendment,
    spot_order,
    usdm_amendment,
    usdm_order,
)
from quantai.exchanges.binance.product import WEIGHT
from quantai.exchanges.binance.user_stream import SpotUserStream, UsdmUserStream, UserStream
from quantai.exchanges.errors import DuplicateOrderId
from quantai.exchanges.execution import AmendOrder, CancelOrder, SubmitOrder
from quantai.exchanges.http_execution import CANCEL_WAIT_NS, WAIT_NS, key_of
from quantai.exchanges.private_execution import PrivateExecution
from quantai.exchanges.websocket.settings import LinkSettings

T = TypeVar("T")

PLACED_TOGETHER = 5
CANCELLED_TOGETHER = 10


class BinanceExecution(PrivateExecution):
    """One account on spot or USD-M. `core.http` and `core.venue_clock` are started before `start`."""

    _core: BinanceCore
    account: BinanceAccount
    stream: UserStream

    def __init__(
        self,
        core: BinanceCore,
        context: ExchangeContext,
        *,
        countdown_ns: int = 0,
        link_settings: LinkSettings | None = None,
    ) -> None:
        """`countdown_ns` sets the dead-man switch of USD-M; 0: off. Raises `StartupError` without keys."""
        super().__init__(core, (WEIGHT, *core.product.order_rules))
        symbols = [instrument.symbol for instrument in context.instruments]
        self.account = BinanceAccount(core, symbols)
        self._entry = OrderEntry(core, self.account, self.outcomes)
        stream = UsdmUserStream if core.product.is_futures else SpotUserStream
        self.stream = stream(core, self.outcomes.tell, self.on_state, link_settings)
        has_switch = bool(countdown_ns) and core.product.is_futures
        self._switch = DeadManSwitch(core, symbols, countdown_ns) if has_switch else None

    async def start(self) -> None:
        """Return when the private stream stands. Raises `StartupError`."""
        await super().start()
        if self._switch is None:
            return
        try:
            await self._switch.start()
        except StartupError:
            await self.stream.stop()
            raise

    async def stop(self) -> None:
        """Wait some seconds for answers that are due, then disconnect."""
        await self._queue.close()
        if self._switch is not None:
            await self._switch.stop()
        await super().stop()

    def submit(self, command: SubmitOrder) -> None:
        placement = self._placement(command)
        work = partial(self._entry.submit, placement, self._deadline_ns(WAIT_NS))
        self._queue.put([command.client_order_id], work)

    def submit_batch(self, commands: Sequence[SubmitOrder]) -> None:
        """Five at a time on USD-M, but for stops; one by one on spot. Those that cannot be sent are told so."""
        placements = []
        for command in commands:
            try:
                placements.append(self._placement(command))
            except (OrderError, DuplicateOrderId) as error:
                self.outcomes.refuse_later(command, error)
        is_alone = [each.call.is_algo or not self._core.product.is_futures for each in placements]
        alone = [each for each, by_itself in zip(placements, is_alone, strict=True) if by_itself]
        together = [each for each, by_itself in zip(placements, is_alone, strict=True) if not by_itself]
        for some in [*_chunks(together, PLACED_TOGETHER), *_chunks(alone, 1)]:
            self._place(some)

    def _place(self, some: Sequence[Placement]) -> None:
        deadline_ns = self._deadline_ns(WAIT_NS)
        send = partial(self._entry.submit, some[0]) if len(some) == 1 else partial(self._entry.submit_batch, some)
        try:
            self._queue.put([each.command.client_order_id for each in some], partial(send, deadline_ns))
        except OrderError as error:
            for each in some:
                self.outcomes.refuse_later(each.command, error)

    def amend(self, command: AmendOrder) -> None:
        amendment = usdm_amendment if self._core.product.is_futures else spot_amendment
        call = amendment(command, self._core.ordered_symbol(command.symbol))
        self._queue.put([key_of(command)], partial(self._entry.amend, command, call, self._deadline_ns(WAIT_NS)))

    def cancel(self, command: CancelOrder) -> None:
        calls = cancellations(
            command, self._core.ordered_symbol(command.symbol), is_futures=self._core.product.is_futures
        )
        work = partial(self._entry.cancel, command, calls, self._deadline_ns(CANCEL_WAIT_NS))
        self._queue.put([key_of(command)], work, is_cancel=True)

    def cancel_batch(self, commands: Sequence[CancelOrder]) -> None:
        """Ten of a symbol at a time on USD-M; alone go those that would make others wait, and those without an id."""
        by_symbol: dict[str, list[CancelOrder]] = {}
        for command in commands:
            has_id = command.venue_order_id.isascii() and command.venue_order_id.isdigit()
            if has_id and self._core.product.is_futures and not self._queue.is_busy(key_of(command)):
                by_symbol.setdefault(command.symbol, []).append(command)
            else:
                self._cancel_alone(command)
        for symbol, some in by_symbol.items():
            for chunk in _chunks(some, CANCELLED_TOGETHER):
                self._cancel_together(symbol, chunk)

    def _cancel_together(self, symbol: str, commands: Sequence[CancelOrder]) -> None:
        if len(commands) == 1:
            self._cancel_alone(commands[0])
            return
        try:
            deadline_ns = self._deadline_ns(CANCEL_WAIT_NS)
            work = partial(self._entry.cancel_batch, commands, self._core.ordered_symbol(symbol), deadline_ns)
            self._queue.put([key_of(command) for command in commands], work, is_cancel=True)
        except OrderError as error:
            for command in commands:
                self.outcomes.refuse_later(command, error)

    def _cancel_alone(self, command: CancelOrder) -> None:
        try:
            self.cancel(command)
        except OrderError as error:
            self.outcomes.refuse_later(command, error)

    async def cancel_all(self, symbol: str) -> None:
        """Cancel every open order of a symbol, conditional ones too, whoever placed it. Raises `VenueError` where that
        is not sure to be done.
        """
        names = ("allOpenOrders", "algoOpenOrders") if self._core.product.is_futures else ("openOrders",)
        for name in names:
            await self._entry.cancel_all(name, self._core.ordered_symbol(symbol))

    def _placement(self, command: SubmitOrder) -> Placement:
        """Raises `OrderError` for what cannot be sent, `DuplicateOrderId` where the id was sent and has arrived."""
        self.outcomes.check_is_new(command)
        place = usdm_order if self._core.product.is_futures else spot_order
        return Placement(command, place(command, self._core.ordered_symbol(command.symbol)))

    def _deadline_ns(self, wait_ns: int) -> int:
        return self._core.clock.now_ns() + wait_ns


def _chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
