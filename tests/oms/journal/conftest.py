"""Databases for journals: files, and a PostgreSQL that all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.postgres_server import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server; whoever stops it starts it again."""
    with PostgresServer(syncs=False) as server:
        yield server


@pytest.fixture
def sqlite_url(tmp_path: Path) -> URL:
    """A file that is not there yet."""
    return URL.create("sqlite", database=str(tmp_path / "state" / "journal.db"))


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> URL:
    """An empty database."""
    return postgres.database()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> URL:
    """Each kind of database."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    found: URL = request.getfixturevalue(name)
    return found
