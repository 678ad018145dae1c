"""What a venue lists, kept up to date: nothing that was known is forgotten, whatever a refresh brings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from quantai.core.clock import SimulatedClock
from quantai.core.enums import InstrumentStatus
from quantai.core.errors import StartupError
from quantai.events import Event, InstrumentStatusEvent
from quantai.exchanges.errors import OnMaintenance
from quantai.exchanges.listing import Listing, ListingCache
from quantai.exchanges.listings import Listings
from quantai.exchanges.mapper import InstrumentMapper
from quantai.instruments import Instrument

NOW_NS = 1_790_000_000_000_000_000


def listing(symbol: str, venue_symbol: str = "") -> Listing:
    instrument = Instrument(venue="somewhere", symbol=symbol, tick_size=Decimal("0.1"), lot_size=Decimal("0.01"))
    venue_symbol = venue_symbol or symbol.replace("/", "")
    return Listing(
        instrument=instrument, venue_symbol=venue_symbol, status=InstrumentStatus.TRADING, status_text="TRADING"
    )


class World:
    """A venue that lists what it is told to."""

    def __init__(self, folder: Path | None = None) -> None:
        self.clock = SimulatedClock(NOW_NS)
        self.lists: list[Listing] = []
        self.ask: Callable[[], Awaitable[Sequence[Listing]]] = self.answer
        self.told: list[Event] = []
        self.mapper = InstrumentMapper("somewhere")
        cache = ListingCache(folder, "somewhere", "https://venue") if folder else None
        self.listings = Listings(
            "somewhere", lambda: self.ask(), self.clock, self.mapper, self.told.append, cache, load_timeout_s=0.05
        )

    async def answer(self) -> Sequence[Listing]:
        return list(self.lists)

    async def answer_late(self) -> Sequence[Listing]:
        await asyncio.sleep(0.2)
        return list(self.lists)

    async def fail(self) -> Sequence[Listing]:
        raise OnMaintenance("closed")

    def statuses(self) -> list[tuple[str, InstrumentStatus]]:
        return [(event.symbol, event.status) for event in self.told if isinstance(event, InstrumentStatusEvent)]


async def test_a_symbol_that_is_missing_once_is_told_once_stays_known_and_comes_back() -> None:
    world = World()
    world.lists = [listing("BTC/USDT"), listing("ETH/USDT")]
    await world.listings.load()
    world.lists.pop(0)
    await world.listings.refresh()
    await world.listings.refresh()
    assert world.statuses() == [("BTC/USDT", InstrumentStatus.DELISTED)]
    assert world.mapper.to_venue("BTC/USDT") == "BTCUSDT"
    assert world.mapper.to_unified("BTCUSDT") == "BTC/USDT"
    world.lists.append(listing("BTC/USDT"))
    await world.listings.refresh()
    assert world.statuses()[1:] == [("BTC/USDT", InstrumentStatus.TRADING)]


async def test_a_venue_symbol_that_is_used_again_is_the_one_that_is_listed() -> None:
    world = World()
    world.lists = [listing("OLD/USDT", "XUSDT"), listing("ETH/USDT")]
    await world.listings.load()
    world.lists[0] = listing("NEW/USDT", "XUSDT")
    await world.listings.refresh()
    assert world.mapper.to_unified("XUSDT") == "NEW/USDT"
    assert world.mapper.to_venue("OLD/USDT") == "XUSDT"


async def test_what_is_missing_is_not_kept_in_the_cache(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.lists = [listing("BTC/USDT"), listing("ETH/USDT")]
    await world.listings.load()
    world.lists.pop(0)
    await world.listings.refresh()
    later = World(tmp_path)
    later.ask = later.fail
    await later.listings.load()
    assert list(later.listings.by_symbol) == ["ETH/USDT"]


async def test_a_slow_venue_has_its_time_where_nothing_is_known_from_before(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.lists = [listing("BTC/USDT")]
    world.ask = world.answer_late
    await world.listings.load()
    later = World(tmp_path)
    later.ask = later.answer_late
    later.lists = [listing("ETH/USDT")]
    await later.listings.load()
    assert list(later.listings.by_symbol) == ["BTC/USDT"]


async def test_a_venue_that_does_not_answer_and_was_never_asked_is_an_error(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.ask = world.fail
    with pytest.raises(StartupError, match=r"somewhere cannot be asked what it lists \(closed\)"):
        await world.listings.load()


async def test_what_is_known_is_not_replaced_by_an_older_cache(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.lists = [listing("BTC/USDT")]
    await world.listings.load()
    before = (tmp_path / "somewhere.listing.json").read_bytes()
    world.clock.set_time(NOW_NS + 1)
    world.lists = [listing("ETH/USDT")]
    await world.listings.load()
    (tmp_path / "somewhere.listing.json").write_bytes(before)
    world.ask = world.fail
    await world.listings.load()
    assert world.listings.get("ETH/USDT").status is InstrumentStatus.TRADING
