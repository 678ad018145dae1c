"""In which order the half that trades starts: what an earlier run left, the venues, the books, then who listens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from quantai.assembly.graph import Graph, Trading
from quantai.config.schema import Execution, MarketEvents
from quantai.core.clock import NS_PER_SECOND, Timer
from quantai.core.errors import StartupError
from quantai.events import StartedEvent
from quantai.oms.journal import Journal, Recovered
from quantai.ops.stages import Stage

logger = logging.getLogger(__name__)

_EXECUTION = "execution"
"""The journal's setting that says who executed its orders."""


def trading_stages(graph: Graph, trading: Trading) -> list[Stage]:
    """All before the first strategy. They stop the other way round, the journal last."""
    bus = graph.markets.bus

    async def start_run_recorder() -> None:
        await trading.recorder.start(bus)

    async def start_simulated() -> None:
        for exchange, topics in trading.simulated:
            await exchange.watch(topics)

    async def start_risk() -> None:
        await trading.risk.start(bus)

    return [
        Stage("order journal", lambda: _recover(graph, trading), lambda: _close(trading)),
        Stage("run recorder", start_run_recorder),
        Stage("simulated venues", start_simulated),
        _valuation(graph, trading),
        Stage("risk", start_risk),
        _order_entry(trading),
        *_routing(graph, trading),
        Stage("reconciliation", lambda: _compare(trading), lambda: _compare_and_stop(graph, trading)),
        Stage("contingent orders", trading.contingent.start, trading.contingent.close),
        Stage("routing", lambda: _go_on(trading), lambda: _rest(trading)),
    ]


async def _recover(graph: Graph, trading: Trading) -> None:
    """Go on with the orders, the account and the settings of the run before."""
    mode, journal = graph.config.mode, trading.journal
    if mode.market_events is MarketEvents.REPLAY and journal.is_durable:
        raise StartupError(
            "a replay gives its orders the same ids each time, and does not wait for a disk: choose store=memory"
        )
    recovered = await journal.start()
    _claim(journal, recovered.settings, mode.execution)
    _take_over(graph, trading, recovered)


def _claim(journal: Journal, settings: Mapping[str, str], execution: Execution) -> None:
    """Simulated orders and real ones have no books in common."""
    before = settings.get(_EXECUTION)
    if before is None:
        journal.put(_EXECUTION, execution)
    elif before != execution:
        raise StartupError(
            f"the order journal has the books of mode.execution={before}, this is {execution}: give it a journal of "
            "its own (store.path or store.url)"
        )


def _take_over(graph: Graph, trading: Trading, recovered: Recovered) -> None:
    clock = graph.markets.clock
    trading.recorder.since_ns = clock.now_ns()
    new = trading.portfolio.restore(recovered.account)
    if new.balances:
        now_ns = clock.now_ns()
        trading.journal.book(StartedEvent("portfolio", now_ns, now_ns), new)
    for exchange, _ in trading.simulated:
        exchange.restore(trading.portfolio.net_positions())
    trading.orders.recover(recovered.orders)
    trading.risk.restore(recovered.settings)
    trading.reconciler.restore(recovered.settings)
    if left := trading.orders.open_orders():
        logger.warning("%d orders of an earlier run may still trade: %s", len(left), _names(trading))


def _names(trading: Trading) -> str:
    orders = trading.orders.open_orders()
    names = ", ".join(order.client_order_id for order in orders[:10])
    return names if len(orders) <= 10 else f"{names} and {len(orders) - 10} more"


async def _close(trading: Trading) -> None:
    await trading.orders.close()
    await trading.journal.close()


def _valuation(graph: Graph, trading: Trading) -> Stage:
    timers: list[Timer] = []

    def value(due_ns: int) -> None:
        trading.portfolio.publish_value()

    async def start() -> None:
        timers.append(graph.markets.clock.call_every(graph.config.portfolio.valuation_interval, value))

    async def stop() -> None:
        for timer in timers:
            timer.cancel()
        trading.portfolio.publish_value()

    return Stage("portfolio", start, stop)


def _order_entry(trading: Trading) -> Stage:
    """The connections that orders go out on."""

    async def start() -> None:
        for executor in trading.executors.values():
            await executor.start()

    async def stop() -> None:
        for executor in trading.executors.values():
            await executor.stop()

    return Stage("order entry", start, stop)


def _routing(graph: Graph, trading: Trading) -> list[Stage]:
    """Books, and who follows the children of routed orders, hear before strategies do."""
    bus = graph.markets.bus

    async def start_books() -> None:
        await trading.books.start(bus)

    async def follow() -> None:
        if trading.routed is not None:
            await trading.routed.start(bus)

    return [Stage("books", start_books), Stage("routed orders", follow)]


async def _compare(trading: Trading) -> None:
    """What the venues hold at the start is what the account begins with."""
    await trading.reconciler.start()
    if any(executor.account is not None for executor in trading.executors.values()):
        trading.portfolio.begin()


async def _compare_and_stop(graph: Graph, trading: Trading) -> None:
    """What traded since the last comparison is compared too: the books are left as the venues have them."""
    limit_s = graph.config.ops.stop_timeout / NS_PER_SECOND / 2
    try:
        async with asyncio.timeout(limit_s):
            await asyncio.gather(*[trading.reconciler.reconcile(venue) for venue in trading.executors])
    except TimeoutError:
        logger.warning("not compared with all venues at the end, within %g s: it is done at the next start", limit_s)
    finally:
        await trading.reconciler.stop()


async def _go_on(trading: Trading) -> None:
    """What needs to know what the venues have: a halt cancels what rests, and what came back is routed anew."""
    trading.risk.states.enforce()
    trading.halts.start()
    if trading.routed is not None:
        trading.routed.resume()


async def _rest(trading: Trading) -> None:
    trading.halts.stop()
