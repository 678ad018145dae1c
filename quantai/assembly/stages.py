"""In which order the parts of a graph start; they stop the other way round."""

from __future__ import annotations

from quantai.assembly import Graph, job_of
from quantai.assembly.graph import Trading
from quantai.core.clock import Timer
from quantai.events.bus import Subscription
from quantai.events.persistence.writer import ParquetEventWriter
from quantai.ops.stages import Stage, nothing
from quantai.strategy import StrategyRunner


def stages_of(graph: Graph) -> list[Stage]:
    """Who is subscribed first hears an event first: the recorder, prices, fills, and strategies last."""
    stages = [Stage("event bus", nothing, graph.markets.bus.close)]
    if graph.writer is not None:
        stages.append(_recorder(graph, graph.writer))
    stages.append(Stage("market view", lambda: _watch(graph)))
    if graph.trading is not None:
        stages += _trading_stages(graph, graph.trading)
    stages.append(Stage("derived streams", graph.markets.derived.start, graph.markets.derived.stop))
    if graph.trading is not None:
        stages += _strategies(graph, graph.trading)
    stages.append(_jobs(graph))
    stages.append(Stage("market data", graph.markets.feed.start, graph.markets.feed.close))
    return stages


async def _watch(graph: Graph) -> None:
    for topic in graph.markets.priced_topics:
        await graph.markets.bus.subscribe(topic, graph.markets.view.update, name="market view")


def _recorder(graph: Graph, writer: ParquetEventWriter) -> Stage:
    subscriptions: list[Subscription] = []

    async def start() -> None:
        await writer.start()
        for pattern in graph.config.recorder.topics:
            subscriptions.append(await graph.markets.bus.subscribe(pattern, writer.write_event, name="recorder"))

    async def stop() -> None:
        for subscription in subscriptions:
            await graph.markets.bus.unsubscribe(subscription)
        await writer.close()

    return Stage("recorder", start, stop)


def _trading_stages(graph: Graph, trading: Trading) -> list[Stage]:
    async def start_venues() -> None:
        for exchange, topics in trading.simulated:
            await exchange.start(topics)

    async def start_recorder() -> None:
        await trading.recorder.start(graph.markets.bus)

    timers: list[Timer] = []

    def value(due_ns: int) -> None:
        trading.portfolio.publish_value()

    async def start_valuation() -> None:
        interval_ns = graph.config.portfolio.valuation_interval
        timers.append(graph.markets.clock.call_every(interval_ns, value))

    async def stop_valuation() -> None:
        for timer in timers:
            timer.cancel()
        trading.portfolio.publish_value()

    return [
        Stage("run recorder", start_recorder),
        Stage("simulated venues", start_venues),
        Stage("portfolio", start_valuation, stop_valuation),
    ]


def _strategies(graph: Graph, trading: Trading) -> list[Stage]:
    """A stage each, so that one that hangs keeps no other from cancelling; then time for the venues to confirm."""

    async def settle() -> None:
        await graph.markets.feed.settle(lambda: not trading.orders.open_orders(), graph.config.ops.stop_timeout // 2)

    return [Stage("open orders", nothing, settle), *(_strategy(runner, trading) for runner in trading.runners)]


def _strategy(runner: StrategyRunner, trading: Trading) -> Stage:
    async def stop() -> None:
        try:
            await runner.stop()
        finally:
            trading.orders.cancel_all(runner.name)

    return Stage(f"strategy {runner.name}", runner.start, stop)


def _jobs(graph: Graph) -> Stage:
    async def start() -> None:
        for name, section in graph.config.schedule.items():
            graph.jobs.add(name, section.every, job_of(graph, section))

    async def stop() -> None:
        graph.jobs.stop()

    return Stage("jobs", start, stop)
