"""Files of trades go into the store and through a whole session; every number agrees with a plain count."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

CAPTURE = Path(__file__).parents[2] / "../shared/captures/market/ccapi/gemini_ethusd_20210702_trade.csv.gz"
MAPPING = """type: trade
columns: {ts_event: time_seconds, price: price, size: size, side: is_buyer_maker}
time: {unit: s}
side: {buy: ["0"], sell: ["1"]}
"""
CONF = {
    "exchanges/gemini.yaml": "gemini:\n  fees: {maker: 10bps, taker: 35bps}\n",
    "instruments/gemini.yaml": "eth: {venue: gemini, symbol: ETH/USD, tick_size: 0.01, lot_size: 0.000001}\n",
    "portfolio/gemini.yaml": "base_currency: USD\nbalances: {gemini: {USD: 100000}}\nvaluation_interval: 1m\n",
    "strategies/gemini_ema.yaml": "gemini_ema:\n  _target_: strategies.ema_cross.EmaCross\n  instruments: [eth]\n"
    "  bar_interval: 5m\n  fast: 4\n  slow: 9\n  quantity: 2\n",
}
CHOICES = ["exchanges=[gemini]", "instruments=[gemini]", "portfolio=gemini", "strategies=[gemini_ema]"]


def own_day(folder: Path) -> Path:
    """A day of trades, one every 20 seconds, that rises and falls so that averages cross."""
    target = folder / "trades.csv.gz"
    with gzip.open(target, "wt", encoding="utf-8") as stream:
        stream.write("time_seconds,price,size,is_buyer_maker\n")
        for number in range(4_320):
            price = 2_000 + 40 * abs(number % 720 - 360) / 360
            stream.write(f"{1625184000 + number * 20}.5,{price:.2f},3.{number % 7},{number % 2}\n")
    return target


def run(module: str, *arguments: str, cwd: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def session(file: Path, folder: Path) -> tuple[dict[str, Any], Path]:
    """Import `file` and simulate on it; the summary and the run folder."""
    folder.mkdir()
    (folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    for name, text in CONF.items():
        (folder / "conf" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "conf" / name).write_text(text, encoding="utf-8")
    importing = ("data", "import", str(file.resolve()), "--venue", "gemini", "--symbol", "ETH/USD")
    run("quantai.cli", *importing, "--mapping", "mapping.yaml", cwd=folder)
    run("quantai.launch", "--config-dir", "conf", "data=files", "data.path=store", *CHOICES, cwd=folder)
    [summary] = folder.glob("runs/*/*/summary.json")
    return json.loads(summary.read_text(encoding="utf-8")), summary.parent


@pytest.mark.parametrize("source", ["own", *(["capture"] if CAPTURE.exists() else [])])
def test_totals_agree_with_an_independent_count(source: str, tmp_path: Path) -> None:
    file = CAPTURE if source == "capture" else own_day(tmp_path)
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    summary, folder = session(file, tmp_path / "session")
    assert summary["events"] == len(rows)
    stored = pq.read_table(tmp_path / "session" / "store" / "type=trade", columns=["price", "size"])
    assert sorted(stored["size"].to_pylist()) == sorted(float(row["size"]) for row in rows)
    assert sorted(stored["price"].to_pylist()) == sorted(float(row["price"]) for row in rows)
    assert summary["fills"] > 0
    check_money(summary, folder, {Decimal(row["price"]) for row in rows})


def check_money(summary: dict[str, Any], folder: Path, printed: set[Decimal]) -> None:
    """Cash, position and fees, counted again from the fills, are exactly what the portfolio says."""
    cash, held, fees = Decimal(100_000), Decimal(0), Decimal(0)
    for fill in pq.read_table(folder / "fills.parquet").to_pylist():
        sign = 1 if fill["side"] == "buy" else -1
        assert fill["price"] in printed
        cash -= sign * fill["price"] * fill["quantity"] + fill["fee"]
        held += sign * fill["quantity"]
        fees += fill["fee"]
        assert fill["position"] == held
    assert Decimal(summary["balances"]["gemini:USD"]) == cash
    assert Decimal(summary["balances"].get("gemini:ETH", "0")) == held
    assert Decimal(summary["fees"]) == fees
    last = pq.read_table(folder / "prices.parquet").to_pylist()[-1]["price"]
    assert Decimal(summary["ending_equity"]) == cash + held * Decimal(repr(last))
