"""The trades that all libraries get, as text, so that each makes its own objects of them. Standard library only."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PRICE_DECIMALS = 2
SIZE_DECIMALS = 5


class Trade(NamedTuple):
    """One trade, times in nanoseconds; price and size are the venue's text, `side` is `buy` or `sell`."""

    ts_event: int
    ts_init: int
    price: str
    size: str
    side: str
    trade_id: str


def read_trades(path: Path) -> Iterator[Trade]:
    """Every trade of the file."""
    with path.open(newline="", encoding="ascii") as file:
        for ts_event, ts_init, *rest in csv.reader(file):
            yield Trade(int(ts_event), int(ts_init), *rest)


def write_trades(path: Path, trades: Iterator[Trade]) -> None:
    """Write `trades` for `read_trades`."""
    with path.open("w", newline="", encoding="ascii") as file:
        csv.writer(file).writerows(trades)
