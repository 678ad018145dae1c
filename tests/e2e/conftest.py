"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.process import Daemon


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """The daemon in an empty folder of its own."""
    daemon = Daemon(tmp_path)
    yield daemon
    daemon.end()
