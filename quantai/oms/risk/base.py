"""Pre-trade risk: what a check is, and the verdict, which is a type.

A venue can only be given an `Approved`, and only the engine can make one: an unchecked order cannot be sent by mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

import msgspec

from quantai.core.component import Component
from quantai.core.enums import TradingState
from quantai.core.errors import QuantAIError
from quantai.data.market import Key
from quantai.events import Event
from quantai.oms.models import Change, Order
from quantai.oms.risk.states import TradingStates
from quantai.oms.risk.view import Measured, RiskNumber, RiskView, numbers_of

_SEAL = object()
_ACTIVE = TradingState.ACTIVE

NOT_ASSESSED = "NOT_ASSESSED"
NOT_REDUCING = "NOT_REDUCING"
HALTED = "TRADING_HALTED"
REDUCING = "TRADING_REDUCING"


class Approved:
    """Risk let the order pass. Only the engine has what it takes to make one."""

    __slots__ = ("measured", "order")

    def __init__(self, order: Order, measured: Sequence[Measured], seal: object) -> None:
        """Raises `QuantAIError` for anybody but the engine."""
        if seal is not _SEAL:
            raise QuantAIError(f"order {order.client_order_id} was not checked: RiskEngine.check makes an Approved")
        self.order = order
        self.measured = measured
        """What was compared, for whoever wants the order explained."""

    @property
    def numbers(self) -> tuple[RiskNumber, ...]:
        """The same by name."""
        return numbers_of(self.measured)


@dataclass(frozen=True, slots=True)
class Denied:
    """Risk said no: `code` is stable and names the kind of check, `reason` has the numbers, and the check's name where
    that is another. `measured` is what was compared until then.
    """

    order: Order
    code: str
    reason: str
    measured: Sequence[Measured] = ()

    @property
    def numbers(self) -> tuple[RiskNumber, ...]:
        """The same by name."""
        return numbers_of(self.measured)


Verdict = Approved | Denied

Evaluate = Callable[[Order, RiskView], str | None]


class Scope(msgspec.Struct, frozen=True):
    """Which orders a check is asked about; None is all."""

    strategies: frozenset[str] | None = None
    instruments: frozenset[Key] | None = None
    venues: frozenset[str] | None = None

    def covers(self, order: Order) -> bool:
        """Whether the check is asked about `order`."""
        return (
            (self.strategies is None or order.strategy in self.strategies)
            and (self.venues is None or order.venue in self.venues)
            and (self.instruments is None or (order.venue, order.symbol) in self.instruments)
        )


class Looser(StrEnum):
    """Which way a parameter makes a limit looser."""

    HIGHER = "higher"
    """A greater number, or null, which is no limit."""
    HIGHER_OR_ZERO = "higher or zero"
    """A greater number; 0 is no limit."""
    LOWER = "lower"
    """A smaller number."""


class RiskCheck(Component):
    """One question asked of every order. Subclass it and name it in YAML; annotated attributes are its parameters.

    `looser` says which way each parameter loosens, for the warning when somebody does; of others a change is only
    told. `topics` are what the check wants to hear from the bus, in `on_event`.
    """

    code: ClassVar[str] = ""
    looser: ClassVar[Mapping[str, Looser]] = {}
    topics: ClassVar[tuple[str, ...]] = ()
    is_asked_of_reductions: ClassVar[bool] = False
    """Whether a change that only makes an order smaller is asked about too."""

    _name = ""
    _scope: Scope | None = None

    def bind(self, name: str, scope: Scope | None = None) -> None:
        """Be called `name` in the configuration, and be asked about `scope` only."""
        self._name, self._scope = name, scope

    @property
    def name(self) -> str:
        """As configured; the code where nobody said."""
        return self._name or _code(self)

    @property
    def scope(self) -> Scope | None:
        """Which orders it is asked about; None is all."""
        return self._scope

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        """Why `order` must not be sent, with the numbers; None lets it pass. What cannot be known denies."""
        return f"{type(self).__name__} does not define evaluate()"

    def on_approved(self, order: Order, view: RiskView) -> None:
        """Every check let `order` pass: for those that count what leaves."""

    def on_event(self, event: Event, view: RiskView) -> None:
        """One of `topics`."""

    def on_resume(self, strategy: str | None) -> None:
        """Somebody resumed trading, of a strategy or (None) of all: for those that remember a breach."""

    def recall(self, kept: str) -> None:
        """What an earlier run gave to `view.put` under `risk.` and the check's name."""


