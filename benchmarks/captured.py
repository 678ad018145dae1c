"""Market data that others captured from Binance in 2024, where the captures lie beside the repository."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from quantai.core.enums import Side
from quantai.events import Event, OrderBookDeltaEvent, TickEvent, TradeEvent
from quantai.events.persistence.schema import to_table

_CAPTURES = Path(__file__).resolve().parents[2] / "shared" / "captures"
_FILES = {
    "binance BTC/USDT": _CAPTURES / "binance/ws_public/btcusdt_20240808.jsonl.gz",
    "binance ETH/USDT": _CAPTURES / "binance/ws_public/ethusdt_20240809.jsonl.gz",
    "binance_usdm BTC/USDT:USDT": _CAPTURES / "binance_usdm/ws_public/btcusdt_20240808.jsonl.gz",
}


def captured_tables() -> dict[str, dict[type[Event], pa.Table]]:
    """By stream, the columns of its trades, ticks and book deltas; empty where there are no captures."""
    return {stream: _tables(path) for stream, path in _FILES.items() if path.exists()}


def _tables(path: Path) -> dict[type[Event], pa.Table]:
    events: dict[type[Event], list[Event]] = {TradeEvent: [], TickEvent: [], OrderBookDeltaEvent: []}
    for event in _events(path):
        events[type(event)].append(event)
    return {cls: to_table(cls, found) for cls, found in events.items()}


def _events(path: Path) -> Iterator[Event]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            frame = json.loads(line)
            message = json.loads(frame["raw"]) if frame["d"] == "in" else {}
            if "stream" in message:
                kind = message["stream"].partition("@")[2].partition("@")[0]
                yield _MAKERS[kind](message["data"], frame["t"])


def _trade(data: dict[str, Any], ts_init: int) -> Event:
    side = Side.SELL if data["m"] else Side.BUY
    price, size = float(data["p"]), float(data["q"])
    return TradeEvent("binance", data["s"], data["T"] * 1_000_000, ts_init, price, size, side, str(data["t"]))


def _tick(data: dict[str, Any], ts_init: int) -> Event:
    bid_and_ask = [float(data[name]) for name in ("b", "B", "a", "A")]
    return TickEvent("binance", data["s"], _time_ns(data, ts_init), ts_init, *bid_and_ask)


def _delta(data: dict[str, Any], ts_init: int) -> Event:
    bids, asks = (tuple((float(price), float(size)) for price, size in data[name]) for name in ("b", "a"))
    return OrderBookDeltaEvent("binance", data["s"], _time_ns(data, ts_init), ts_init, bids, asks, data["u"])


def _time_ns(data: dict[str, Any], ts_init: int) -> int:
    """The venue's time; a spot quote has none."""
    ms = data.get("T", data.get("E"))
    return ts_init if ms is None else ms * 1_000_000


_MAKERS = {"trade": _trade, "bookTicker": _tick, "depth": _delta}
