"""How old connections may become, and when their end is told."""

from __future__ import annotations

from decimal import Decimal

import pytest
from aiohttp import WSMsgType

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.loopback.server.venue import VenueSettings
from tests.venues.running import Client, running_venue, until

START_NS = 1_780_000_000 * NS_PER_SECOND
AGE_NS = 50 * NS_PER_SECOND


@pytest.mark.parametrize(("age_s", "notice_s"), [(86_400, 85_800), (1_200, 600), (60, 30)])
def test_the_end_is_told_ten_minutes_before_and_never_in_the_first_half_of_a_life(age_s: int, notice_s: int) -> None:
    settings = VenueSettings(prices={"BTC/USDT": Decimal(1)}, max_age_ns=age_s * NS_PER_SECOND)
    assert settings.notice_ns(START_NS) == START_NS + notice_s * NS_PER_SECOND


async def test_a_connection_is_told_of_its_end_and_cut_when_it_is_old() -> None:
    clock = SimulatedClock(START_NS)
    async with (
        running_venue("binance", clock, max_age_ns=AGE_NS, notice_s=10.0) as venue,
        Client(venue) as client,
        client.socket("/ws/btcusdt@nothing") as socket,
    ):
        await until(lambda: venue.counts["connects"] == 1)
        clock.advance_to(START_NS + AGE_NS - 10 * NS_PER_SECOND)
        assert (await socket.receive_json(timeout=20))["e"] == "serverShutdown"
        clock.advance_to(START_NS + AGE_NS)
        assert (await socket.receive(timeout=20)).type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
