"""Every instrument the daemon knows, by venue and symbol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from quantai.core.errors import UnknownInstrument
from quantai.core.identifiers import nearest
from quantai.instruments.instrument import Instrument


class InstrumentCatalogue:
    """A lookup that fails with the nearest name."""

    def __init__(self, instruments: Iterable[Instrument] = ()) -> None:
        self._by_key: dict[tuple[str, str], Instrument] = {}
        for instrument in instruments:
            self.add(instrument)

    def add(self, instrument: Instrument) -> None:
        """Add one, or replace what was known of it (a venue changed its filters)."""
        self._by_key[(instrument.venue, instrument.symbol)] = instrument

    def get(self, venue: str, symbol: str) -> Instrument:
        """The instrument. Raises `UnknownInstrument`, naming the nearest."""
        instrument = self._by_key.get((venue, symbol))
        if instrument is None:
            raise UnknownInstrument(self._complaint(venue, symbol))
        return instrument

    def of_symbol(self, symbol: str) -> list[Instrument]:
        """Every venue's instrument of that symbol, in the order they were added."""
        return [instrument for instrument in self if instrument.symbol == symbol]

    def _complaint(self, venue: str, symbol: str) -> str:
        near = nearest(f"{venue}:{symbol}", [str(instrument) for instrument in self])
        return f"no instrument {venue}:{symbol} is configured" + (f"; did you mean {near}?" if near else "")

    def __contains__(self, key: object) -> bool:
        return key in self._by_key

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)
