"""Files written by the tests, and imports of them into a store of their own."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import pytest

from quantai.core.errors import StoreError
from quantai.data.imports import FileReport, ImportReport, import_files
from quantai.events.persistence.reader import EventReader
from tests.data.importers.fixture_types import Events, Run, RunOne, Write


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of lines; its name says how it is packed."""

    def write_lines(name: str, *lines: str, end: str = "\n") -> Path:
        content = (end.join(lines) + end).encode()
        path = tmp_path / name
        if name.endswith(".zip"):
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(name.removesuffix(".zip") + ".csv", content)
        else:
            path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write_lines


@pytest.fixture
def run(store: Path) -> Run:
    """Import files as BTC/USDT of binance, unless told otherwise."""

    def run_import(*paths: Path, **arguments: Any) -> ImportReport:
        if "symbols" not in arguments:
            arguments.setdefault("symbol", "BTC/USDT")
        return import_files(paths, store, **{"venue": "binance", **arguments})

    return run_import


@pytest.fixture
def run_one(run: Run) -> RunOne:
    """Import one file that must not fail."""

    def run_file(path: Path, **arguments: Any) -> FileReport:
        (report,) = run(path, **arguments).files
        assert not report.error, report.error
        return report

    return run_file


@pytest.fixture
def events(store: Path) -> Events:
    """Everything readers see in the store."""

    def read() -> list[Any]:
        try:
            return [event for batch in EventReader(store).read_batches() for event in batch]
        except StoreError:
            return []

    return read
