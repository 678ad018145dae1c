"""What every exchange with requests over HTTP has: its list, its clock, and how patient it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.core.enums import InstrumentStatus
from quantai.core.errors import StartupError, VenueError
from quantai.exchanges.base import ExchangeContext
from quantai.exchanges.core import VenueCore
from quantai.exchanges.errors import NotSent
from quantai.exchanges.http_exchange import HttpExchange
from quantai.exchanges.http_request import Headers, HttpDialect, HttpRequest, Wire
from quantai.exchanges.listing import Listing
from quantai.exchanges.rate_limiter import RateRule
from quantai.instruments import Instrument


class Dialect(HttpDialect):
    base_url = "http://127.0.0.1:1"

    def sign(self, request: HttpRequest, now_ms: int) -> Wire:
        return Wire()

    def error(self, status: int, headers: Headers, body: bytes) -> VenueError:
        return VenueError("no")


def instrument(symbol: str) -> Instrument:
    return Instrument(venue="venue", symbol=symbol, tick_size=Decimal("0.01"), lot_size=Decimal("0.001"))


class Small(HttpExchange):
    """Lists one market; its clock may be unknown."""

    has_time: bool = True
    has_list: bool = True

    def make_core(self, context: ExchangeContext) -> VenueCore:
        self._clock = context.clock
        return VenueCore.of(context, Dialect(), [RateRule("requests", 10, NS_PER_SECOND)], self._ask_time)

    async def _ask_time(self) -> int:
        if not self.has_time:
            raise NotSent("no connection")
        return self._clock.now_ns() + NS_PER_SECOND

    async def ask_listings(self) -> Sequence[Listing]:
        if not self.has_list:
            raise NotSent("no connection")
        return [Listing(instrument=instrument("BTC/USDT"), venue_symbol="BTCUSDT", status=InstrumentStatus.TRADING)]


def bound(exchange: Small, *symbols: str, cache: Path | None = None) -> Small:
    clock = SimulatedClock(1_790_000_000 * NS_PER_SECOND)
    configured = [instrument(symbol) for symbol in symbols]
    exchange.bind(ExchangeContext("venue", configured, clock=clock, cache_folder=cache))
    return exchange


async def test_it_starts_with_its_list_and_its_time() -> None:
    exchange = bound(Small(), "BTC/USDT")
    await exchange.start()
    assert exchange._core.venue_clock.offset_ns == NS_PER_SECOND
    assert exchange._core.mapper.to_venue("BTC/USDT") == "BTCUSDT"
    await exchange.stop()


async def test_an_instrument_that_is_not_listed_stops_the_start() -> None:
    exchange = bound(Small(), "BTC/USDT", "BTC/USDC")
    with pytest.raises(StartupError, match=r"BTC/USDC.*\(see `instruments` in the configuration\)"):
        await exchange.start()
    await exchange.stop()


async def test_a_time_that_is_not_known_is_ours_and_told(caplog: pytest.LogCaptureFixture) -> None:
    exchange = bound(Small(has_time=False), "BTC/USDT")
    await exchange.start()
    assert exchange._core.venue_clock.offset_ns == 0
    assert "the time at venue is not known, ours is taken" in caplog.text
    await exchange.stop()


async def test_what_was_listed_before_does_where_the_venue_does_not_answer(tmp_path: Path) -> None:
    assert list(await bound(Small(), cache=tmp_path).list_instruments()) == ["BTC/USDT"]
    again = bound(Small(has_list=False), cache=tmp_path)
    assert list(await again.list_instruments()) == ["BTC/USDT"]
    with pytest.raises(StartupError):
        await bound(Small(has_list=False)).list_instruments()


async def test_a_list_leaves_no_connection_behind() -> None:
    exchange = bound(Small())
    await exchange.list_instruments()
    assert exchange._core.http._session is None
    assert len(asyncio.all_tasks()) == 1


def test_how_patient_it_is_comes_from_the_configuration() -> None:
    section = {"breaker_failures": 9, "breaker_pause": "3s", "breaker_longest": "1m"}
    settings = bound(Small(requests=section))._core.http.settings
    assert settings.breaker_failures == 9
    assert (settings.breaker_pause_ns, settings.breaker_longest_ns) == (3 * NS_PER_SECOND, 60 * NS_PER_SECOND)


def test_frames_that_nobody_understands_are_kept_where_there_is_a_place(tmp_path: Path) -> None:
    kept = bound(Small(), cache=tmp_path).quarantine()
    kept.add(b"odd", ValueError("no"), 5)
    assert (tmp_path / "venue_quarantine.jsonl").exists()
    bound(Small()).quarantine().add(b"odd", ValueError("no"), 5)
