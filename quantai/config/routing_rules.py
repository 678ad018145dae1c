"""Routing that does not go with the rest of a configuration."""

from __future__ import annotations

from collections.abc import Iterator

from quantai.config.components import find_class
from quantai.config.problems import Problem
from quantai.config.schema import Config, Execution
from quantai.oms.routing import ROUTERS


def check_routing(config: Config) -> Iterator[Problem]:
    """Everything that is wrong with where orders go."""
    yield from _place(config)
    yield from _rules(config)


def _place(config: Config) -> Iterator[Problem]:
    """Only who owns the orders can divide them, and route anew what comes back."""
    routing = config.routing
    router = find_class(ROUTERS, routing.router, routing.target)
    if config.mode.execution is Execution.BUS and router.opens_parents:
        yield Problem(
            ("routing", "type" if routing.router else "_target_"),
            f"mode {config.mode.name} has its orders executed by another daemon, and {router.__name__} divides orders "
            "where they are executed: choose routing=simple",
            shown=repr(routing.router or routing.target),
        )


def _rules(config: Config) -> Iterator[Problem]:
    """A rule that names a symbol its venue does not list would never match."""
    listed = {(each.venue, each.symbol) for each in config.instruments.values()}
    for index, rule in enumerate(config.routing.rules):
        if rule.symbol is not None and (rule.venue, rule.symbol) not in listed:
            yield Problem(
                ("routing", "rules", str(index), "symbol"),
                f"no instrument of that symbol is configured at {rule.venue}, so the rule would never match",
                shown=repr(rule.symbol),
            )
