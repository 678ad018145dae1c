"""In which order the parts of a graph start; they stop the other way round."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from quantai.assembly import Graph, job_of
from quantai.assembly.bus import Connecting
from quantai.assembly.graph import Remote
from quantai.assembly.trading_stages import trading_stages
from quantai.events.bus import EventBus, Subscription
from quantai.events.persistence.writer import ParquetEventWriter
from quantai.exchanges.registry import ExchangeRegistry
from quantai.oms.orders import Orders
from quantai.ops.stages import Stage, nothing
from quantai.strategy import StrategyRunner


def stages_of(graph: Graph) -> list[Stage]:
    """Who is subscribed first hears an event first: the recorder, prices, fills, and strategies last."""
    trading, remote = graph.trading, graph.remote
    stages = [_bus(graph.markets.bus)]
    if graph.writer is not None:
        stages.append(_recorder(graph, graph.writer))
    stages.append(Stage("market view", lambda: _watch(graph)))
    if len(graph.markets.exchanges):
        stages.append(_exchanges(graph.markets.exchanges))
    if trading is not None:
        stages += trading_stages(graph, trading)
    if remote is not None:
        stages.append(_remote_orders(graph, remote))
    stages.append(Stage("derived streams", graph.markets.derived.start, graph.markets.derived.stop))
    if graph.control is not None:
        stages.append(Stage("control socket", graph.control.start, graph.control.stop))
    if trading is not None:
        stages += _strategies(graph, trading.orders, trading.runners)
        if trading.gateway is not None:
            stages.append(Stage("order gateway", trading.gateway.start, trading.gateway.stop))
    if remote is not None:
        stages += _strategies(graph, remote.orders, remote.runners)
    stages.append(_jobs(graph))
    stages.append(Stage("market data", graph.markets.feed.start, graph.markets.feed.close))
    return stages


def _bus(bus: EventBus) -> Stage:
    """A bus between processes connects first, and leaves when everything is said."""
    return Stage("event bus", bus.start if isinstance(bus, Connecting) else nothing, bus.close)


def _exchanges(exchanges: ExchangeRegistry) -> Stage:
    """What the connectors of a venue share: before order entry and market data, and after both."""
    all_of_them = [exchanges.get_exchange(venue) for venue in exchanges]
    return Stage(
        "exchanges",
        lambda: _at_once([exchange.start() for exchange in all_of_them]),
        lambda: _at_once([exchange.stop() for exchange in all_of_them]),
    )


async def _at_once(steps: list[Coroutine[Any, Any, None]]) -> None:
    """Take all to their end. Raises the first failure."""
    for result in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _remote_orders(graph: Graph, remote: Remote) -> Stage:
    """Subscribed before strategies, so that fills are booked before they see them."""

    async def start() -> None:
        await remote.orders.start(graph.config.ops.start_timeout * 9 // 10)

    return Stage("remote orders", start, remote.orders.close)


async def _watch(graph: Graph) -> None:
    for topic in graph.markets.priced_topics:
        await graph.markets.bus.subscribe(topic, graph.markets.view.update, name="market view")


def _recorder(graph: Graph, writer: ParquetEventWriter) -> Stage:
    subscriptions: list[Subscription] = []

    async def start() -> None:
        await writer.start()
        patterns = graph.config.recorder.patterns
        subscriptions.append(await graph.markets.bus.subscribe(patterns, writer.write_event, name="recorder"))

    async def stop() -> None:
        for subscription in subscriptions:
            await graph.markets.bus.unsubscribe(subscription)
        await writer.close()

    return Stage("recorder", start, stop)


def _strategies(graph: Graph, orders: Orders, runners: list[StrategyRunner]) -> list[Stage]:
    """A stage each, so that one that hangs keeps no other from cancelling; then time for the venues to confirm."""

    async def settle() -> None:
        await graph.markets.feed.settle(lambda: not orders.open_orders(), graph.config.ops.stop_timeout // 2)

    return [Stage("open orders", nothing, settle), *(_strategy(runner, orders) for runner in runners)]


def _strategy(runner: StrategyRunner, orders: Orders) -> Stage:
    async def stop() -> None:
        try:
            await runner.stop()
        finally:
            orders.cancel_all(runner.name)

    return Stage(f"strategy {runner.name}", runner.start, stop)


def _jobs(graph: Graph) -> Stage:
    async def start() -> None:
        for name, section in graph.config.schedule.items():
            job = job_of(graph, section)
            if job is not None:
                graph.jobs.add(name, section.every or section.cron or "", job)

    async def stop() -> None:
        await graph.jobs.close()

    return Stage("jobs", start, stop)
