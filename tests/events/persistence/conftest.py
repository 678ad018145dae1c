"""A real S3 server on the loopback for stores in object storage; a clock and a disk for recorders."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from quantai.core.clock import SimulatedClock
from tests.events.persistence.recordings import Disk

BUCKET = "recordings"

_numbers = count()


@pytest.fixture(scope="session")
def s3_query(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The query of URIs at a server that runs for the session and has one bucket, `recordings`."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    nowhere = str(tmp_path_factory.mktemp("aws") / "none")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", nowhere)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        at = f"{host}:{port}"
        files = fs.S3FileSystem(endpoint_override=at, scheme="http", region="us-east-1", allow_bucket_creation=True)
        files.create_dir(BUCKET)
        yield f"?endpoint_override={at}&scheme=http&region=us-east-1"
        server.stop()


@pytest.fixture
def object_root(s3_query: str) -> str:
    """The root of an empty store in object storage."""
    return f"s3://{BUCKET}/store%20{next(_numbers)}/live{s3_query}"


@pytest.fixture(params=["local", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """The root of an empty store, on the local disk and in object storage."""
    if request.param == "local":
        return tmp_path / "store"
    uri: str = request.getfixturevalue("object_root")
    return uri


@pytest.fixture
def clock() -> SimulatedClock:
    """At the beginning of time."""
    return SimulatedClock()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """What journals are written to."""
    return Disk(monkeypatch)
