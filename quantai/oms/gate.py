"""What every new order, and every change of one, must pass: a journal that can keep it, and risk."""

from __future__ import annotations

from typing import Protocol

from quantai.oms.journal import NoteKind
from quantai.oms.ledger import Ledger
from quantai.oms.models import Change, Order
from quantai.oms.risk.base import Denied, Verdict

JOURNAL_DOWN = "JOURNAL_DOWN"


class Risk(Protocol):
    """What is asked before anything is sent that could cost money."""

    def check(self, order: Order) -> Verdict:
        """The verdict on a new order."""
        ...

    def check_change(self, order: Order, change: Change) -> Verdict:
        """The verdict on a change of an order that rests."""
        ...

    def check_kept(self, order: Order) -> Denied | None:
        """Why an order may not be kept here, to be sent later."""
        ...


class Gate:
    """Gives verdicts, and notes what they rest on."""

    def __init__(self, ledger: Ledger, risk: Risk) -> None:
        self._ledger = ledger
        self._risk = risk

    def verdict(self, order: Order) -> Verdict:
        """On a new order."""
        if not self._ledger.takes_new_orders:
            return Denied(order, JOURNAL_DOWN, "the order journal cannot be written, so no order is sent")
        return self._noted(self._risk.check(order))

    def verdict_on(self, order: Order, change: Change) -> Verdict:
        """On a change of an order that rests."""
        if not self._ledger.takes_new_orders:
            return Denied(order, JOURNAL_DOWN, "the order journal cannot be written, so no order is changed")
        return self._noted(self._risk.check_change(order, change))

    def refusal_to_keep(self, order: Order) -> Denied | None:
        """Why an order may not be kept here, to be sent later: it is durable then, and no risk yet."""
        return self._risk.check_kept(order)

    def _noted(self, verdict: Verdict) -> Verdict:
        self._ledger.note(verdict.order, NoteKind.RISK, lambda: verdict.measured)
        return verdict
