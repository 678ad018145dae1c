"""What venues list, taken before anything is built: grids and limits that the configuration leaves to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from quantai.config import Config
from quantai.config.components import find_class
from quantai.config.schema import Execution, InstrumentSection, MarketEvents
from quantai.core.enums import InstrumentStatus
from quantai.core.errors import StartupError
from quantai.core.identifiers import nearest
from quantai.core.numbers import plain
from quantai.exchanges.base import ExchangeContext
from quantai.exchanges.listing import Listing
from quantai.exchanges.registry import EXCHANGES
from quantai.instruments import Instrument, InstrumentCatalogue, Symbol

Listed = Mapping[str, Mapping[str, Listing]]
"""By configured venue and unified symbol; a venue that was not asked is not in it."""

_GRID = ("tick_size", "lot_size", "min_quantity", "max_quantity", "min_notional", "multiplier", "inverse")


def venues_to_ask(config: Config) -> list[str]:
    """The venues whose lists are needed: those that give an instrument its grid, and those that are connected to."""
    used = set(config.instruments)
    if config.mode.execution is not Execution.NONE:
        used = {name for section in config.strategies.values() if section.enabled for name in section.instruments}
    is_connected = config.mode.market_events is MarketEvents.VENUES
    venues = [
        section.venue
        for name, section in config.instruments.items()
        if not section.has_grid or (is_connected and name in used)
    ]
    return [venue for venue in dict.fromkeys(venues) if lists_instruments(config, venue)]


def lists_instruments(config: Config, venue: str) -> bool:
    """Whether the venue's connector can tell what the configuration leaves out."""
    section = config.exchanges[venue]
    if section.type is None and section.target is None:
        return False
    return find_class(EXCHANGES, section.type, section.target).capabilities.lists_instruments


async def take_listings(config: Config) -> Listed:
    """Ask the venues of `venues_to_ask`, all at once. Raises `StartupError` where one does not answer and nothing is
    known from before.
    """
    venues = venues_to_ask(config)
    answers = await asyncio.gather(*[_ask(config, venue) for venue in venues])
    return dict(zip(venues, answers, strict=True))


async def _ask(config: Config, venue: str) -> Mapping[str, Listing]:
    section = config.exchanges[venue]
    exchange = find_class(EXCHANGES, section.type, section.target)(**section.params())
    exchange.bind(ExchangeContext(venue, cache_folder=cache_folder(config)))
    return await exchange.list_instruments()


def cache_folder(config: Config) -> Path | None:
    """Where exchanges may keep what they were told."""
    return Path(config.ops.cache) if config.ops.cache else None


def build_catalogue(config: Config, listed: Listed | None = None) -> InstrumentCatalogue:
    """Every configured instrument: as the configuration says, and where it says nothing, as the venue lists it.

    Raises `StartupError` for a symbol that its venue does not list, and for a grid that nobody tells.
    """
    listed = listed or {}
    return InstrumentCatalogue(
        _instrument(section, _listing(name, section, listed)) for name, section in config.instruments.items()
    )


def _listing(name: str, section: InstrumentSection, listed: Listed) -> Listing | None:
    known = listed.get(section.venue)
    if known is None:
        if not section.has_grid:
            raise StartupError(
                f"instruments.{name} has no tick_size and lot_size, and {section.venue} was not asked: give both"
            )
        return None
    if section.symbol not in known:
        near = nearest(section.symbol, known)
        hint = f"; did you mean {near}?" if near else ""
        raise StartupError(f"instruments.{name}: {section.venue} lists no {section.symbol}{hint}")
    return known[section.symbol]


def _instrument(section: InstrumentSection, listing: Listing | None) -> Instrument:
    fields: dict[str, Any] = {field: getattr(section, field) for field in _GRID}
    expiry_ns = nanoseconds(section.expiry) if section.expiry else Symbol.parse(section.symbol).expiry_ns
    if listing is not None:
        for field in set(_GRID) - section.given:
            fields[field] = getattr(listing.instrument, field)
        expiry_ns = nanoseconds(section.expiry) if section.expiry else listing.instrument.expiry_ns
    return Instrument(venue=section.venue, symbol=section.symbol, expiry_ns=expiry_ns, **fields)


def nanoseconds(moment: datetime) -> int:
    """Since 1970."""
    return round(moment.timestamp() * 1_000_000) * 1_000


def listing_warnings(config: Config, listed: Listed) -> Iterator[str]:
    """Where configuration and venue disagree, and what does not trade."""
    for name, section in config.instruments.items():
        listing = listed.get(section.venue, {}).get(section.symbol)
        if listing is None:
            continue
        if listing.status is not InstrumentStatus.TRADING:
            yield f"instruments.{name}: {section.venue} says that {section.symbol} is {listing.status_text}"
        for field in _GRID:
            ours, theirs = getattr(section, field), getattr(listing.instrument, field)
            if field in section.given and ours != theirs:
                yield (
                    f"instruments.{name}.{field} is {_shown(ours)}, and {section.venue} lists {section.symbol} with "
                    f"{_shown(theirs)}: yours is taken"
                )


def _shown(value: Any) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else plain(value)
