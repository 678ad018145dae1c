"""Which limits somebody loosened since the last run: what was configured then is kept in the journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import msgspec

from quantai.core.numbers import plain
from quantai.oms.risk.base import Looser, RiskCheck, Scope

SETTING = "risk_limits"
"""The journal's setting that the limits are kept in."""

_INFINITE = Decimal("Infinity")


class Limit(msgspec.Struct, frozen=True):
    """A configured check: its kind, which orders it is asked about (null is all), its parameters as text, and which way
    these loosen.
    """

    kind: str
    scope: dict[str, list[str] | None]
    params: dict[str, str | None]
    looser: dict[str, Looser]


class Loosening(msgspec.Struct, frozen=True):
    """`what` of the check `name` was `before` and is `after` now. `is_certain` says that this is looser; otherwise
    nobody declared which way that is.
    """

    name: str
    what: str
    before: str
    after: str
    is_certain: bool = True

    def __str__(self) -> str:
        return f"risk.checks.{self.name}: {self.what} was {self.before}, and is {self.after} now"


def limits_of(checks: Iterable[RiskCheck]) -> dict[str, Limit]:
    """What is configured, by name."""
    return {check.name: _limit(check) for check in checks}


def compare_limits(before: Mapping[str, Limit], after: Mapping[str, Limit]) -> list[Loosening]:
    """Every limit of `before` that is looser in `after`, or changed in a way that nobody can judge."""
    return [found for name, limit in before.items() for found in _compare(name, limit, after.get(name))]


def encode(limits: Mapping[str, Limit]) -> str:
    """As kept in the journal."""
    return msgspec.json.encode(limits).decode()


def decode(kept: str) -> dict[str, Limit]:
    """What `encode` made. Raises `msgspec.MsgspecError` for anything else."""
    return msgspec.json.decode(kept, type=dict[str, Limit])


def _limit(check: RiskCheck) -> Limit:
    params = {name: _text(getattr(check, name)) for name in type(check).params_model().model_fields}
    return Limit(check.code or type(check).__name__, _scope(check.scope or Scope()), params, dict(check.looser))


def _scope(scope: Scope) -> dict[str, list[str] | None]:
    return {
        "strategies": None if scope.strategies is None else sorted(scope.strategies),
        "instruments": None if scope.instruments is None else sorted(f"{v}:{s}" for v, s in scope.instruments),
        "venues": None if scope.venues is None else sorted(scope.venues),
    }


def _text(value: object) -> str | None:
    if value is None:
        return None
    return plain(value) if isinstance(value, Decimal) else str(value)


def _compare(name: str, before: Limit, after: Limit | None) -> Iterator[Loosening]:
    if after is None:
        yield Loosening(name, "the check", before.kind, "gone")
        return
    if after.kind != before.kind:
        yield Loosening(name, "the check", before.kind, after.kind, is_certain=False)
        return
    for what, covered in before.scope.items():
        now = after.scope.get(what)
        if now is not None and (covered is None or set(covered) - set(now)):
            yield Loosening(name, what, _shown(covered), _shown(now))
    for what in dict.fromkeys((*before.params, *after.params)):
        was, now_is = before.params.get(what), after.params.get(what)
        way = after.looser.get(what)
        if was != now_is and (way is None or _is_looser(way, was, now_is)):
            yield Loosening(name, what, was or "none", now_is or "none", is_certain=way is not None)


def _shown(names: list[str] | None) -> str:
    return "all" if names is None else ", ".join(names)


def _is_looser(way: Looser, before: str | None, after: str | None) -> bool:
    was, now = _number(way, before), _number(way, after)
    return now < was if way is Looser.LOWER else now > was


def _number(way: Looser, text: str | None) -> Decimal:
    """What is no limit is the loosest."""
    if text is None:
        return -_INFINITE if way is Looser.LOWER else _INFINITE
    number = Decimal(text)
    return _INFINITE if way is Looser.HIGHER_OR_ZERO and not number else number
