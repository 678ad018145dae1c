"""Names that point at other parts of the configuration, and parts that do not go together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from quantai.config.components import find_class
from quantai.config.distribution import check_distribution
from quantai.config.problems import Problem
from quantai.config.risk_rules import check_risk
from quantai.config.routing_rules import check_routing
from quantai.config.schedule_rules import check_reconciliation, check_schedule
from quantai.config.schema import ClockKind, Config, Execution, FilesData, MarketEvents, SyntheticData
from quantai.config.store_rules import check_store
from quantai.config.validate import suggestion
from quantai.core.component import Registry
from quantai.exchanges.registry import EXCHANGES
from quantai.instruments import Symbol
from quantai.strategy import STRATEGIES
from quantai.strategy.runner import handles


def check_references(values: dict[str, Any]) -> list[Problem]:
    """Venues and instruments that are named but not configured, in values that may be broken otherwise."""
    exchanges, instruments = _mapping(values, "exchanges"), _mapping(values, "instruments")
    found: list[Problem | None] = []
    for name, instrument in instruments.items():
        if isinstance(instrument, dict) and "venue" in instrument:
            found.append(_known(instrument["venue"], exchanges, ("instruments", name, "venue"), "exchange"))
    for name, strategy in _mapping(values, "strategies").items():
        named = strategy.get("instruments") if isinstance(strategy, dict) else None
        for index, instrument in enumerate(named if isinstance(named, list) else ()):
            found.append(_known(instrument, instruments, ("strategies", name, "instruments", str(index)), "instrument"))
    for venue in _mapping(_mapping(values, "portfolio"), "balances"):
        found.append(_known(venue, exchanges, ("portfolio", "balances", venue), "exchange"))
    rules = _mapping(values, "routing").get("rules")
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        if isinstance(rule, dict):
            at = ("routing", "rules", str(index))
            found.append(_known(rule.get("venue"), exchanges, (*at, "venue"), "exchange"))
            found.append(_known(rule.get("strategy"), _mapping(values, "strategies"), (*at, "strategy"), "strategy"))
    return [problem for problem in found if problem is not None]


def _mapping(values: dict[str, Any], key: str) -> dict[str, Any]:
    found = values.get(key)
    return found if isinstance(found, dict) else {}


def _known(name: Any, known: Iterable[str], path: tuple[str, ...], what: str) -> Problem | None:
    if not isinstance(name, str) or name in known:
        return None
    return Problem(
        path,
        f"no {what} of that name is configured; {suggestion(name, sorted(known), 'there are: ')}",
        shown=repr(name),
    )


def check_combinations(config: Config) -> list[Problem]:
    """Parts that are right by themselves and wrong together. Needs a configuration whose parts are right."""
    return [
        *_mode(config),
        *_instruments(config),
        *_data(config),
        *_strategies(config),
        *check_distribution(config),
        *check_store(config),
        *check_risk(config),
        *check_routing(config),
        *check_schedule(config),
        *check_reconciliation(config),
        *_recorder(config),
    ]


def _mode(config: Config) -> Iterator[Problem]:
    mode = config.mode
    if mode.clock is ClockKind.SIMULATED and mode.market_events is not MarketEvents.REPLAY:
        yield Problem(
            ("mode", "clock"), "only a replay can have a simulated clock, live events need wall", shown="'simulated'"
        )
    if mode.execution in (Execution.VENUES, Execution.BUS) and mode.market_events is MarketEvents.REPLAY:
        yield Problem(
            ("mode", "execution"),
            "orders on replayed data cannot leave the process: choose simulated or none",
            shown=repr(mode.execution.value),
        )
    if mode.market_events is MarketEvents.VENUES:
        for name in sorted({config.instruments[i].venue for i in _used_instruments(config)} & set(config.exchanges)):
            yield from _connector(config, name, EXCHANGES)
    if mode.execution is Execution.NONE and not config.recorder.enabled:
        yield Problem(
            ("recorder", "enabled"), "without execution and recorder the daemon would do nothing", shown="false"
        )


def _connector(config: Config, name: str, registry: Registry[Any]) -> Iterator[Problem]:
    exchange = config.exchanges[name]
    if exchange.type is None and exchange.target is None:
        yield Problem(
            ("exchanges", name, "type"),
            f"mode {config.mode.name} connects to venues, and this one names no connector; there are: "
            f"{', '.join(registry.names())} (or name a class with _target_)",
        )


def _used_instruments(config: Config) -> list[str]:
    """The instruments some enabled strategy names; all of them where nobody trades."""
    if config.mode.execution is Execution.NONE:
        return list(config.instruments)
    used = [name for s in config.strategies.values() if s.enabled for name in s.instruments]
    return [name for name in dict.fromkeys(used) if name in config.instruments]


def _instruments(config: Config) -> Iterator[Problem]:
    seen: dict[tuple[str, str], str] = {}
    for name, instrument in config.instruments.items():
        key = (instrument.venue, instrument.symbol)
        if key in seen:
            yield Problem(
                ("instruments", name, "symbol"),
                f"instruments.{seen[key]} is the same venue and symbol",
                shown=repr(key[1]),
            )
        seen[key] = name
        yield from _instrument(name, config)


def _instrument(name: str, config: Config) -> Iterator[Problem]:
    instrument = config.instruments[name]
    symbol = Symbol.parse(instrument.symbol)
    kind = (
        "spot" if symbol.settle is None else "swap" if symbol.expiry is None else "option" if symbol.right else "future"
    )
    if instrument.type is not None and instrument.type != kind:
        yield Problem(
            ("instruments", name, "type"),
            f"the symbol {instrument.symbol} is that of a {kind}",
            shown=repr(instrument.type.value),
        )
    if instrument.inverse and kind not in ("swap", "future"):
        yield Problem(
            ("instruments", name, "inverse"),
            f"only futures and perpetuals can be inverse, this is a {kind}",
            shown="true",
        )
    if instrument.expiry is not None and kind in ("spot", "swap"):
        yield Problem(("instruments", name, "expiry"), f"a {kind} does not expire", shown=str(instrument.expiry))
    yield from _grid(name, config)
    if instrument.max_quantity is not None and instrument.max_quantity < max(
        instrument.min_quantity, instrument.lot_size or 0
    ):
        yield Problem(
            ("instruments", name, "max_quantity"),
            "must not be below min_quantity and lot_size",
            shown=str(instrument.max_quantity),
        )


def _grid(name: str, config: Config) -> Iterator[Problem]:
    """A grid may be left to a venue that tells it."""
    instrument = config.instruments[name]
    if instrument.has_grid:
        return
    exchange = config.exchanges[instrument.venue]
    if exchange.type is None and exchange.target is None:
        why = f"exchanges.{instrument.venue} names no connector that could tell it"
    elif not find_class(EXCHANGES, exchange.type, exchange.target).capabilities.lists_instruments:
        why = f"the connector of exchanges.{instrument.venue} lists no instruments"
    else:
        return
    for key in ("tick_size", "lot_size"):
        if key not in instrument.given:
            yield Problem(("instruments", name, key), f"required, but not set: {why}")


def _data(config: Config) -> Iterator[Problem]:
    if config.mode.market_events is not MarketEvents.REPLAY:
        return
    if (
        isinstance(config.data, FilesData)
        and config.data.start
        and config.data.end
        and config.data.start >= config.data.end
    ):
        yield Problem(
            ("data", "end"),
            f"must be after data.start ({config.data.start.isoformat()})",
            shown=config.data.end.isoformat(),
        )
    if isinstance(config.data, SyntheticData):
        for name in _used_instruments(config):
            base = Symbol.parse(config.instruments[name].symbol).base
            if base not in config.data.assets:
                there = suggestion(base, sorted(config.data.assets), "there are: ")
                yield Problem(("data", "assets"), f"instruments.{name} needs the asset {base}; {there}")


def _strategies(config: Config) -> Iterator[Problem]:
    if config.mode.execution is Execution.NONE:
        return
    for name, strategy in config.strategies.items():
        if strategy.bar_interval is None and handles(find_class(STRATEGIES, strategy.type, strategy.target), "on_bar"):
            yield Problem(("strategies", name, "bar_interval"), "required by the strategy's on_bar, such as 10s or 1m")
    if not any(strategy.enabled for strategy in config.strategies.values()):
        yield Problem(
            ("strategies",),
            f"mode {config.mode.name} {'serves' if config.gateway.serve else 'runs'} strategies, and none is enabled; "
            "try strategies=ema_cross",
        )
    if config.mode.execution is Execution.SIMULATED and not any(config.portfolio.balances.values()):
        yield Problem(("portfolio", "balances"), "nothing is held anywhere, so no order could be paid for")


def _recorder(config: Config) -> Iterator[Problem]:
    recorder = config.recorder
    if recorder.enabled and "://" in recorder.path and recorder.spool is None:
        yield Problem(
            ("recorder", "path"),
            "a store that is no folder needs recorder.spool, a folder on this machine to record into first",
            shown=repr(recorder.path),
        )
