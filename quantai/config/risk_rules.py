"""Risk checks that are restricted to what is not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from quantai.config.problems import Problem
from quantai.config.schema import Config
from quantai.config.validate import suggestion


def check_risk(config: Config) -> Iterator[Problem]:
    """Every strategy, instrument and venue that a check names and that is not configured."""
    known: dict[str, tuple[str, Iterable[str]]] = {
        "strategies": ("strategy", config.strategies),
        "instruments": ("instrument", config.instruments),
        "venues": ("exchange", config.exchanges),
    }
    for check, section in config.risk.checks.items():
        for key, (what, names) in known.items():
            for index, name in enumerate(getattr(section, key) or ()):
                if name not in names:
                    yield Problem(
                        ("risk", "checks", check, key, str(index)),
                        f"no {what} of that name is configured; {suggestion(name, sorted(names), 'there are: ')}",
                        shown=repr(name),
                    )
