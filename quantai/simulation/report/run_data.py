"""What a run folder holds, as NumPy columns ready to draw and to count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from quantai.core.errors import StoreError
from quantai.simulation.report.columns import Coded, Columns, Floats, Ints
from quantai.simulation.report.formatting import EPOCH
from quantai.simulation.report.summary import SUMMARY_FILE, RunSummary, parse_summary, read_summary

EQUITY_FILE = "equity.parquet"
PORTFOLIO = ""
SIDE_SIGNS = {"buy": 1, "sell": -1}

_ORDER_COLUMNS = {
    "strategy": pa.string(),
    "state": pa.string(),
    "reason": pa.string(),
}
_FILL_COLUMNS = {
    "ts_event": pa.int64(),
    "strategy": pa.string(),
    "venue": pa.string(),
    "symbol": pa.string(),
    "side": pa.string(),
    "price": pa.float64(),
    "quantity": pa.float64(),
    "fee": pa.float64(),
    "fee_currency": pa.string(),
    "liquidity": pa.string(),
    "position": pa.float64(),
    "realized_pnl": pa.float64(),
}
_EQUITY_COLUMNS = {"ts": pa.int64(), "strategy": pa.string(), "equity": pa.float64(), "pnl": pa.float64()}
_PRICE_COLUMNS = {"ts": pa.int64(), "venue": pa.string(), "symbol": pa.string(), "price": pa.float64()}


@dataclass(frozen=True, slots=True, eq=False)
class OrderData:
    """One row an order: whose it was, what became of it, and why (empty where nothing needed saying)."""

    strategy: Coded
    state: Coded
    reason: Coded


@dataclass(frozen=True, slots=True, eq=False)
class FillData:
    """One row a fill, in order of time. Floats here are for drawing and ratios; exact money is in the summary.

    `sign` is +1 for a buy and -1 for a sell; `position` is the strategy's signed position after the fill and
    `realized_pnl` the fill's, before fees. `instrument` is `venue:symbol`.
    """

    ts: Ints
    strategy: Coded
    instrument: Coded
    sign: Ints
    price: Floats
    quantity: Floats
    fee: Floats
    fee_currency: Coded
    liquidity: Coded
    position: Floats
    realized_pnl: Floats

    def __len__(self) -> int:
        return len(self.ts)


@dataclass(frozen=True, slots=True, eq=False)
class EquityCurve:
    """Sampled equity and PnL since the start, in order of time; `ts` in nanoseconds UTC."""

    ts: Ints
    equity: Floats
    pnl: Floats


@dataclass(frozen=True, slots=True, eq=False)
class PriceCurve:
    """Sampled mid or last prices of one instrument, in order of time; `ts` in nanoseconds UTC."""

    ts: Ints
    price: Floats


@dataclass(frozen=True, slots=True, eq=False)
class RunData:
    """A finished run: `equity` of the whole portfolio, `strategies` by name, `prices` by `venue:symbol`."""

    summary: RunSummary
    orders: OrderData
    fills: FillData
    equity: EquityCurve
    strategies: dict[str, EquityCurve]
    prices: dict[str, PriceCurve]

    @property
    def window(self) -> tuple[int, int] | None:
        """First and last instant of the run, nanoseconds UTC: the simulated period and every sample and fill in it."""
        times = [nanoseconds(at) for at in (self.summary.start, self.summary.end) if at is not None]
        for ts in (self.equity.ts, self.fills.ts):
            times += ts[[0, -1]].tolist() if len(ts) else []
        return (min(times), max(times)) if times else None


def nanoseconds(at: datetime) -> int:
    """An aware instant as nanoseconds UTC, exact."""
    return (at - EPOCH) // timedelta(microseconds=1) * 1_000


def load_run(folder: Path) -> RunData:
    """Everything in a run folder. Raises `StoreError` naming the file that is missing or corrupt."""
    folder = Path(folder)
    summary = parse_summary(read_summary(folder), str(folder / SUMMARY_FILE))
    curves = load_equity(folder)
    return RunData(
        summary=summary,
        orders=_load_orders(folder),
        fills=_load_fills(folder),
        equity=curves.pop(PORTFOLIO, _NO_EQUITY),
        strategies=curves,
        prices=_load_prices(folder),
    )


def load_equity(folder: Path) -> dict[str, EquityCurve]:
    """The equity curves in a run folder by strategy; `PORTFOLIO` is the whole. Raises `StoreError`."""
    columns = Columns.read(folder / EQUITY_FILE, _EQUITY_COLUMNS).sorted_by("ts")
    ts, equity, pnl = columns.ints("ts"), columns.floats("equity"), columns.floats("pnl")
    return {name: EquityCurve(ts[at], equity[at], pnl[at]) for name, at in columns.coded("strategy").groups()}


def _load_orders(folder: Path) -> OrderData:
    columns = Columns.read(folder / "orders.parquet", _ORDER_COLUMNS, nullable=("reason",))
    return OrderData(columns.coded("strategy"), columns.coded("state"), columns.coded("reason"))


def _load_fills(folder: Path) -> FillData:
    path = folder / "fills.parquet"
    columns = Columns.read(path, _FILL_COLUMNS).sorted_by("ts_event")
    quantity = columns.floats("quantity")
    if np.any(quantity <= 0):
        raise StoreError(f"{path} has a fill with a quantity of zero or less; run the simulation again")
    return FillData(
        ts=columns.ints("ts_event"),
        strategy=columns.coded("strategy"),
        instrument=columns.coded("venue", "symbol"),
        sign=_signs(columns.coded("side"), path),
        price=columns.floats("price"),
        quantity=quantity,
        fee=columns.floats("fee"),
        fee_currency=columns.coded("fee_currency"),
        liquidity=columns.coded("liquidity"),
        position=columns.floats("position"),
        realized_pnl=columns.floats("realized_pnl"),
    )


def _signs(sides: Coded, path: Path) -> Ints:
    unknown = set(sides.names) - set(SIDE_SIGNS)
    if unknown:
        raise StoreError(f"{path} has a fill of side {min(unknown)!r}; a side is buy or sell")
    return np.array([SIDE_SIGNS[name] for name in sides.names], np.int64)[sides.codes]


def _load_prices(folder: Path) -> dict[str, PriceCurve]:
    columns = Columns.read(folder / "prices.parquet", _PRICE_COLUMNS).sorted_by("ts")
    ts, price = columns.ints("ts"), columns.floats("price")
    return {name: PriceCurve(ts[at], price[at]) for name, at in columns.coded("venue", "symbol").groups()}


_NO_EQUITY = EquityCurve(np.empty(0, np.int64), np.empty(0), np.empty(0))
