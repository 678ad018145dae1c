from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from tests.exchanges.websocket.loopback import Venue, venue

START_NS = 1_790_000_000 * NS_PER_SECOND


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(START_NS)


@pytest.fixture
async def server() -> AsyncIterator[Venue]:
    async with venue() as running:
        yield running
