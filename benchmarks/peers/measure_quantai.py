"""QuantAI itself, measured as its peers are: `python -m benchmarks.peers.measure_quantai FOLDER`."""

from __future__ import annotations

import asyncio
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.bench_decoding import delivering
from benchmarks.binance_frames import PRODUCTS, Session
from benchmarks.peers.measures import Peer
from benchmarks.peers.trades import read_trades
from benchmarks.timing import REPEATS, Counter, Looker, Run, best_ns, calling, nothing, nothing_async
from quantai.core.clock import SimulatedClock
from quantai.core.enums import Side
from quantai.events import TradeEvent
from quantai.events.bus import Handler, MemoryEventBus
from quantai.events.persistence import EventReader, PartWriter
from quantai.events.persistence.schema import to_table


def trades_of(path: Path) -> list[TradeEvent]:
    """The file's trades as events."""
    return [
        TradeEvent(
            "binance", "BTC/USDT", trade.ts_event, trade.ts_init,
            float(trade.price), float(trade.size), Side(trade.side), trade.trade_id,
        )
        for trade in read_trades(path)
    ]  # fmt: skip


async def publishing(pattern: str, handler: Handler, trade: TradeEvent) -> Run:
    """Publish to one subscriber of `pattern`."""
    counter, bus = Counter(), MemoryEventBus(SimulatedClock())
    subscription = await bus.subscribe(pattern, counter.plain)
    await bus.publish(trade)
    if counter.count != 1:
        raise RuntimeError(f"the bus did not deliver to {pattern}")
    await bus.unsubscribe(subscription)
    await bus.subscribe(pattern, handler)

    async def run() -> None:
        for _ in range(REPEATS):
            await bus.publish(trade)

    return run


async def measure_bus(trade: TradeEvent) -> dict[str, float]:
    """Nanoseconds a publish."""
    return await best_ns(
        {
            "call": calling(trade),
            "exact": await publishing(trade.topic, nothing, trade),
            "wildcard": await publishing("market.trade.*", nothing, trade),
            "coroutine": await publishing("market.trade.*", nothing_async, trade),
        }
    )


def write(folder: Path, trades: list[TradeEvent]) -> int:
    """Write a new store, as the recorder does: columns, then a synced part."""
    shutil.rmtree(folder, ignore_errors=True)
    PartWriter(folder).write(TradeEvent, "binance", "BTC/USDT", to_table(TradeEvent, trades))
    return len(trades)


def read(folder: Path, handler: Counter | Looker) -> int:
    """Stream the store into a callback."""
    for batch in EventReader(folder).read_batches():
        for trade in batch:
            handler.plain(trade)
    return handler.count


def main(folder: Path) -> None:
    """Measure all."""
    peer = Peer("QuantAI", version("quantai"))
    trades, captured = trades_of(folder / "trades.csv"), trades_of(folder / "captured.csv")
    peer.figures |= asyncio.run(measure_bus(trades[0]))
    peer.measure("write", lambda: write(folder / "store", trades))
    peer.measure("read", lambda: read(folder / "store", Counter()))
    peer.measure("look", lambda: read(folder / "store", Looker()))
    peer.weigh("bytes", folder / "store", len(trades))
    peer.weigh("captured", folder / "small", write(folder / "small", captured))
    for product in PRODUCTS:
        peer.measure(product, delivering(product, Session.read(folder / f"{product}.frames")))
    peer.emit()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
