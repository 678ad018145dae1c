"""Limits on what was lost: of the day, and from the peak. Looked at each time the portfolio is valued, never per order:
a check only asks whether a limit was broken.

What was broken stays broken until the next day (daily loss), or until somebody resumes trading. Where it began is kept
in the journal, so that a restart does not forgive a loss.
"""

from __future__ import annotations

from abc import abstractmethod
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

import msgspec
from pydantic import Field

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import TradingState
from quantai.core.numbers import ZERO, plain
from quantai.core.params import Duration, Positive, Rate
from quantai.events import Event, PortfolioValueEvent
from quantai.oms.models import Order
from quantai.oms.risk.account import Account
from quantai.oms.risk.base import Looser, RiskCheck
from quantai.oms.risk.view import Breach, RiskView

_DAY_NS = 24 * 3600 * NS_PER_SECOND
_STATES = {"deny": TradingState.ACTIVE, "reduce": TradingState.REDUCING, "halt": TradingState.HALTED}


class Mark(msgspec.Struct):
    """Where a loss is counted from, and where it is now. `period` is the day, of what begins anew each day."""

    period: int
    start: Decimal
    value: Decimal
    is_broken: bool = False
    lost: Decimal = ZERO
    limit: Decimal = ZERO


class LossLimit(RiskCheck):
    """What is lost from a mark stays within a limit, of the account or of each strategy. A reducing order passes."""

    _since: ClassVar[str]
    topics: ClassVar[tuple[str, ...]] = ("portfolio.value",)

    per: Literal["account", "strategy"] = "account"
    """Whose loss: the account's (equity), or each strategy's own (profit after fees)."""
    on_breach: Literal["deny", "reduce", "halt"] = "deny"
    """What to do besides denying orders: set the trading state to `REDUCING`, or to `HALTED`."""

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self._marks: dict[str, Mark] = {}

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        owner = order.strategy if self.per == "strategy" else ""
        mark = self._marks.get(owner) or self._take(owner, view.now_ns, view)
        if mark is None:
            return None if view.is_reducing else f"what {owner or 'the account'} is worth is not known yet"
        lost, limit = mark.lost, mark.limit
        view.measure("lost", lost, limit)
        if view.is_reducing or not mark.is_broken:
            return None
        return f"{owner or 'the account'} lost {plain(lost)} {self._since}, the limit is {plain(limit)}"

    def on_event(self, event: Event, view: RiskView) -> None:
        """The portfolio was valued."""
        if isinstance(event, PortfolioValueEvent):
            traded = (key[0] for key, _ in view.account.positions()) if self.per == "strategy" else ("",)
            for owner in dict.fromkeys((*self._marks, *traded)):
                self._take(owner, event.ts_init, view)

    def on_resume(self, strategy: str | None) -> None:
        """Count from what there is when the next order, or valuation, comes."""
        if strategy is None:
            self._marks.clear()
        else:
            self._marks.pop(strategy, None)

    def recall(self, kept: str) -> None:
        self._marks = msgspec.json.decode(kept, type=dict[str, Mark])

    def _take(self, owner: str, now_ns: int, view: RiskView) -> Mark | None:
        """Look at what there is now; None where something has no price."""
        value = _value(owner, view.account)
        if value is None:
            return None
        before = self._marks.get(owner)
        was = None if before is None else (before.period, before.start, before.is_broken)
        mark = self._marks[owner] = self._moved(before, value, now_ns)
        mark.lost, mark.limit = mark.start - value, self._limit(mark)
        if not mark.is_broken and mark.lost > mark.limit:
            mark.is_broken = True
            view.on_breach(Breach(self.name, self.code, owner or None, mark.lost, mark.limit, _STATES[self.on_breach]))
        if was != (mark.period, mark.start, mark.is_broken):
            view.put(f"risk.{self.name}", msgspec.json.encode(self._marks).decode())
        return mark

    @abstractmethod
    def _moved(self, mark: Mark | None, value: Decimal, now_ns: int) -> Mark:
        """The mark now that `value` was seen."""

    @abstractmethod
    def _limit(self, mark: Mark) -> Decimal:
        """In base currency."""


def _value(owner: str, account: Account) -> Decimal | None:
    if owner:
        made = account.strategy_value(owner)
        return None if made is None else made.pnl
    worth = account.value()
    return None if worth.unpriced else worth.total


class DailyLoss(LossLimit):
    """What was lost since the day began, realized or not, after fees. Holds until the next day, or a resume."""

    code = "DAILY_LOSS"
    looser = {"max_loss": Looser.HIGHER}

    max_loss: Positive
    """In base currency."""
    day_starts: Annotated[Duration, Field(lt=_DAY_NS)] = 0
    """When the day begins, after midnight UTC."""

    _since = "today"

    def _moved(self, mark: Mark | None, value: Decimal, now_ns: int) -> Mark:
        today = (now_ns - self.day_starts) // _DAY_NS
        if mark is None or mark.period != today:
            return Mark(today, value, value)
        mark.value = value
        return mark

    def _limit(self, mark: Mark) -> Decimal:
        return self.max_loss


class Drawdown(LossLimit):
    """What was lost from the highest that was ever seen. Holds until a resume, which counts from there."""

    code = "DRAWDOWN"
    looser = {"max_rate": Looser.HIGHER, "max_amount": Looser.HIGHER}

    max_rate: Annotated[Rate, Field(gt=0)] | None = None
    """As a fraction of the peak of the account's equity; null is no limit."""
    max_amount: Positive | None = None
    """In base currency; null is no limit."""

    _since = "from the peak"

    def validate_params(self) -> None:
        if self.max_rate is None and self.max_amount is None:
            raise ValueError("give max_rate, max_amount, or both")
        if self.max_rate is not None and self.per == "strategy":
            raise ValueError("a strategy has no equity that max_rate could be a part of: give max_amount")

    def _moved(self, mark: Mark | None, value: Decimal, now_ns: int) -> Mark:
        if mark is None:
            return Mark(0, value, value)
        mark.value = value
        if not mark.is_broken:
            mark.start = max(mark.start, value)
        return mark

    def _limit(self, mark: Mark) -> Decimal:
        limits = [] if self.max_amount is None else [self.max_amount]
        if self.max_rate is not None:
            limits.append(max(mark.start, ZERO) * self.max_rate)
        return min(limits)
