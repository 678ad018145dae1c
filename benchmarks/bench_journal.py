"""Order journal: from an order to its durable commit, and how many a second.

The clock runs from just before the order is given to the journal to the call that says it may be sent, on the event
loop; nothing else runs in the process. The loop's longest stall is what a timer of 1 ms saw at the rate of 10,000
orders/s. PostgreSQL is a server of our own on the same two cores, with `fsync` on. The best of a few rounds counts.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import numpy as np
import uvloop
from sqlalchemy import URL

from benchmarks.figures import Figure, heading, show
from quantai.core.clock import WallClock
from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.events import OrderSubmittedEvent
from quantai.instruments import Instrument, InstrumentCatalogue
from quantai.oms.journal.sql import SqlJournal
from quantai.oms.models import Order
from tests.postgres_server import PostgresServer

_ORDERS = 3_000
_MANY = 30_000
_PER_SECOND = 10_000
_SECONDS = 3
_ROUNDS = 3
_TICK_S = 0.001

_INSTRUMENT = Instrument(venue="binance", symbol="BTC/USDT", tick_size=Decimal("0.01"), lot_size=Decimal("0.00001"))
_numbers = itertools.count(time.time_ns())

Submit = Callable[[Callable[[], None]], None]
"""Sends one order on its way, and calls back when it may be sent."""


def submitter(journal: SqlJournal) -> Submit:
    """What is measured: an order and its event are made and given to the journal."""
    clock = WallClock()

    def submit(then: Callable[[], None]) -> None:
        now_ns = clock.now_ns()
        order = Order(
            client_order_id=f"emacross{next(_numbers)}", strategy="ema_cross", instrument=_INSTRUMENT, side=Side.BUY,
            order_type=OrderType.LIMIT, quantity=Decimal("0.00123"), price=Decimal("91234.56"),
            time_in_force=TimeInForce.GTC, cause=f"market.tick.binance.BTC/USDT@{now_ns}", ts_submitted=now_ns,
        )  # fmt: skip
        event = OrderSubmittedEvent(
            order.client_order_id, order.strategy, order.venue, order.symbol, now_ns, now_ns, order.cause, order.side,
            order.order_type, order.time_in_force, order.quantity, order.price,
        )  # fmt: skip

        journal.append(order, event, None, lambda is_durable: then())

    return submit


async def in_flight(submit: Submit, count: int, orders: int) -> tuple[list[float], float]:
    """Seconds that each of `orders` took with `count` on their way at a time, and orders a second."""
    taken_s: list[float] = []
    done = asyncio.get_running_loop().create_future()
    left = orders

    def one() -> None:
        nonlocal left
        left -= 1
        begun_s = time.perf_counter()

        def then() -> None:
            taken_s.append(time.perf_counter() - begun_s)
            if left > 0:
                one()
            elif len(taken_s) == orders:
                done.set_result(None)

        submit(then)

    begun_s = time.perf_counter()
    for _ in range(count):
        one()
    await done
    return taken_s, orders / (time.perf_counter() - begun_s)


async def steadily(submit: Submit) -> tuple[list[float], float]:
    """Seconds that each order took at a steady rate, and the longest stall of the loop."""
    taken_s: list[float] = []
    orders = _PER_SECOND * _SECONDS
    longest_s, sent, begun_s = 0.0, 0, time.perf_counter()

    def one() -> None:
        given_s = time.perf_counter()
        submit(lambda: taken_s.append(time.perf_counter() - given_s))

    last_s = begun_s
    while len(taken_s) < orders:
        due = min(orders, int((time.perf_counter() - begun_s) * _PER_SECOND))
        for _ in range(due - sent):
            one()
        sent = due
        await asyncio.sleep(_TICK_S)
        now_s = time.perf_counter()
        longest_s, last_s = max(longest_s, now_s - last_s - _TICK_S), now_s
    return taken_s, longest_s


@asynccontextmanager
async def opened(url: URL) -> AsyncIterator[SqlJournal]:
    """An empty journal at `url`. What it cannot keep at once it keeps later: a minute is not an outage here."""
    journal = SqlJournal(
        url, WallClock(), InstrumentCatalogue([_INSTRUMENT]), on_event=print, timeout_ns=60_000_000_000
    )
    await journal.start()
    yield journal
    await journal.close()


async def measure(name: str, make_url: Callable[[], URL], limits_ms: tuple[float, float] | None) -> list[Figure]:
    """The figures of one kind of database; it has targets where `limits_ms`, of p50 and p99 of one order, are given."""

    async def best(measured: Callable[[Submit], Awaitable[tuple[list[float], float]]]) -> tuple[float, float, float]:
        results = []
        for _ in range(_ROUNDS):
            async with opened(make_url()) as journal:
                taken_s, figure = await measured(submitter(journal))
            if journal.counts["durable"] != len(taken_s):
                raise RuntimeError(f"{name} did not keep every order: {dict(journal.counts)}")
            p50, p99 = (float(value) * 1e3 for value in np.percentile(taken_s, [50, 99]))
            results.append((p99, p50, figure))
        p99, p50, figure = min(results)
        return p50, p99, figure

    one50, one99, _ = await best(lambda submit: in_flight(submit, 1, _ORDERS))
    many50, many99, rate = await best(lambda submit: in_flight(submit, 100, _MANY))
    steady50, steady99, stall_s = await best(steadily)
    what = f"{name}: order to durable"
    figures = [
        Figure(f"{what}, 1 in flight, p50", one50, "ms"),
        Figure(f"{what}, 1 in flight, p99", one99, "ms"),
    ]
    if limits_ms:
        figures = [
            Figure.at_most(item.what, item.value, item.unit, limit)
            for item, limit in zip(figures, limits_ms, strict=True)
        ]
    load = f"at {_PER_SECOND:,} orders/s"
    sustained = f"{name}: durable orders, 100 in flight"
    return [
        *figures,
        Figure(f"{what}, 100 in flight, p50", many50, "ms"),
        Figure(f"{what}, 100 in flight, p99", many99, "ms"),
        Figure.at_least(sustained, rate, "orders/s", _PER_SECOND) if limits_ms else Figure(sustained, rate, "orders/s"),
        Figure(f"{what} {load}, p50", steady50, "ms"),
        Figure(f"{what} {load}, p99", steady99, "ms"),
        Figure(f"{name}: longest stall of the event loop {load}", stall_s * 1e3, "ms"),
    ]


async def measure_all(folder: Path, server: PostgresServer) -> list[Figure]:
    """SQLite, then PostgreSQL."""
    files = (URL.create("sqlite", database=str(folder / f"{number}.db")) for number in itertools.count())
    return [
        *await measure("SQLite", lambda: next(files), (0.7, 2.0)),
        *await measure("PostgreSQL", server.database, None),
    ]


def figures() -> list[Figure]:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as server:
        return uvloop.run(measure_all(Path(folder), server))


def main() -> None:
    """Print the table."""
    show(heading(__doc__), figures())


if __name__ == "__main__":
    main()
