"""Frames of Binance with a book snapshot: captured ones where they lie beside the repository, or else made like them.

Trades are written as aggregate trades, which every library knows. Standard library only, so that peers' environments
can use it.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CAPTURES = Path(__file__).resolve().parents[2] / "shared" / "captures"
_FILES = {
    "spot": _CAPTURES / "binance/ws_public/btcusdt_20240808.jsonl.gz",
    "futures": _CAPTURES / "binance_usdm/ws_public/btcusdt_20240808.jsonl.gz",
}
PRODUCTS = tuple(_FILES)

_MADE = 40_000
_MID = 600_000
_TICKS = 1_000
_LEVELS = {"spot": 36, "futures": 68}
_SHARES = (("bookTicker", 0.68), ("aggTrade", 0.92), ("depth", 1.0))


@dataclass(frozen=True)
class Session:
    """What came of one symbol: the answer of REST, then the frames, the first of which may be older than it."""

    snapshot: str
    frames: list[str]

    def write(self, path: Path) -> None:
        """As lines, the snapshot first."""
        path.write_text("\n".join([self.snapshot, *self.frames]), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Session:
        """What `write` wrote."""
        snapshot, *frames = path.read_text(encoding="utf-8").splitlines()
        return cls(snapshot, frames)


def session(product: str) -> Session:
    """BTCUSDT of `spot` or `futures`."""
    path = _FILES[product]
    return _captured(path) if path.exists() else made(product)


def _captured(path: Path) -> Session:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    snapshot = next(line["raw"] for line in lines if line["d"] == "http")
    return Session(snapshot, [_with_agg_trade(line["raw"]) for line in lines if line["d"] == "in"])


def _with_agg_trade(raw: str) -> str:
    if '@trade"' not in raw:
        return raw
    return raw.replace("@trade", "@aggTrade", 1).replace('"e":"trade"', '"e":"aggTrade"').replace('"t":', '"a":', 1)


def made(product: str, symbol: str = "BTCUSDT", frames: int = _MADE, depth: int = _TICKS) -> Session:
    """Frames of the same shapes and shares as the captured ones: prices that stay, sizes that change."""
    random_ = random.Random(f"{product} {symbol}")
    bids = [[_price(_MID - tick), _size(random_)] for tick in range(1, depth + 1)]
    asks = [[_price(_MID + tick), _size(random_)] for tick in range(1, depth + 1)]
    snapshot = json.dumps({"lastUpdateId": 0, "bids": bids, "asks": asks}, separators=(",", ":"))
    return Session(snapshot, list(_frames(product, symbol, frames, random_)))


def _frames(product: str, symbol: str, count: int, random_: random.Random) -> Iterator[str]:
    last_id = 0
    for number in range(1, count + 1):
        time_ms = 1_700_000_000_000 + number
        dice = random_.random()
        kind = next(name for name, share in _SHARES if dice < share)
        base = {"e": "depthUpdate" if kind == "depth" else kind, "E": time_ms, "T": time_ms, "s": symbol}
        if kind == "bookTicker":
            quote = {"b": _price(_MID - 1), "B": _size(random_), "a": _price(_MID + 1), "A": _size(random_)}
            data = {"u": number, "s": symbol, **quote} if product == "spot" else {**base, "u": number, **quote}
        elif kind == "aggTrade":
            data = {**base, "a": number, "p": _price(_MID), "q": _size(random_), "f": 1, "l": 1, "m": dice < 0.8}
        else:
            levels = {"b": _levels(-1, product, random_), "a": _levels(1, product, random_)}
            data = {**base, "U": last_id + 1, "u": number, "pu": last_id, **levels}
            last_id = number
        stream = f"{symbol.lower()}@{kind}@100ms" if kind == "depth" else f"{symbol.lower()}@{kind}"
        yield json.dumps({"stream": stream, "data": data}, separators=(",", ":"))


def _levels(sign: int, product: str, random_: random.Random) -> list[list[str]]:
    ticks = random_.sample(range(2, _TICKS), _LEVELS[product] // 2)
    return [
        [_price(_MID + sign * tick), "0.00000000" if random_.random() < 0.4 else _size(random_)]
        for tick in sorted(ticks)
    ]


def _price(ticks: int) -> str:
    return f"{ticks / 10:.8f}"


def _size(random_: random.Random) -> str:
    return f"{random_.randint(1, 10**9) / 1e8:.8f}"
