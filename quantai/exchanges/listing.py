"""What a venue lists: instruments with their filters as it publishes them, what it calls them, whether they trade."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec

from quantai.core.clock import iso_utc
from quantai.core.enums import InstrumentStatus
from quantai.core.errors import QuantAIError
from quantai.events import Event, InstrumentEvent, InstrumentStatusEvent
from quantai.instruments import Instrument

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One instrument at its venue. The two market sizes are of market orders; None: as of all others."""

    instrument: Instrument
    venue_symbol: str
    status: InstrumentStatus
    status_text: str = ""
    """In the venue's words."""
    contract_type: str = ""
    """In the venue's words; empty for spot."""
    order_types: tuple[str, ...] = ()
    """In the venue's words."""
    market_lot_size: Decimal | None = None
    market_max_quantity: Decimal | None = None


class CachedListings(msgspec.Struct, frozen=True, kw_only=True):
    """Listings with when, and from where, they were taken."""

    version: int
    source: str
    """The address that was asked: other environments list other instruments."""
    taken_ns: int
    listings: list[Listing]


class ListingCache:
    """One file of a venue's listings, for when it cannot be asked. Reading and writing block: call from a thread."""

    def __init__(self, folder: Path, venue: str, source: str) -> None:
        self.path = folder / f"{venue}.listing.json"
        self._venue = venue
        self._source = source

    def write(self, listings: Sequence[Listing], taken_ns: int) -> None:
        """Replace what is there, whole or not at all. Raises `OSError`."""
        rows = [{**_fields(row), "instrument": _fields(row.instrument)} for row in listings]
        content = msgspec.json.encode(
            {"version": _VERSION, "source": self._source, "taken_ns": taken_ns, "listings": rows}
        )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        unfinished.write_bytes(content)
        unfinished.replace(self.path)

    def read(self) -> CachedListings | None:
        """What was written; None where there is nothing, or nothing of this venue and address that can be read."""
        try:
            cached = msgspec.json.decode(self.path.read_bytes(), type=CachedListings)
        except (OSError, msgspec.MsgspecError, QuantAIError, UnicodeDecodeError):
            return None
        is_ours = all(row.instrument.venue == self._venue for row in cached.listings)
        return cached if is_ours and (cached.version, cached.source) == (_VERSION, self._source) else None


def _fields(record: Listing | Instrument) -> dict[str, object]:
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def age_text(taken_ns: int, now_ns: int) -> str:
    """`2026-11-22T09:30:00Z, 3.5 h ago`."""
    return f"{iso_utc(taken_ns)[:19]}Z, {(now_ns - taken_ns) / 3_600_000_000_000:.1f} h ago"


def changes(before: Mapping[str, Listing], now: Mapping[str, Listing], ts_ns: int) -> Iterator[Event]:
    """An event for each instrument whose status or filters are others than before. One that was not listed before tells
    both.
    """
    for symbol, listing in now.items():
        earlier = before.get(symbol)
        if earlier is None or earlier.instrument != listing.instrument:
            yield instrument_event(listing.instrument, ts_ns)
        if earlier is None or earlier.status is not listing.status:
            yield InstrumentStatusEvent(
                listing.instrument.venue, symbol, ts_ns, ts_ns, listing.status, listing.status_text
            )


def delisted(listing: Listing) -> Listing:
    """As it was, but listed no more."""
    return dataclasses.replace(listing, status=InstrumentStatus.DELISTED, status_text="listed no more")


def instrument_event(instrument: Instrument, ts_ns: int) -> InstrumentEvent:
    """The instrument's grid and limits as an event."""
    return InstrumentEvent(
        instrument.venue,
        instrument.symbol,
        ts_ns,
        ts_ns,
        instrument.tick_size,
        instrument.lot_size,
        instrument.min_quantity,
        instrument.max_quantity,
        instrument.min_notional,
        instrument.multiplier,
    )
