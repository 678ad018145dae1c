"""Orders end to end: from `buy()` in a strategy to the bytes on a venue's socket.

The whole daemon is there, as `mode=live_trading risk=full` builds it: twelve of the thirteen risk checks (every order
here is the same, so not duplicate_order), the journal with a synced commit before anything is sent, and a connector
that writes JSON to a TCP connection: a raw `sendall` stands in for a venue's WebSocket, whose framing and TLS are not
counted. The venue answers each order with an acceptance and a cancel, journalled too, but where it says "unanswered".
Clocks run from before `buy()` until the socket took the bytes.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

import msgspec
import numpy as np
import uvloop

from benchmarks.figures import Figure, heading, show
from quantai.assembly import Graph, assemble
from quantai.assembly.stages import stages_of
from quantai.config import load_config
from quantai.core.clock import NS_PER_SECOND
from quantai.events import TickEvent
from quantai.exchanges.execution import (
    CancelOrder,
    ExecType,
    ExecutionConnector,
    ExecutionReport,
    ReportSink,
    SubmitOrder,
)
from quantai.exchanges.synthetic import SyntheticExchange
from quantai.oms.models import Order
from quantai.ops.memory import frozen_memory
from quantai.ops.stages import Stages
from quantai.strategy import BaseStrategy
from tests.postgres_server import PostgresServer

_ORDERS = 2_000
_MANY = 10_000
_ROUNDS = 5
_SYMBOL = "BTC/USDT"
_OVERRIDES = (
    "mode=live_trading", "risk=full", "exchanges=[]", "instruments=[]", "strategies=[]", "portfolio=none",
    "exchanges.loop={_target_: benchmarks.bench_orders.Loopback, assets: {BTC: {start_price: 100}}}",
    "instruments.btc={venue: loop, symbol: BTC/USDT, tick_size: 0.01, lot_size: 0.001}",
    "strategies.buyer={_target_: benchmarks.bench_orders.Buyer, instruments: [btc]}",
    "portfolio.balances={loop: {USDT: 1000000000, BTC: 1000000}}",
    "risk.checks.order_rate={per_strategy: 100000, total: 100000}", "risk.checks.duplicate_order.enabled=false",
    "risk.checks.max_open_orders={per_strategy: 100000, total: 100000}", "risk.checks.position_limit.max_notional=1e12",
    "risk.checks.exposure_limit.max_gross=1e12", "ops.control=null", "logging.console=none",
)  # fmt: skip

# In a process of its own: a thread here would take the interpreter's lock each time that something came. It looks every
# 10 ms: to wake it is no work of whoever sends to another machine.
_PEER = """
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
while connection.recv(1 << 20):
    time.sleep(0.01)
