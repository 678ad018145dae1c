"""What one feed says in one window, as columns. Prices are in ticks, sizes in lots, `rows` index the window's times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quantai.data.synthetic.book_side import SideWindow
from quantai.data.synthetic.randomness import Floats, Ints

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Trades:
    """Trades, those of one taker together and from the best price outwards."""

    rows: Ints
    ticks: Ints
    lots: Ints
    is_buy: Flags
    ids: Ints


@dataclass(frozen=True)
class Samples:
    """When the book is published, whether whole, and its number."""

    rows: Ints
    whole: Flags
    number: Ints


@dataclass(frozen=True)
class Marks:
    """Mark prices and the index behind them."""

    rows: Ints
    mark: Ints
    index: Ints


@dataclass(frozen=True)
class FundingRates:
    """Funding rates, each for the next funding time."""

    rows: Ints
    rates: Floats


@dataclass(frozen=True)
class FeedWindow:
    """All of it, silences already taken out; the best prices at every row are those of `bid` and `ask`."""

    ts_event: Ints
    ts_init: Ints
    bid: SideWindow
    ask: SideWindow
    tick_rows: Ints
    trades: Trades
    samples: Samples
    marks: Marks
    funding: FundingRates
