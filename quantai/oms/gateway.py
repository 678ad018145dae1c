"""The door for strategies that run in other daemons: takes their requests from the bus, answers with order events.

- A request that comes twice is carried out once: the order it names is known, and its state is the answer. One that
  is asked again is only answered.
- A request that is too old, or answers an event that is, or is from a clock that disagrees, is denied; a cancel never
  is. So nobody trades on the prices of an outage when the bus delivers them late.
- A strategy belongs to the session that began last. An older one may still cancel, and nothing else.
- A strategy that gives no sign of life has its open orders cancelled.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from decimal import Decimal

from quantai.core.clock import NS_PER_SECOND, Clock, Timer
from quantai.core.errors import NumberError, OrderError
from quantai.core.numbers import is_multiple
from quantai.events import (
    AmendOrderCommand,
    CancelAllOrdersCommand,
    CancelOrderCommand,
    CommandEvent,
    ErrorEvent,
    HeartbeatCommand,
    OrderCancelRejectedEvent,
    OrderDeniedEvent,
    OrderReplaceRejectedEvent,
    StartedEvent,
    StateRequestCommand,
    StrategyCommand,
    SubmitOrderCommand,
)
from quantai.events.bus import EventBus
from quantai.instruments import Instrument
from quantai.oms.models import Change, Order, OrderRequest
from quantai.oms.options import read_options
from quantai.oms.order_manager import OrderManager
from quantai.oms.snapshot import Holdings, order_state, snapshot

logger = logging.getLogger(__name__)

COMPONENT = "order gateway"
"""Who speaks in the system events of the gateway; no strategy can be called that."""

_WATCH_NS = NS_PER_SECOND
_STOPPING = "the daemon that executes orders is being stopped"


class OrderGateway:
    """Serves the strategies in `instruments`, each for the instruments it may trade."""

    def __init__(
        self,
        *,
        bus: EventBus,
        clock: Clock,
        orders: OrderManager,
        holdings: Holdings,
        instruments: Mapping[str, Collection[Instrument]],
        execution: str,
        max_command_age_ns: int,
        strategy_timeout_ns: int,
    ) -> None:
        """`execution` says who executes, as strategies are told."""
        self._bus = bus
        self._clock = clock
        self._orders = orders
        self._holdings = holdings
        self._instruments = {
            strategy: {(each.venue, each.symbol): each for each in own} for strategy, own in instruments.items()
        }
        self._execution = execution
        self._max_command_age_ns = max_command_age_ns
        self._strategy_timeout_ns = strategy_timeout_ns
        self._seen_ns: dict[str, int] = {}
        self._sessions: dict[str, str] = {}
        self._timer: Timer | None = None
        self._is_stopping = False
        self.counts = dict.fromkeys(("requests", "refused", "repeated", "silences"), 0)

    async def start(self) -> None:
        """Take requests from now on. A strategy has the timeout, from now on, to give its first sign of life."""
        now_ns = self._clock.now_ns()
        self._seen_ns = dict.fromkeys(self._instruments, now_ns)
        await self._bus.subscribe("command.*", self._take, name=COMPONENT)
        self._timer = self._clock.call_every(min(_WATCH_NS, self._strategy_timeout_ns), self._watch)
        await self._bus.publish(StartedEvent(COMPONENT, now_ns, now_ns))

    async def stop(self) -> None:
        """Deny what comes from now on, and cancel what is open: nobody could any more once this daemon is gone."""
        self._is_stopping = True
        if self._timer is not None:
            self._timer.cancel()
        for strategy in self._instruments:
            self._orders.cancel_all(strategy)

    def _take(self, command: CommandEvent) -> None:
        match command:
            case StateRequestCommand():
                self._tell_state(command)
            case SubmitOrderCommand():
                self._submit(command)
            case AmendOrderCommand():
                self._amend(command)
            case CancelOrderCommand():
                self._cancel(command)
            case CancelAllOrdersCommand():
                self._is_current(command)
                self._orders.cancel_all(command.strategy, command.symbol or None, command.cause)
            case HeartbeatCommand():
                self._is_current(command)

    def _is_current(self, command: StrategyCommand) -> bool:
        """Whether the strategy still belongs to who speaks; if so, and it spoke just now, the strategy lives."""
        strategy, now_ns = command.strategy, self._clock.now_ns()
        if strategy not in self._instruments or command.session < self._sessions.get(strategy, ""):
            return False
        self._sessions[strategy] = command.session
        if abs(now_ns - command.ts_event) < self._strategy_timeout_ns:
            self._seen_ns[strategy] = now_ns
        return True

    def _submit(self, command: SubmitOrderCommand) -> None:
        self.counts["requests"] += 1
        is_current = self._is_current(command)
        known = self._orders.find(command.client_order_id)
        if known is not None and known.strategy == command.strategy:
            self.counts["repeated"] += 1
            self._tell(known, command)
            return
        try:
            request = self._request_of(command, known)
            refusal = self._refusal(command, is_current)
            if refusal is None:
                self._orders.submit(request, command.client_order_id)
            else:
                self.counts["refused"] += 1
                self._orders.deny(request, command.client_order_id, *refusal)
        except (OrderError, NumberError) as error:
            self._refuse(command, str(error))

    def _request_of(self, command: SubmitOrderCommand, known: Order | None) -> OrderRequest:
        """Raises `OrderError` or `NumberError` for what cannot be an order here, whoever asks and whenever."""
        if known is not None or not command.client_order_id:
            raise OrderError(f"{command.client_order_id!r} is no id for a new order")
        own = self._instruments.get(command.strategy)
        if own is None:
            raise OrderError(f"no strategy {command.strategy!r} is configured where orders are executed (strategies)")
        instrument = own.get((command.venue, command.symbol))
        if instrument is None:
            raise OrderError(f"{command.strategy} may not trade {command.venue}:{command.symbol} (its instruments)")
        _check_grid(instrument, command.quantity, command.price, command.trigger_price)
        return OrderRequest(
            command.strategy, instrument, command.side, command.order_type, command.quantity, command.price,
            command.time_in_force, command.cause, command.trigger_price, command.reduce_only,
            options=read_options(command.options), at_venue=command.at_venue,
        )  # fmt: skip

    def _refusal(self, command: SubmitOrderCommand, is_current: bool) -> tuple[str, str] | None:
        """Code and reason where an order that could be sent is not."""
        if self._is_stopping:
            return "STOPPING", _STOPPING
        if not is_current:
            return "SUPERSEDED", f"a newer session of {command.strategy} has taken over"
        if command.ts_init != command.ts_event:  # a daemon that was here before may have carried it out
            return "STALE_COMMAND", "it was asked again, and nothing is known here of the first time"
        late = self._too_late(command)
        return None if late is None else ("STALE_COMMAND", late)

    def _too_late(self, command: SubmitOrderCommand | AmendOrderCommand) -> str | None:
        """Why the prices that a request answers are not those of now, if so."""
        age_ns = self._clock.now_ns() - _asked_ns(command)
        if abs(age_ns) <= self._max_command_age_ns:
            return None
        when = f"{abs(age_ns) / NS_PER_SECOND:.3f} s {'ago' if age_ns > 0 else 'from now'}"
        limit_s = self._max_command_age_ns / NS_PER_SECOND
        return f"it, or its cause, is of {when}; the limit is {limit_s:g} s (gateway.max_command_age)"

    def _refuse(self, command: SubmitOrderCommand, reason: str) -> None:
        """Answer what never was an order; asked again it is refused again."""
        self.counts["refused"] += 1
        now_ns = self._clock.now_ns()
        logger.warning("order %s of %s was refused: %s", command.client_order_id, command.strategy, reason)
        denied = OrderDeniedEvent(
            command.client_order_id, command.strategy, command.venue, command.symbol, now_ns, now_ns, command.cause,
            command.side, command.order_type, command.quantity, command.price, "INVALID_REQUEST", reason,
        )  # fmt: skip
        self._bus.post(denied)

    def _amend(self, command: AmendOrderCommand) -> None:
        """Change an order, or tell why not, and what it is."""
        is_current = self._is_current(command)
        order = self._orders.find(command.client_order_id)
        if order is None or order.strategy != command.strategy:
            self._reject_change(command, f"{command.strategy} has no such order here")
            return
        before = order.state
        if order.change == Change(command.quantity, command.price):
            self.counts["repeated"] += 1
        elif (refusal := self._try_change(order, command, is_current)) is not None:
            self._reject_change(command, refusal)
        if order.state is before:
            self._tell(order, command)

    def _try_change(self, order: Order, command: AmendOrderCommand, is_current: bool) -> str | None:
        """Why the order cannot be changed; None where the change is on its way, or made."""
        if self._is_stopping:
            return _STOPPING
        if not is_current:
            return f"a newer session of {command.strategy} has taken over"
        try:
            _check_grid(order.instrument, command.quantity, command.price)
            late = self._too_late(command)
            if late is None:
                self._orders.amend(order, command.quantity, command.price, command.cause)
        except (OrderError, NumberError) as error:
            return str(error)
        return late

    def _reject_change(self, command: AmendOrderCommand, reason: str) -> None:
        self.counts["refused"] += 1
        now_ns = self._clock.now_ns()
        logger.warning("a change of %s by %s was refused: %s", command.client_order_id, command.strategy, reason)
        rejected = OrderReplaceRejectedEvent(
            command.client_order_id, command.strategy, command.venue, command.symbol, now_ns, now_ns, command.cause,
            reason,
        )  # fmt: skip
        self._bus.post(rejected)

    def _cancel(self, command: CancelOrderCommand) -> None:
        self._is_current(command)
        order = self._orders.find(command.client_order_id)
        if order is None or order.strategy != command.strategy:
            now_ns = self._clock.now_ns()
            rejected = OrderCancelRejectedEvent(
                command.client_order_id, command.strategy, command.venue, command.symbol, now_ns, now_ns, "",
                f"{command.strategy} has no such order here",
            )  # fmt: skip
            self._bus.post(rejected)
            return
        before = order.state
        self._orders.cancel(order, command.cause)
        if order.state is before:
            self._tell(order, command)

    def _tell(self, order: Order, command: StrategyCommand) -> None:
        self._bus.post(order_state(order, command.session, self._clock.now_ns()))

    def _tell_state(self, command: StateRequestCommand) -> None:
        answer = snapshot(
            self._orders.open_orders(), self._holdings, self._execution,
            session=command.session, request=command.ts_init, now_ns=self._clock.now_ns(),
        )  # fmt: skip
        for event in answer:
            self._bus.post(event)

    def _watch(self, due_ns: int) -> None:
        """Cancel the orders of strategies that fell silent; what is left of them is cancelled again a timeout later."""
        now_ns = self._clock.now_ns()
        for strategy, seen_ns in self._seen_ns.items():
            silent_ns = now_ns - seen_ns
            if silent_ns < self._strategy_timeout_ns:
                continue
            cancelled = self._orders.cancel_all(strategy)
            if cancelled:
                self.counts["silences"] += 1
                self._seen_ns[strategy] = now_ns
                message = (
                    f"{strategy} is silent for {silent_ns / NS_PER_SECOND:.1f} s: {len(cancelled)} orders cancelled"
                )
                logger.error("%s", message)
                self._bus.post(ErrorEvent(COMPONENT, now_ns, now_ns, "StrategySilent", message))


def _check_grid(instrument: Instrument, quantity: Decimal, *prices: Decimal | None) -> None:
    """Raises `OrderError` for what is off the instrument's grid, `NumberError` for what no grid has."""
    if not is_multiple(quantity, instrument.lot_size):
        raise OrderError(f"quantity {quantity} is not a multiple of the lot {instrument.lot_size}")
    for price in prices:
        if price is not None and not is_multiple(price, instrument.tick_size):
            raise OrderError(f"price {price} is not a multiple of the tick {instrument.tick_size}")


def _asked_ns(command: SubmitOrderCommand | AmendOrderCommand) -> int:
    """A request is as old as the event that it answers, which its cause names with its time."""
    _, _, caused_ns = command.cause.rpartition("@")
    is_time = caused_ns.isascii() and caused_ns.isdigit()
    return min(command.ts_event, int(caused_ns)) if is_time else command.ts_event