"""

Sent = Callable[[str], None]


class Buyer(BaseStrategy):
    """Does what the benchmark says."""


class LoopbackOrders(ExecutionConnector):
    """Writes each order to a TCP connection on this machine, then accepts and cancels it."""

    on_sent: Sent
    answers = True

    def __init__(self) -> None:
        self._peer = subprocess.Popen([sys.executable, "-c", _PEER], stdout=subprocess.PIPE, text=True)
        assert self._peer.stdout is not None
        self._socket = socket.create_connection(("127.0.0.1", int(self._peer.stdout.readline())))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._numbers = itertools.count(1)

    def on_report(self, sink: ReportSink) -> None:
        self._sink = sink

    def submit(self, command: SubmitOrder) -> None:
        self._socket.sendall(msgspec.json.encode(command))
        self.on_sent(command.client_order_id)
        if self.answers:
            asyncio.get_running_loop().call_soon(self._answer, command.client_order_id)

    def _answer(self, client_order_id: str) -> None:
        venue_order_id, now_ns = str(next(self._numbers)), time.time_ns()
        for exec_type in (ExecType.NEW, ExecType.CANCELED):
            self._sink(
                ExecutionReport(
                    exec_type=exec_type, client_order_id=client_order_id, venue_order_id=venue_order_id, ts_event=now_ns
                )
            )

    def cancel(self, command: CancelOrder) -> None:
        """Everything is cancelled already."""

    async def stop(self) -> None:
        self._socket.close()
        with self._peer:
            self._peer.wait()


class Loopback(SyntheticExchange):
    """A venue whose order entry is on this machine."""

    def get_execution_connector(self) -> ExecutionConnector:
        return LoopbackOrders()


class Bench:
    """A daemon that trades, and what its orders took."""

    def __init__(self, graph: Graph, answers: bool) -> None:
        assert graph.trading is not None
        self.graph, self.trading = graph, graph.trading
        self.strategy = self.trading.runners[0].strategy
        connector = self.trading.executors["loop"]
        assert isinstance(connector, LoopbackOrders)
        connector.on_sent, connector.answers = self._sent, answers
        self._begun_ns: dict[str, int] = {}
        self._done = asyncio.get_running_loop().create_future()
        self._left = 0
        self.taken_ns: list[int] = []

    def buy(self) -> None:
        """One more order, like all others."""
        begun_ns = time.perf_counter_ns()
        order: Order = self.strategy.buy(_SYMBOL, 0.01, 99)
        self._begun_ns[order.client_order_id] = begun_ns
        if not order.is_open:
            raise RuntimeError(f"the order is {order.state}: {order.reason}")

    def _sent(self, client_order_id: str) -> None:
        self.taken_ns.append(time.perf_counter_ns() - self._begun_ns.pop(client_order_id))
        self._left -= 1
        if self._left > 0:
            asyncio.get_running_loop().call_soon(self.buy)
        elif not self._begun_ns and not self._done.done():
            self._done.set_result(None)

    async def run(self, in_flight: int, orders: int) -> float:
        """Orders a second with so many on their way at a time."""
        self._left = orders - in_flight + 1
        self.taken_ns.clear()
        self._done = asyncio.get_running_loop().create_future()
        begun = time.perf_counter()
        for _ in range(in_flight):
            self.buy()
        await self._done
        return orders / (time.perf_counter() - begun)


async def measure(store: str, in_flight: int, orders: int, answers: bool) -> tuple[float, float, float]:
    """p50 and p99 in milliseconds, and orders a second."""
    graph = assemble(load_config([*_OVERRIDES, *store.split()]).config, Path("run"))
    stages = Stages(stages_of(graph)[:-1], start_timeout_ns=30 * NS_PER_SECOND, stop_timeout_ns=30 * NS_PER_SECOND)
    await stages.start()
    try:
        now_ns = time.time_ns()
        graph.markets.bus.post(TickEvent("loop", _SYMBOL, now_ns, now_ns, 99.99, 10.0, 100.01, 10.0))
        bench = Bench(graph, answers)
        await bench.run(1, 200)
        with frozen_memory():
            rate = await bench.run(in_flight, orders)
    finally:
        await stages.stop()
    p50, p99 = (float(value) / 1e6 for value in np.percentile(bench.taken_ns, [50, 99]))
    return p50, p99, rate


@contextmanager
def _folder() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        Path("run").mkdir()
        yield


def best(store: Callable[[], str], in_flight: int, orders: int, answers: bool = True) -> tuple[float, float, float]:
    """The best of a few rounds, each with a journal of its own."""
    results = []
    for _ in range(_ROUNDS):
        with _folder():
            results.append(uvloop.run(measure(store(), in_flight, orders, answers)))
    p50s, p99s, rates = zip(*results, strict=True)
    return min(p50s), min(p99s), max(rates)


def figures() -> list[Figure]:
    """Measure everything."""
    what = "buy() to bytes on the socket, durable"
    one50, one99, _ = best(lambda: "store=sqlite", 1, _ORDERS)
    many50, many99, rate = best(lambda: "store=sqlite", 100, _MANY)
    _, _, unanswered = best(lambda: "store=sqlite", 100, _MANY, answers=False)
    with PostgresServer() as server:

        def postgresql() -> str:
            url = server.database()
            os.environ["POSTGRESQL_PASSWORD"] = str(url.password)
            address = f"postgresql://{url.host}:{url.port}/{url.database}"
            return f"store=postgresql store.url={address} store.username={url.username}"

        other50, other99, _ = best(postgresql, 1, _ORDERS)
        _, _, other_rate = best(postgresql, 100, _MANY)
        _, _, other_unanswered = best(postgresql, 100, _MANY, answers=False)
    return [
        Figure.at_most(f"SQLite: {what}, p50", one50, "ms", 0.7),
        Figure.at_most(f"SQLite: {what}, p99", one99, "ms", 2.0),
        Figure(f"SQLite: {what}, 100 in flight, p50", many50, "ms"),
        Figure(f"SQLite: {what}, 100 in flight, p99", many99, "ms"),
        Figure.at_least("SQLite: orders sent, unanswered, 100 in flight", unanswered, "orders/s", 10_000),
        Figure("SQLite: orders sent, accepted and cancelled, 100 in flight", rate, "orders/s"),
        Figure(f"PostgreSQL: {what}, p50", other50, "ms"),
        Figure(f"PostgreSQL: {what}, p99", other99, "ms"),
        Figure("PostgreSQL: orders sent, unanswered, 100 in flight", other_unanswered, "orders/s"),
        Figure("PostgreSQL: orders sent, accepted and cancelled, 100 in flight", other_rate, "orders/s"),
    ]


def main() -> None:
    """Print the table."""
    show(heading(__doc__), figures())


if __name__ == "__main__":
    main()
