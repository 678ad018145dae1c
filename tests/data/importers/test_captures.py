"""Captured files of real markets, counted a second time by the csv module; the mappings are those of the guide."""

from __future__ import annotations

import csv
import gzip
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from quantai.data.imports import CsvMapping
from quantai.events import BarEvent, TickEvent, TradeEvent
from tests.data.importers.fixture_types import Events, RunOne

ROOT = Path(__file__).resolve().parents[3]
CAPTURES = ROOT / "../shared/captures/market"
GUIDE = ROOT / "docs/guides/importing.md"
BLOCK = re.compile(r"```yaml\n# (\w+)\.yaml\n(.*?)```", re.DOTALL)
MAPPINGS = {match[1]: match[2] for match in BLOCK.finditer(GUIDE.read_text(encoding="utf-8"))}


@dataclass(frozen=True)
class Capture:
    """A file, its mapping in the guide, where its time and numbers are, and whether it begins with a header."""

    path: str
    mapping: str
    time: int
    numbers: tuple[int, ...]
    unit_ns: int | None
    has_header: bool = True


SPLIT = (1, 2)
KNOWN = [
    Capture("gct/binance_BTCUSDT_trades_2020_11_16.csv", "gocryptotrader_trades", 0, (1, 2), 10**9, has_header=False),
    Capture("freqtrade/public_trades_list.csv", "freqtrade_trades", 1, (5, 6), 10**6),
    Capture("ccapi/gemini_ethusd_20210702_trade.csv.gz", "ccapi_trades", 0, (1, 2), 10**9),
    Capture("ccapi/gemini_ethusd_20210702_depth.csv.gz", "ccapi_depth", 0, SPLIT, 10**9),
    Capture("nautilus/6EH4_XCME_1min_202401.csv.gz", "cme_bars", 0, (1, 2, 3, 4, 5), None),
    Capture("nautilus/btc_perp_1m_202201.csv.gz", "perpetual_bars", 0, (1, 2, 3, 4, 5), None),
]
FOUND = [capture for capture in KNOWN if (CAPTURES / capture.path).exists()]
TARDIS = sorted(CAPTURES.glob("tardis/*.csv"))


def rows_of(path: Path, has_header: bool = True) -> list[list[str]]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        return list(csv.reader(file))[int(has_header) :]


def expected(capture: Capture, row: list[str]) -> tuple[int, list[float]]:
    if capture.unit_ns:
        time_ns = int(Decimal(row[capture.time]) * capture.unit_ns)
    else:
        time_ns = int(datetime.fromisoformat(row[capture.time]).replace(tzinfo=UTC).timestamp()) * 10**9
    return time_ns, [float(text) for column in capture.numbers for text in row[column].split("_")]


def numbers(event: TradeEvent | TickEvent | BarEvent) -> list[float]:
    if isinstance(event, TradeEvent):
        return [event.price, event.size]
    if isinstance(event, TickEvent):
        return [event.bid_price, event.bid_size, event.ask_price, event.ask_size]
    return [event.open, event.high, event.low, event.close, event.volume]


def test_every_mapping_of_the_guide_can_be_loaded(tmp_path: Path) -> None:
    assert {capture.mapping for capture in KNOWN} == MAPPINGS.keys()
    for text in MAPPINGS.values():
        (tmp_path / "map.yaml").write_text(text)
        CsvMapping.load(tmp_path / "map.yaml")


@pytest.mark.parametrize("capture", FOUND, ids=lambda capture: capture.mapping)
def test_captured_file_is_in_the_store_row_by_row(
    tmp_path: Path, run_one: RunOne, events: Events, capture: Capture
) -> None:
    (tmp_path / "map.yaml").write_text(MAPPINGS[capture.mapping])
    rows = rows_of(CAPTURES / capture.path, capture.has_header)
    report = run_one(CAPTURES / capture.path, mapping=CsvMapping.load(tmp_path / "map.yaml"))
    assert (report.rows_read, report.bad_rows) == (len(rows), 0)
    in_order = sorted((expected(capture, row) for row in rows), key=lambda row: row[0])
    assert [(event.ts_event, numbers(event)) for event in events()] == in_order


@pytest.mark.parametrize("path", TARDIS, ids=lambda path: path.stem)
def test_captured_tardis_file_is_recognised_and_whole(run_one: RunOne, events: Events, path: Path) -> None:
    rows = rows_of(path)
    report = run_one(path)
    assert (report.rows_read, report.bad_rows, report.oddities) == (len(rows), 0, {})
    found = events()
    if "incremental" in path.name:
        assert sum(len(event.bids) + len(event.asks) for event in found) == len(rows)
        assert len(found) == len({row[3] for row in rows})
    else:
        assert [event.ts_init for event in found] == [int(row[3]) * 1_000 for row in rows]
        assert [event.ts_event for event in found] == [int(row[2]) * 1_000 for row in rows]
    if "snapshot" in path.name:
        first = found[0]
        assert [value for level in first.asks for value in level] == [
            float(rows[0][4 + 4 * level + part]) for level in range(len(first.asks)) for part in (0, 1)
        ]
        assert len(first.asks) == len(first.bids) == (len(rows[0]) - 4) // 4
