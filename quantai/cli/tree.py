"""A configuration drawn as the graph it would become."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from rich.text import Text
from rich.tree import Tree

from quantai.config.components import KINDS, find_class
from quantai.config.schema import (
    ComponentSection,
    Config,
    ExchangeSection,
    Execution,
    GatewaySection,
    MarketEvents,
    StrategySection,
)
from quantai.core.numbers import plain
from quantai.core.params import Section, duration_text
from quantai.oms.risk import RISK_CHECKS
from quantai.oms.routing import ROUTERS
from quantai.strategy import STRATEGIES


def config_tree(config: Config) -> Tree:
    """What the daemon would build, in the order in which events and orders go through it."""
    mode = config.mode
    tree = Tree(
        Text(f"{mode.name}: {mode.market_events} events, {mode.execution} execution, {mode.clock} clock", style="bold")
    )
    if mode.market_events is MarketEvents.REPLAY:
        _add_section(tree, "data", config.data)
    _add_exchanges(tree, config)
    _add_instruments(tree, config)
    _add_section(tree, "bus", config.bus)
    if mode.execution is not Execution.NONE:
        _add_strategies(tree, config)
        _add_routing(tree, config)
    if config.gateway.serve or mode.execution is Execution.BUS:
        _add_gateway(tree, config.gateway)
    if mode.execution in (Execution.SIMULATED, Execution.VENUES):
        _add_risk(tree, config)
        _add_portfolio(tree, config)
        _add_section(tree, "store", config.store)
    if mode.execution is Execution.SIMULATED:
        _add_section(tree, "simulation", config.simulation)
    _add_section(tree, "recorder", config.recorder) if config.recorder.enabled else _add(tree, "recorder", "off")
    jobs = _add(tree, "schedule", f"{len(config.schedule)} jobs")
    for name, job in config.schedule.items():
        jobs.add(f"{name}: {job.job} {f'every {duration_text(job.every)}' if job.every else f'at {job.cron}'}")
    _add_section(tree, "logging", config.logging)
    _add_section(tree, "ops", config.ops)
    return tree


def _add(tree: Tree, name: str, text: str = "") -> Tree:
    return tree.add(Text.assemble((name, "cyan"), f" {text}" if text else ""))


def _add_section(tree: Tree, name: str, section: Section) -> None:
    _add(tree, name, ", ".join(_pairs(section)))


def _pairs(section: Section) -> Iterable[str]:
    for key in type(section).model_fields:
        value = getattr(section, key)
        if value not in (None, {}, []):
            yield f"{key} {show(value, type(section).model_fields[key])}"


def show(value: Any, field: FieldInfo | None = None) -> str:
    """A value in one line: durations with their unit, secrets only as set."""
    if isinstance(value, SecretStr):
        return "set"
    if isinstance(value, Section):
        return "{" + ", ".join(_pairs(value)) + "}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} {show(child)}" for name, child in value.items()) + "}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field is not None and field.json_schema_extra == {"format": "duration"}:
        return duration_text(value)
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(value)


def _add_exchanges(tree: Tree, config: Config) -> None:
    branch = _add(tree, "exchanges")
    for name, exchange in config.exchanges.items():
        keys = "key set" if exchange.api_key is not None else "no key"
        fees = f"maker {plain(exchange.fees.maker * 10_000)} bps, taker {plain(exchange.fees.taker * 10_000)} bps"
        branch.add(f"{name}: {_connector(exchange)}, {fees}, {keys}")


def _connector(exchange: ExchangeSection) -> str:
    return _class_name(exchange) if exchange.type or exchange.target else "no connector"


def _class_name(section: ComponentSection) -> str:
    kind = next(kind for kind in KINDS if isinstance(section, kind.section))
    return find_class(kind.registry, section.type, section.target).__name__


def _add_instruments(tree: Tree, config: Config) -> None:
    used = {name for strategy in config.strategies.values() if strategy.enabled for name in strategy.instruments}
    branch = _add(tree, "instruments")
    for name, instrument in config.instruments.items():
        grid = f"tick {_from(instrument.tick_size)}, lot {_from(instrument.lot_size)}"
        line = f"{name}: {instrument.venue} {instrument.symbol}, {grid}"
        branch.add(Text(line, style="" if name in used else "dim"))


def _from(size: Decimal | None) -> str:
    return "from the venue" if size is None else plain(size)


def _add_strategies(tree: Tree, config: Config) -> None:
    branch = _add(tree, "strategies", "that run in other daemons" if config.gateway.serve else "")
    for name, strategy in config.strategies.items():
        line = f"{name}: {_class_name(strategy)} on {', '.join(strategy.instruments)}{_bars(strategy)}"
        node = branch.add(Text(line if strategy.enabled else f"{line} (off)", style="" if strategy.enabled else "dim"))
        params = find_class(STRATEGIES, strategy.type, strategy.target)(**strategy.params())
        for key, field in params.params_model().model_fields.items():
            node.add(f"{key} {show(getattr(params, key), field)}")


def _bars(strategy: StrategySection) -> str:
    return f", bars of {duration_text(strategy.bar_interval)}" if strategy.bar_interval else ""


def _add_routing(tree: Tree, config: Config) -> None:
    section = config.routing
    router = find_class(ROUTERS, section.router, section.target)(**section.params())
    branch = _add(tree, "routing", f"{type(router).__name__}, {len(section.rules)} rules")
    for key, field in router.params_model().model_fields.items():
        branch.add(f"{key} {show(getattr(router, key), field)}")
    for route in section.routes():
        branch.add(str(route))


def _add_gateway(tree: Tree, gateway: GatewaySection) -> None:
    if gateway.serve:
        age, timeout = duration_text(gateway.max_command_age), duration_text(gateway.strategy_timeout)
        _add(tree, "gateway", f"serves orders up to {age} old, cancels those of strategies silent for {timeout}")
    else:
        beat, timeout = duration_text(gateway.heartbeat), duration_text(gateway.answer_timeout)
        _add(tree, "gateway", f"asks another daemon, a sign of life every {beat}, unknown after {timeout}")


def _add_risk(tree: Tree, config: Config) -> None:
    branch = _add(tree, "risk", "every order passes, in this order")
    for name, section in config.risk.checks.items():
        if section.enabled:
            check = find_class(RISK_CHECKS, section.type, section.target)(**section.params())
            fields = check.params_model().model_fields
            params = ", ".join(f"{key} {show(getattr(check, key), field)}" for key, field in fields.items())
            branch.add(f"{name}: {params}")
        else:
            branch.add(Text(f"{name} (off)", style="dim"))


def _add_portfolio(tree: Tree, config: Config) -> None:
    branch = _add(tree, "portfolio", f"valued in {config.portfolio.base_currency}")
    for venue, held in config.portfolio.balances.items():
        branch.add(f"{venue}: {', '.join(f'{plain(amount)} {code}' for code, amount in held.items()) or 'nothing'}")
