"""A believable run folder, traded by a small accounting of its own, and a headless browser to open pages with."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

START_NS = 1_790_812_800 * 1_000_000_000
MINUTE_NS = 60 * 1_000_000_000
DECIMAL = pa.decimal128(38, 18)
CENT = Decimal("0.01")
ZERO = Decimal(0)

ORDER_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("client_order_id", "strategy", "venue", "symbol", "side", "order_type")]
    + [("time_in_force", pa.string())]
    + [(name, DECIMAL) for name in ("price", "quantity", "filled_quantity", "average_price")]
    + [("state", pa.string()), ("ts_submitted", pa.int64()), ("ts_last", pa.int64()), ("reason", pa.string())]
)
FILL_SCHEMA = pa.schema(
    [("ts_event", pa.int64())]
    + [(name, pa.string()) for name in ("client_order_id", "trade_id", "strategy", "venue", "symbol", "side")]
    + [("price", DECIMAL), ("quantity", DECIMAL), ("fee", DECIMAL), ("fee_currency", pa.string())]
    + [("liquidity", pa.string()), ("cause", pa.string()), ("position", DECIMAL), ("realized_pnl", DECIMAL)]
)
EQUITY_SCHEMA = pa.schema([("ts", pa.int64()), ("strategy", pa.string()), ("equity", DECIMAL), ("pnl", DECIMAL)])
PRICE_SCHEMA = pa.schema([("ts", pa.int64()), ("venue", pa.string()), ("symbol", pa.string()), ("price", pa.float64())])


@dataclass
class Book:
    """What one strategy holds of one instrument."""

    position: Decimal = ZERO
    average: Decimal = ZERO
    realized: Decimal = ZERO
    fees: Decimal = ZERO
    notional: Decimal = ZERO
    fills: int = 0

    def fill(self, signed: Decimal, price: Decimal, fee: Decimal) -> Decimal:
        """Book a fill at average cost and return what it realized."""
        held, after, realized = self.position, self.position + signed, ZERO
        if held * signed < 0:
            closed = min(abs(held), abs(signed)) * (1 if held > 0 else -1)
            realized = closed * (price - self.average)
        if after == 0 or held * after < 0:
            self.average = price if after else ZERO
        elif abs(after) > abs(held):
            self.average = ((held * self.average + signed * price) / after).quantize(Decimal("1e-12"))
        self.position, self.realized = after, self.realized + realized
        self.fees, self.notional, self.fills = self.fees + fee, self.notional + abs(signed) * price, self.fills + 1
        return realized

    def pnl(self, price: Decimal) -> Decimal:
        return self.realized + self.position * (price - self.average) - self.fees


@dataclass
class FakeRun:
    """Random strategies on random walks; the same arguments write the same folder."""

    strategies: Sequence[str] = ("ema_cross",)
    symbols: Sequence[str] = ("BTC/USDT",)
    minutes: int = 3 * 1_440
    trade_every: int = 15
    starting_equity: Decimal = Decimal(10_000)
    stake: Decimal = Decimal(2_000)
    seed: int = 7
    drift: float = 0.00001
    orders: list[dict[str, Any]] = field(default_factory=list)
    fills: list[dict[str, Any]] = field(default_factory=list)
    equity: list[dict[str, Any]] = field(default_factory=list)
    prices: list[dict[str, Any]] = field(default_factory=list)
    books: dict[tuple[str, str], Book] = field(default_factory=lambda: defaultdict(Book))

    def write(self, folder: Path, **summary: Any) -> Path:
        """Trade and write every file of the run folder; `summary` replaces keys of `summary.json`."""
        rng = np.random.default_rng(self.seed)
        walks = {
            symbol: 60_000 / (1 + 9 * number) * np.exp(np.cumsum(rng.normal(self.drift, 0.0006, self.minutes)))
            for number, symbol in enumerate(self.symbols)
        }
        for minute in range(self.minutes):
            ts = START_NS + minute * MINUTE_NS
            now = {symbol: Decimal(f"{walk[minute]:.2f}") for symbol, walk in walks.items()}
            self.prices += [
                {"ts": ts, "venue": "binance", "symbol": symbol, "price": float(p)} for symbol, p in now.items()
            ]
            for number, strategy in enumerate(self.strategies):
                for symbol in self.symbols:
                    if rng.random() < 1 / (self.trade_every * (number + 1)):
                        momentum = walks[symbol][minute] - walks[symbol][max(0, minute - 45)]
                        self._trade(strategy, symbol, ts, now[symbol], float(momentum), rng)
            if minute % 5 == 0 or minute == self.minutes - 1:
                self._value(ts, now)
        return self.write_files(folder, **summary)

    def _trade(self, strategy: str, symbol: str, ts: int, price: Decimal, momentum: float, rng: Any) -> None:
        held = self.books[strategy, symbol].position
        side = "sell" if held > 0 else "buy" if held < 0 else "buy" if momentum > 0 else "sell"
        sign = 1 if side == "buy" else -1
        quantity = abs(held) if held and rng.random() < 0.8 else (self.stake / price).quantize(Decimal("0.00001"))
        order = f"{strategy}-{len(self.orders)}"
        chance = rng.random()
        state, reason = ("CANCELED", "by the strategy") if chance < 0.1 else ("FILLED", None)
        if chance > 0.97:
            state, reason = "DENIED", "notional 2,013.22 is above max_order_notional 2,000"
        filled = quantity if state == "FILLED" else ZERO
        self.orders.append(
            dict(zip(ORDER_SCHEMA.names, (
                order, strategy, "binance", symbol, side, "limit" if chance < 0.5 else "market", "GTC",
                price if chance < 0.5 else None, quantity, filled, price, state, ts, ts + 35_000_000, reason,
            ), strict=True))
        )  # fmt: skip
        if filled:
            fee = (price * quantity * Decimal("0.0002")).quantize(Decimal("1e-8"))
            realized = self.books[strategy, symbol].fill(sign * quantity, price, fee)
            self.fills.append(
                dict(zip(FILL_SCHEMA.names, (
                    ts + 35_000_000, order, f"t{len(self.fills)}", strategy, "binance", symbol, side, price, quantity,
                    fee, "USDT", "maker" if chance < 0.5 else "taker", "market.trade.binance.BTC/USDT@1",
                    self.books[strategy, symbol].position, realized.quantize(Decimal("1e-12")),
                ), strict=True))
            )  # fmt: skip

    def _value(self, ts: int, now: dict[str, Decimal]) -> None:
        total = ZERO
        for strategy in self.strategies:
            pnl = sum((self.books[strategy, symbol].pnl(now[symbol]) for symbol in self.symbols), ZERO).quantize(CENT)
            share = self.starting_equity / len(self.strategies)
            self.equity.append({"ts": ts, "strategy": strategy, "equity": (share + pnl).quantize(CENT), "pnl": pnl})
            total += pnl
        self.equity.append({"ts": ts, "strategy": "", "equity": self.starting_equity + total, "pnl": total})

    def write_files(self, folder: Path, **summary: Any) -> Path:
        """Write what is in the lists now."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows, schema in (
            ("orders", self.orders, ORDER_SCHEMA),
            ("fills", self.fills, FILL_SCHEMA),
            ("equity", self.equity, EQUITY_SCHEMA),
            ("prices", self.prices, PRICE_SCHEMA),
        ):
            pq.write_table(pa.Table.from_pylist(rows, schema), folder / f"{name}.parquet")
        (folder / "summary.json").write_text(json.dumps(self.summary() | summary))
        return folder

    def summary(self) -> dict[str, Any]:
        """What `summary.json` says."""
        ending = self._last_equity("")
        return {
            "mode": "simulation",
            "config_hash": "9f1c" * 16,
            "decision_hash": "07ab" * 16,
            "events": 1_204_331,
            "orders": len(self.orders),
            "fills": len(self.fills),
            "denied": self._count("DENIED"),
            "errors": 0,
            "fees": str(sum((book.fees for book in self.books.values()), ZERO)),
            "currency": "USDT",
            "starting_equity": str(self.starting_equity),
            "ending_equity": str(ending),
            "pnl": str(ending - self.starting_equity),
            "max_drawdown": self._drawdown(""),
            "start": "2026-10-01T00:00:00+00:00",
            "end": f"2026-10-{1 + (self.minutes - 1) // 1_440:02}T{(self.minutes - 1) // 60 % 24:02}:"
            f"{(self.minutes - 1) % 60:02}:00+00:00",
            "wall_seconds": 1.93,
            "events_per_second": 624_005.7,
            "data": f"recorded trades and books of {len(self.symbols)} instruments",
            "strategies": {name: self._strategy(name) for name in self.strategies},
            "instruments": {f"binance:{symbol}": self._instrument(symbol) for symbol in self.symbols},
        }

    def _strategy(self, name: str) -> dict[str, Any]:
        books = [book for (strategy, _), book in self.books.items() if strategy == name]
        realized, fees = sum((book.realized for book in books), ZERO), sum((book.fees for book in books), ZERO)
        pnl = next((row["pnl"] for row in reversed(self.equity) if row["strategy"] == name), ZERO)
        return {
            "orders": sum(order["strategy"] == name for order in self.orders),
            "fills": sum(book.fills for book in books),
            "denied": sum(order["strategy"] == name and order["state"] == "DENIED" for order in self.orders),
            "errors": 0,
            "fees": str(fees),
            "pnl": str(pnl),
            "realized_pnl": str(realized),
            "unrealized_pnl": str(pnl - realized + fees),
            "max_drawdown": self._drawdown(name),
            "traded_notional": str(sum((book.notional for book in books), ZERO)),
        }

    def _instrument(self, symbol: str) -> dict[str, Any]:
        books = [book for (_, traded), book in self.books.items() if traded == symbol]
        price = next((Decimal(f"{row['price']:.2f}") for row in reversed(self.prices) if row["symbol"] == symbol), ZERO)
        return {
            "fills": sum(book.fills for book in books),
            "fees": str(sum((book.fees for book in books), ZERO)),
            "pnl": str(sum((book.pnl(price) for book in books), ZERO)),
            "traded_notional": str(sum((book.notional for book in books), ZERO)),
            "position": str(sum((book.position for book in books), ZERO)),
        }

    def _count(self, state: str) -> int:
        return sum(order["state"] == state for order in self.orders)

    def _last_equity(self, strategy: str) -> Decimal:
        rows = [row["equity"] for row in self.equity if row["strategy"] == strategy]
        return rows[-1] if rows else self.starting_equity

    def _drawdown(self, strategy: str) -> str:
        peak, deepest = Decimal(1), ZERO
        for row in self.equity:
            if row["strategy"] == strategy:
                peak = max(peak, row["equity"])
                deepest = max(deepest, (peak - row["equity"]) / peak)
        return str(deepest.quantize(Decimal("1e-6")))


@pytest.fixture
def fake_run() -> type[FakeRun]:
    """The factory of run folders."""
    return FakeRun


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Two strategies on two instruments for three days: a few hundred fills."""
    return FakeRun(("ema_cross", "mean_reversion"), ("BTC/USDT", "ETH/USDT")).write(tmp_path / "run")


@pytest.fixture
def empty_folder(tmp_path: Path) -> Path:
    """A run in which nothing happened, not even a valuation."""
    return FakeRun(strategies=(), symbols=()).write_files(tmp_path / "empty", start=None, end=None, events=0)


@pytest.fixture(scope="session")
def open_page(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], str]:
    """Open a page in headless Chromium and return its DOM after its scripts ran."""

    profile = tmp_path_factory.mktemp("chromium")

    def open_in_chromium(path: Path) -> str:
        command = [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
        ]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        command += [f"--user-data-dir={profile}", "--window-size=1280,1400", "--virtual-time-budget=20000"]
        opened = subprocess.run([*command, "--dump-dom", path.as_uri()], capture_output=True, timeout=120, check=True)
        return opened.stdout.decode()

    return open_in_chromium