def _code(check: RiskCheck) -> str:
    return check.code or type(check).__name__


def _within(scope: Scope | None, evaluate: Evaluate) -> Evaluate:
    """`evaluate`, asked about the orders in `scope` only."""
    if scope is None:
        return evaluate
    return lambda order, view: evaluate(order, view) if scope.covers(order) else None


class RiskEngine:
    """Asks whether trading goes on, then every check, in order; the first no is the verdict. A check that fails denies.

    An order that only reduces a position passes trading states; each check says for itself whether it passes that.
    """

    def __init__(self, checks: Iterable[RiskCheck], view: RiskView, states: TradingStates | None = None) -> None:
        """Without `states` trading always goes on."""
        self.checks = tuple(checks)
        self.view = view
        self._states = states
        self._asked = [((_code(check), check.name), _within(check.scope, check.evaluate)) for check in self.checks]
        self._of_reductions = [
            asked for check, asked in zip(self.checks, self._asked, strict=True) if check.is_asked_of_reductions
        ]
        self._listening = [
            ((_code(check), check.name), check.scope, check.on_approved)
            for check in self.checks
            if type(check).on_approved is not RiskCheck.on_approved
        ]

    def check(self, order: Order) -> Verdict:
        """The verdict on a new order."""
        return self._verdict(order, order, is_reduction=False)

    def check_change(self, order: Order, change: Change) -> Verdict:
        """The verdict on `order` becoming what `change` says: as if it were another order in place of this one. A
        smaller quantity at the same price is only asked whether it is valid.
        """
        would_be = replace(order, quantity=change.quantity, price=change.price, change=None)
        is_reduction = change.quantity <= order.quantity and change.price == order.price
        return self._verdict(order, would_be, is_reduction=is_reduction)

    def check_kept(self, order: Order) -> Denied | None:
        """Why `order` may not be kept to be sent later: trading is halted, and it would do more than reduce. Its limits
        are asked about when it is sent.
        """
        if self._states is None or order.reduce_only or self._states.of(order.strategy)[0] is not TradingState.HALTED:
            return None
        self.view.begin(order)
        found = self._untimely(order)
        return None if found is None else Denied(order, *found)

    def _verdict(self, order: Order, would_be: Order, *, is_reduction: bool) -> Verdict:
        """`order` may be counted among the working ones already: it is not, for the while."""
        view = self.view
        counted = view.working.take_out(order.client_order_id)
        try:
            denied = self._denial(would_be, is_reduction=is_reduction)
        finally:
            if counted is not None:
                view.working.put_back(counted)
        if denied is None:
            return Approved(order, view.measured, _SEAL)
        return Denied(order, *denied, view.measured)

    def _denial(self, order: Order, *, is_reduction: bool) -> tuple[str, str] | None:
        view = self.view
        view.asked = NOT_ASSESSED, ""
        try:
            view.begin(order)
            if not is_reduction and (found := self._untimely(order)) is not None:
                return found
            for asked, evaluate in self._of_reductions if is_reduction else self._asked:
                view.asked = asked
                reason = evaluate(order, view)
                if reason is not None:
                    code, name = asked
                    return code, reason if name == code else f"{reason} ({name})"
            if not is_reduction:
                for asked, scope, on_approved in self._listening:
                    if scope is None or scope.covers(order):
                        view.asked = asked
                        on_approved(order, view)
        except Exception as error:
            return view.asked[0], f"the check failed: {type(error).__name__}: {error}"
        return None

    def _untimely(self, order: Order) -> tuple[str, str] | None:
        """Why no order like this may be sent now, whatever the limits are."""
        view = self.view
        if view.is_reducing:
            return None
        if order.reduce_only:
            return NOT_REDUCING, f"{order.strategy} has no position of {order.symbol} that it would only make smaller"
        if self._states is None:
            return None
        state, why = self._states.of(order.strategy)
        if state is _ACTIVE:
            return None
        return HALTED if state is TradingState.HALTED else REDUCING, why
