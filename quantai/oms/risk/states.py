"""Whether trading goes on: for all, and for each strategy. What was set survives a restart."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from quantai.core.clock import Clock
from quantai.core.enums import TradingState
from quantai.events import ErrorEvent, Event, TradingStateEvent

logger = logging.getLogger(__name__)

SETTING = "trading_state"
"""The journal's setting that the states are kept in."""
ALL = "all"
"""What events call the state for all."""

_STRICTNESS = {TradingState.ACTIVE: 0, TradingState.REDUCING: 1, TradingState.HALTED: 2}

COMPONENT = "trading states"
"""Who speaks in error events; no strategy can be called that."""

Told = Callable[[bool], None]
"""Called once: whether a state would survive a restart."""

CancelAll = Callable[[str | None, str], object]
"""Cancels what rests of a strategy, or of all (None); the second argument is the `reference` of the event behind it."""


class SetState(msgspec.Struct, frozen=True):
    """A state that somebody set, and why."""

    state: TradingState
    reason: str
    ts_ns: int


class TradingStates:
    """The stricter of two states holds: that for all, and that of the strategy. A halt cancels all that rests in it."""

    def __init__(
        self,
        clock: Clock,
        *,
        post: Callable[[Event], object],
        put: Callable[[str, str, Told], object],
        cancel_all: CancelAll,
    ) -> None:
        """`put` keeps a setting in the journal, and tells when it is durable, or that it may not be."""
        self._clock = clock
        self._post = post
        self._put = put
        self._cancel_all = cancel_all
        self._set: dict[str, SetState] = {}
        self._resumed: list[Callable[[str | None], None]] = []

    def of(self, strategy: str) -> tuple[TradingState, str]:
        """What holds for a strategy, and why."""
        if not self._set:
            return _NOTHING_SET
        found = [(name, self._set[name]) for name in ("", strategy) if name in self._set]
        name, state = max(found, key=lambda each: _STRICTNESS[each[1].state], default=("", _ACTIVE))
        return state.state, f"{name or 'trading'} is {state.state}: {state.reason or 'nobody said why'}"

    def all(self) -> dict[str | None, SetState]:
        """Every state that is not `ACTIVE`, by strategy (None: for all)."""
        return {name or None: state for name, state in self._set.items()}

    def set(self, state: TradingState, strategy: str | None = None, reason: str = "", then: Told | None = None) -> None:
        """Halt, restrict or resume a strategy, or (None) all. To halt again cancels again. It holds at once; `then` is
        told whether it is durable, and everybody where it may not be.
        """
        name, now_ns = strategy or "", self._clock.now_ns()
        before = self._set.get(name, _ACTIVE).state
        if state is TradingState.ACTIVE:
            self._set.pop(name, None)
        else:
            self._set[name] = SetState(state, reason, now_ns)
        self._keep(f"{strategy or ALL} is {state}", then)
        logger.warning("trading of %s: %s -> %s (%s)", strategy or ALL, before, state, reason or "nobody said why")
        event = TradingStateEvent(strategy or ALL, now_ns, now_ns, state, reason)
        self._post(event)
        if state is TradingState.HALTED:
            self._cancel_all(strategy, event.reference)
        elif state is TradingState.ACTIVE:
            for listener in self._resumed:
                listener(strategy)

    def _keep(self, what: str, then: Told | None) -> None:
        told = partial(self._on_kept, what, then)
        try:
            self._put(SETTING, msgspec.json.encode(self._set).decode(), told)
        except Exception:  # what is halted is halted, and its orders are to be cancelled
            logger.exception("the journal failed on: %s", what)
            told(False)

    def _on_kept(self, what: str, then: Told | None, is_durable: bool) -> None:
        if not is_durable:
            message = f"{what}, but the journal may not have that: a restart would forget it"
            logger.error("%s", message)
            now_ns = self._clock.now_ns()
            self._post(ErrorEvent(COMPONENT, now_ns, now_ns, "TradingStateNotKept", message))
        if then is not None:
            then(is_durable)

    def tighten(self, state: TradingState, strategy: str | None = None, reason: str = "") -> None:
        """As `set`, unless what was set is as strict."""
        if _STRICTNESS[state] > _STRICTNESS[self._set.get(strategy or "", _ACTIVE).state]:
            self.set(state, strategy, reason)

    def on_resume(self, listener: Callable[[str | None], None]) -> None:
        """Call `listener` with what was set to `ACTIVE`: a strategy, or None for all."""
        self._resumed.append(listener)

    def restore(self, settings: Mapping[str, str]) -> None:
        """Go on where an earlier run stopped; trading is halted where that cannot be read."""
        kept = settings.get(SETTING)
        if kept is None:
            return
        try:
            self._set = msgspec.json.decode(kept, type=dict[str, SetState])
        except msgspec.MsgspecError as error:
            logger.error("the trading states in the journal cannot be read, so trading is halted: %s", error)
            self._set = {"": SetState(TradingState.HALTED, "the kept states could not be read", self._clock.now_ns())}
        for name, state in self._set.items():
            logger.warning("trading of %s is %s since an earlier run: %s", name or ALL, state.state, state.reason)

    def enforce(self) -> None:
        """Cancel again what rests in a halt: for a start, when it is known what does."""
        for name, state in self._set.items():
            if state.state is TradingState.HALTED:
                self._cancel_all(name or None, reference_of(name or None, state))


def reference_of(strategy: str | None, state: SetState) -> str:
    """The `reference` of the event that told of a state when it was set."""
    return TradingStateEvent(strategy or ALL, state.ts_ns, state.ts_ns, state.state, state.reason).reference


_ACTIVE = SetState(TradingState.ACTIVE, "", 0)
_NOTHING_SET = (_ACTIVE.state, "")
