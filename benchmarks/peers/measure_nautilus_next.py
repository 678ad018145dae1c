"""NautilusTrader 2.x: message bus and Parquet catalog. `python -m benchmarks.peers.measure_nautilus_next FOLDER`."""

from __future__ import annotations

import asyncio
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

from nautilus_trader.common import MessageBus
from nautilus_trader.model import AggressorSide, InstrumentId, Price, Quantity, TradeId, TraderId, TradeTick
from nautilus_trader.persistence import ParquetDataCatalog

from benchmarks.peers.measures import NO_FRAMES, Peer
from benchmarks.peers.trades import PRICE_DECIMALS, SIZE_DECIMALS, read_trades
from benchmarks.timing import REPEATS, Counter, Looker, Run, best_ns, calling, nothing

_INSTRUMENT = InstrumentId.from_str("BTCUSDT.BINANCE")
_TOPIC = "data.trades.BINANCE.BTCUSDT"
_SIDES = {"buy": AggressorSide.BUY, "sell": AggressorSide.SELL}


def ticks_of(path: Path) -> list[TradeTick]:
    """The file's trades as the library's objects."""
    return [
        TradeTick(
            _INSTRUMENT,
            Price(float(trade.price), PRICE_DECIMALS),
            Quantity(float(trade.size), SIZE_DECIMALS),
            _SIDES[trade.side],
            TradeId(trade.trade_id),
            trade.ts_event,
            trade.ts_init,
        )
        for trade in read_trades(path)
    ]


def publishing(pattern: str, tick: TradeTick) -> Run:
    """Publish to one subscriber of `pattern`."""
    counter, bus = Counter(), MessageBus(TraderId("TESTER-000"))
    bus.subscribe(pattern, counter.plain)
    bus.publish(_TOPIC, tick)
    if counter.count != 1:
        raise RuntimeError(f"the bus did not deliver to {pattern}")
    bus.unsubscribe(pattern, counter.plain)
    bus.subscribe(pattern, nothing)

    async def run() -> None:
        for _ in range(REPEATS):
            bus.publish(_TOPIC, tick)

    return run


def write(folder: Path, ticks: list[TradeTick]) -> int:
    """Write a new catalog."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    ParquetDataCatalog(str(folder)).write_trade_ticks(ticks)
    return len(ticks)


def read(folder: Path, handler: Counter | Looker) -> int:
    """Query the catalog, which gives all objects at once, and call back with each."""
    for tick in ParquetDataCatalog(str(folder)).query_trade_ticks():
        handler.plain(tick)
    return handler.count


def main(folder: Path) -> None:
    """Measure all."""
    peer = Peer("NautilusTrader", version("nautilus_trader"))
    ticks, captured = ticks_of(folder / "trades.csv"), ticks_of(folder / "captured.csv")
    runs = {
        "call": calling(ticks[0]),
        "exact": publishing(_TOPIC, ticks[0]),
        "wildcard": publishing("data.trades.*", ticks[0]),
    }
    peer.figures |= asyncio.run(best_ns(runs))
    peer.without["coroutine"] = "its handlers are plain functions"
    peer.measure("write", lambda: write(folder / "catalog", ticks))
    peer.measure("read", lambda: read(folder / "catalog", Counter()))
    peer.measure("look", lambda: read(folder / "catalog", Looker()))
    peer.weigh("bytes", folder / "catalog", len(ticks))
    peer.weigh("captured", folder / "small", write(folder / "small", captured))
    peer.without |= dict.fromkeys(("spot", "futures"), NO_FRAMES)
    peer.emit()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
