"""A recorder that reads from Redis is killed, again and again: what it took is in its store."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from quantai.events.bus.redis import RedisEventBus
from quantai.events.persistence import EventReader
from tests.events.bus.conftest import SERVER, numbers, trade
from tests.events.bus.redis.conftest import OpenBus, until

KILLS = 2


class Recorder:
    """The process, started anew each time."""

    def __init__(self, name: str, store: Path) -> None:
        self._arguments = (SERVER.url, name, str(store))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        command = (sys.executable, "-m", "tests.events.bus.redis.recording", *self._arguments)
        self._process = subprocess.Popen(command)

    def end(self, how: signal.Signals) -> int:
        """Send it a signal and wait for its end."""
        assert self._process is not None
        self._process.send_signal(how)
        status, self._process = self._process.wait(), None
        return status

    def close(self) -> None:
        """Leave nothing running, whatever a test did."""
        if self._process is not None:
            self.end(signal.SIGKILL)


@pytest.fixture
def recorder(name: str, tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(name, tmp_path)
    yield recorder
    recorder.close()


async def test_a_recorder_that_is_killed_loses_nothing_that_was_acknowledged(
    open_bus: OpenBus, client: Redis, name: str, recorder: Recorder, tmp_path: Path
) -> None:
    def acknowledged() -> int:
        [group] = groups
        return int(group["entries-read"] or 0) - int(group["pending"])

    groups: Any = []
    sender: RedisEventBus = await open_bus(batch_size=1, linger_ns=1)
    recorder.start()
    number = 0
    for _ in range(KILLS):
        await until(lambda: client.exists(f"{name}:market"))
        groups = client.xinfo_groups(f"{name}:market")
        enough = acknowledged() + 5
        while acknowledged() < enough:
            await sender.publish(trade(number))
            number += 1
            await asyncio.sleep(0.001)
            groups = client.xinfo_groups(f"{name}:market")
        recorder.end(signal.SIGKILL)
        await sender.publish(trade(number))
        number += 1
        recorder.start()
    await until(lambda: sender.backlog == 0 and client.xinfo_groups(f"{name}:market")[0]["lag"] == 0)
    assert recorder.end(signal.SIGTERM) == 0
    recorded = Counter(numbers([event for batch in EventReader(tmp_path).read_batches() for event in batch]))
    assert sorted(recorded) == list(range(number))
