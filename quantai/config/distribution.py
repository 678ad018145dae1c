"""What must go together where a session is split into several daemons."""

from __future__ import annotations

from collections.abc import Iterator

from quantai.config.problems import Problem
from quantai.config.schema import Config, Execution, MarketEvents, RedisBusSection
from quantai.core.params import duration_text
from quantai.events.topics import compile_pattern

# What the daemon that executes is the only one to publish, and what those of strategies publish, by an example each.
_OWNED = ("order.filled.{}", "position.opened.{}", "portfolio.value", "state.order.x")
_ASKED = ("command.submit.{}", "command.cancel.{}", "command.cancel_all.{}", "command.heartbeat.{}", "command.state.x")
_MARKET = "market.trade.x.X/Y"
# What tells strategies that their picture of orders and positions may be wrong, so that they ask.
_BREAKS = ("system.started.order gateway", "system.gap.x")
# A strategy that runs twice by mistake must not be woken by the timers of the other.
_TIMER = "system.timer.{}"


def check_distribution(config: Config) -> Iterator[Problem]:
    """Everything that is wrong with the parts this daemon shares with others."""
    yield from _bus(config)
    yield from _gateway(config)
    if isinstance(config.bus, RedisBusSection):
        yield from _redis(config.bus)
        yield from _flows(config, config.bus)


def _bus(config: Config) -> Iterator[Problem]:
    mode = config.mode
    if isinstance(config.bus, RedisBusSection):
        return
    if MarketEvents.BUS is mode.market_events or Execution.BUS is mode.execution or config.gateway.serve:
        what = f"mode {mode.name}" if not config.gateway.serve else "gateway.serve"
        yield Problem(("bus", "type"), f"{what} needs a bus between daemons: bus=redis", shown="'memory'")


def _gateway(config: Config) -> Iterator[Problem]:
    gateway, mode = config.gateway, config.mode
    if gateway.serve and mode.execution not in (Execution.SIMULATED, Execution.VENUES):
        yield Problem(
            ("gateway", "serve"), f"mode {mode.name} executes nothing itself that could be served", shown="true"
        )
    if gateway.serve and mode.market_events is MarketEvents.REPLAY:
        yield Problem(
            ("gateway", "serve"), "strategies in other daemons live by the wall clock, not in a replay", shown="true"
        )
    if gateway.heartbeat * 2 > gateway.strategy_timeout:
        yield Problem(
            ("gateway", "heartbeat"),
            f"must be at most half of strategy_timeout ({duration_text(gateway.strategy_timeout)}): one may be lost",
            shown=duration_text(gateway.heartbeat),
        )
    if gateway.answer_timeout <= gateway.max_command_age:
        yield Problem(
            ("gateway", "answer_timeout"),
            f"must be more than max_command_age ({duration_text(gateway.max_command_age)}): what is asked again must "
            "be too old to be carried out late",
            shown=duration_text(gateway.answer_timeout),
        )


def _redis(bus: RedisBusSection) -> Iterator[Problem]:
    if bus.resume and bus.group is None:
        yield Problem(("bus", "resume"), "needs bus.group, a name of this process that no other uses", shown="true")
    if bus.ca_file is not None and not bus.url.startswith("rediss://"):
        yield Problem(("bus", "ca_file"), "is for TLS: bus.url must begin with rediss://", shown=repr(bus.ca_file))


def _flows(config: Config, bus: RedisBusSection) -> Iterator[Problem]:
    """Requests must leave and answers arrive, and each topic has one daemon that publishes it."""
    mode = config.mode
    strategies = [name for name, section in config.strategies.items() if section.enabled]
    owned = [topic.format(name) for topic in _OWNED for name in strategies]
    asked = [topic.format(name) for topic in _ASKED for name in strategies]
    ours: list[str] = []
    theirs: list[str] = []
    if mode.execution is Execution.BUS:
        theirs += owned
        ours += [topic for name in strategies if _matches(bus.publish, topic := _TIMER.format(name))]
        yield from _missing("publish", bus.publish, asked)
        yield from _missing("receive", bus.receive, [*owned, *_BREAKS])
    elif mode.execution is not Execution.NONE:
        ours += owned
    if mode.market_events is MarketEvents.BUS:
        theirs.append(_MARKET)
        yield from _missing("receive", bus.receive, [_MARKET] if mode.execution is Execution.BUS else [])
    elif mode.execution is not Execution.NONE:
        ours.append(_MARKET)
    if config.gateway.serve:
        yield from _missing("publish", bus.publish, [*owned, *_BREAKS])
        yield from _missing("receive", bus.receive, asked)
    yield from _matching("publish", bus.publish, theirs, "is for another daemon to publish, not this one")
    yield from _matching("receive", bus.receive, ours, "is this daemon's own, and must not come from another")


def _matching(key: str, patterns: list[str], topics: list[str], complaint: str) -> Iterator[Problem]:
    for topic in topics:
        if _matches(patterns, topic):
            yield Problem(("bus", key), f"{topic.partition('.')[0]}.* {complaint}")
            return


def _missing(key: str, patterns: list[str], topics: list[str]) -> Iterator[Problem]:
    for topic in topics:
        if not _matches(patterns, topic):
            yield Problem(("bus", key), f"does not match {topic}, without which this daemon cannot work")
            return


def _matches(patterns: list[str], topic: str) -> bool:
    return any(compile_pattern(pattern)(topic) for pattern in patterns)
