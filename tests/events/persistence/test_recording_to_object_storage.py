"""A recorder whose store is a real S3 server, which goes away for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from quantai.core.clock import SimulatedClock
from quantai.core.enums import Side
from quantai.core.errors import StoreError
from quantai.events import ErrorEvent, Event, TradeEvent
from quantai.events.persistence import EventReader, ParquetEventWriter, list_streams
from quantai.events.persistence.spool import find_journals
from tests.events.persistence.conftest import BUCKET

SECOND_NS = 1_000_000_000


def trade(ts: int, symbol: str = "A/B") -> TradeEvent:
    return TradeEvent("v", symbol, ts, ts, 1.0, 1.0, Side.BUY, str(ts))


def events_in(root: str, **selection: Any) -> list[Event]:
    return [event for batch in EventReader(root).read_batches(**selection) for event in batch]


class Server:
    """An S3 server that can be stopped and started again; what it has is kept."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, self._port = self._server.get_host_and_port()
        self.root = (
            f"s3://{BUCKET}/door-{self._port}/live?endpoint_override={host}:{self._port}&scheme=http&region=us-east-1"
        )

    def start(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture
def server(s3_query: str) -> Iterator[Server]:
    """A second door to what the server of the session has, closed and opened at will."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


async def test_a_recording_survives_an_outage_of_the_server(server: Server, spool: Path, clock: SimulatedClock) -> None:
    told: list[Any] = []
    async with ParquetEventWriter(server.root, clock=clock, spool=spool, on_event=told.append) as writer:
        writer.write_event(trade(1))
        await writer.seal()
        server.stop()
        for ts in (2, 3):
            writer.write_event(trade(ts, f"S{ts}"))
            with pytest.raises(StoreError, match="Nothing is lost"):
                await writer.seal()
        assert (writer.written, writer.is_paused, writer.unsealed) == (3, False, 2)
        assert [type(event) for event in told] == [ErrorEvent]
        server.start()
        clock.advance_to(60 * SECOND_NS)
        async with asyncio.timeout(20):
            while writer.unsealed:
                await asyncio.sleep(0.01)
    assert events_in(server.root) == [trade(1), trade(2, "S2"), trade(3, "S3")]
    assert (writer.files, writer.dropped) == (3, 0)
    assert list(spool.iterdir()) == []


async def test_a_recorder_that_lives_only_during_an_outage_leaves_everything_to_the_next(
    server: Server, spool: Path, clock: SimulatedClock
) -> None:
    server.stop()
    writer = ParquetEventWriter(server.root, clock=clock, spool=spool)
    await writer.start()
    writer.write_event(trade(1, "outage"))
    with pytest.raises(StoreError, match="the next start does"):
        await writer.close()
    assert (writer.written, writer.dropped) == (1, 0)
    assert len(find_journals(server.root, spool)) == 1

    server.start()
    async with ParquetEventWriter(server.root, clock=clock, spool=spool):
        pass
    assert events_in(server.root, symbols="outage") == [trade(1, "outage")]
    assert "system_gap" not in {stream.type for stream in list_streams(server.root)}
    assert list(spool.iterdir()) == []


async def test_a_recorder_needs_a_bucket(server: Server, spool: Path, clock: SimulatedClock) -> None:
    writer = ParquetEventWriter(server.root.replace(BUCKET, "typo"), clock=clock, spool=spool)
    with pytest.raises(StoreError, match="no such bucket"):
        await writer.start()
    await writer.close()
