"""The store that the queries of the guide are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from quantai.events import Event
from quantai.events.persistence import ParquetEventWriter
from tests.docs.session import Session
from tests.e2e.process import Daemon


@pytest.fixture(scope="session")
def session() -> Session:
    return Session()


async def record(events: Sequence[Event], root: Path) -> None:
    async with ParquetEventWriter(root) as writer:
        for event in events:
            writer.write_event(event)


@pytest.fixture(scope="session")
def folder(session: Session, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `store` is, recorded, with the hidden files that a store in use has."""
    folder = tmp_path_factory.mktemp("queries")
    root = folder / "store"
    asyncio.run(record(session.events, root))
    part = min((root / "type=trade").rglob("*.parquet"))
    for hidden in (
        root / ".quarantine" / part.relative_to(root),
        root / ".journal/recorder-1.journal",
        root / ".imports/1.json",
        part.parent / f".{part.name}.1-0.tmp",
        part.parent / ".compaction.json",
    ):
        hidden.parent.mkdir(parents=True, exist_ok=True)
        hidden.write_text("not for queries")
    return folder


@pytest.fixture(scope="session")
def endpoint(folder: Path) -> Iterator[str]:
    """An S3 server that has the same store as `s3://recordings/store`."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=url, **keys)
    client.create_bucket(Bucket="recordings")
    for part in (folder / "store/type=trade").rglob("*.parquet"):
        client.upload_file(str(part), "recordings", part.relative_to(folder).as_posix())
    client.close()
    yield url
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The credentials of that server in the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """The daemon in an empty folder of its own."""
    daemon = Daemon(tmp_path)
    yield daemon
    daemon.end()
