"""Risk as a whole: the engine, the trading states, and what both hear and say beside orders."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from quantai.core.clock import Clock
from quantai.core.enums import TradingState
from quantai.events import Event, PortfolioLimitBreachedEvent
from quantai.events.bus import EventBus
from quantai.oms.risk import loosening
from quantai.oms.risk.base import RiskEngine
from quantai.oms.risk.loosening import Loosening
from quantai.oms.risk.states import TradingStates
from quantai.oms.risk.view import Breach

logger = logging.getLogger(__name__)

_OF_CHECK = "risk."


class RiskDesk:
    """Listens for the checks, tells of breaches and does what they ask for, remembers across restarts."""

    def __init__(
        self,
        engine: RiskEngine,
        states: TradingStates,
        clock: Clock,
        *,
        post: Callable[[Event], object],
        put: Callable[[str, str], object],
    ) -> None:
        """`post` publishes, `put` keeps a setting in the journal."""
        self.engine = engine
        self.states = states
        self._clock = clock
        self._post = post
        self._put = put
        engine.view.on_breach = self._tell_breach
        engine.view.put = put
        states.on_resume(self._resume)

    def restore(self, settings: Mapping[str, str]) -> list[Loosening]:
        """Go on where an earlier run stopped; the limits that were loosened since, each of which was logged."""
        self.states.restore(settings)
        for check in self.engine.checks:
            kept = settings.get(_OF_CHECK + check.name)
            if kept is not None:
                self._recall(check.name, partial(check.recall, kept))
        limits = loosening.limits_of(self.engine.checks)
        loosened: list[Loosening] = []
        if loosening.SETTING in settings:
            self._recall(
                loosening.SETTING,
                lambda: loosened.extend(
                    loosening.compare_limits(loosening.decode(settings[loosening.SETTING]), limits)
                ),
            )
        for each in loosened:
            logger.warning("%s: %s", "a limit was loosened" if each.is_certain else "a limit was changed", each)
        self._put(loosening.SETTING, loosening.encode(limits))
        return loosened

    async def start(self, bus: EventBus) -> None:
        """Let the checks hear what they want to."""
        for check in self.engine.checks:
            if check.topics:
                handler = partial(check.on_event, view=self.engine.view)
                await bus.subscribe(list(check.topics), handler, name=f"risk {check.name}")

    def _recall(self, what: str, recall: Callable[[], object]) -> None:
        try:
            recall()
        except msgspec.MsgspecError as error:
            logger.error("what the journal kept of risk (%s) cannot be read and counts anew: %s", what, error)

    def _resume(self, strategy: str | None) -> None:
        for check in self.engine.checks:
            check.on_resume(strategy)

    def _tell_breach(self, breach: Breach) -> None:
        now_ns = self._clock.now_ns()
        whose = breach.strategy or "the account"
        reason = f"{breach.code} ({breach.name}): {whose} lost {breach.value}, the limit is {breach.limit}"
        logger.error("%s", reason)
        self._post(PortfolioLimitBreachedEvent(now_ns, now_ns, breach.name, breach.value, breach.limit))
        if breach.state is not TradingState.ACTIVE:
            self.states.tighten(breach.state, breach.strategy, reason)
