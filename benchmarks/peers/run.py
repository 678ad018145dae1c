"""Measures the peers, each in its own environment: `make peers`.

All are measured again, one after another on one machine, so that ratios mean something. The results go to
`results.json` beside this file and into `docs/performance.md`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from benchmarks.binance_frames import PRODUCTS, session
from benchmarks.captured import captured_tables
from benchmarks.machine import describe_machine
from benchmarks.peers.comparison import Comparison
from benchmarks.peers.measures import Peer
from benchmarks.peers.trades import PRICE_DECIMALS, SIZE_DECIMALS, Trade, write_trades
from benchmarks.report import PAGE, with_peers
from benchmarks.synthetic_trades import trade_table
from quantai.events import TradeEvent

_HERE = Path(__file__).parent
_TRADES = 1_000_000
_TURNS = 2
_CAPTURED = "binance_usdm BTC/USDT:USDT"

# Which environment measures what; None is the one that this runs in.
_RUNS = (
    ("measure_quantai", None),
    ("measure_quantai", "quantai"),
    ("measure_nautilus", "current"),
    ("measure_nautilus_next", "next"),
    ("measure_cryptofeed", "current"),
)


def trades_of(table: pa.Table) -> Iterator[Trade]:
    """The rows of a store's columns as text."""
    for row in table.to_pylist():
        price, size = f"{row['price']:.{PRICE_DECIMALS}f}", f"{row['size']:.{SIZE_DECIMALS}f}"
        yield Trade(row["ts_event"], row["ts_init"], price, size, row["side"], row["trade_id"])


def write_inputs(folder: Path) -> None:
    """The same trades for all."""
    synthetic = trade_table(_TRADES, 1, 10_000_000)
    captured = captured_tables().get(_CAPTURED, {}).get(TradeEvent, synthetic.slice(0, 20_000))
    write_trades(folder / "trades.csv", trades_of(synthetic))
    write_trades(folder / "captured.csv", trades_of(captured))
    for product in PRODUCTS:
        session(product).write(folder / f"{product}.frames")


def measure(module: str, environment: str | None, data: Path) -> Peer:
    """Run one in its environment."""
    python = _HERE / f".venv-{environment}" / "bin" / "python" if environment else Path(sys.executable)
    command = [str(python), "-m", f"benchmarks.peers.{module}", str(data)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    for folder in data.iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    return Peer(**json.loads(done.stdout.splitlines()[-1]))


def measure_all(data: Path) -> list[Peer]:
    """All of them in turns, of which the best counts, so that a busy machine disturbs all alike."""
    peers: list[Peer] = []
    steps = list(enumerate(_RUNS * _TURNS))
    for step, (module, environment) in steps:
        started = time.monotonic()
        peer = measure(module, environment, data)
        print(f"[{step + 1}/{len(steps)}] {peer.title}: {time.monotonic() - started:.0f} s", file=sys.stderr)
        if step < len(_RUNS):
            peers.append(peer)
        else:
            peers[step % len(_RUNS)].improve(peer)
    return peers


def main() -> None:
    """Measure, note and show."""
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(Path(folder))
        comparison = Comparison(f"{datetime.now(UTC):%Y-%m-%d}", describe_machine(), measure_all(Path(folder)))
    comparison.save()
    PAGE.write_text(with_peers(PAGE.read_text(encoding="utf-8"), comparison), encoding="utf-8")
    comparison.show()


if __name__ == "__main__":
    main()
