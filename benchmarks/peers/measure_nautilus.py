"""NautilusTrader 1.x: message bus and Parquet catalog. `python -m benchmarks.peers.measure_nautilus FOLDER`."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import nautilus_trader
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.core.nautilus_pyo3 import drop_cvec_pycapsule
from nautilus_trader.model.data import TradeTick, capsule_to_list
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import InstrumentId, TradeId, TraderId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from benchmarks.peers.measures import NO_FRAMES, Peer
from benchmarks.peers.trades import PRICE_DECIMALS, SIZE_DECIMALS, read_trades
from benchmarks.timing import REPEATS, Counter, Looker, Run, best_ns, calling, nothing

_INSTRUMENT = InstrumentId.from_str("BTCUSDT.BINANCE")
_TOPIC = "data.trades.BINANCE.BTCUSDT"
_SIDES = {"buy": AggressorSide.BUYER, "sell": AggressorSide.SELLER}


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
    counter, bus = Counter(), MessageBus(TraderId("TESTER-000"), TestClock())
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
    ParquetDataCatalog(str(folder)).write_data(ticks)
    return len(ticks)


def read(folder: Path, handler: Counter | Looker) -> int:
    """Stream the catalog in chunks of objects, as its backtest node does, into a callback."""
    for chunk in ParquetDataCatalog(str(folder)).backend_session(TradeTick).to_query_result():
        for tick in capsule_to_list(chunk):
            handler.plain(tick)
        drop_cvec_pycapsule(chunk)
    return handler.count


def main(folder: Path) -> None:
    """Measure all."""
    peer = Peer("NautilusTrader", nautilus_trader.__version__)
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
