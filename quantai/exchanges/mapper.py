"""Which unified symbol is which at the venue, both ways."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from quantai.core.errors import UnknownInstrument
from quantai.core.identifiers import nearest


class InstrumentMapper:
    """Two dictionaries: a look-up is all that happens for each event."""

    def __init__(self, venue: str, pairs: Iterable[tuple[str, str]] = ()) -> None:
        """`pairs` are of unified and venue symbols."""
        self._venue = venue
        self.replace(pairs)

    def replace(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Know these from now on, and only these."""
        self._to_venue = dict(pairs)
        self._to_unified = {venue_symbol: symbol for symbol, venue_symbol in self._to_venue.items()}

    def to_venue(self, symbol: str) -> str:
        """The venue's name of a unified symbol. Raises `UnknownInstrument`, naming the nearest."""
        try:
            return self._to_venue[symbol]
        except KeyError:
            near = nearest(symbol, self._to_venue)
            hint = f"; did you mean {near}?" if near else ""
            raise UnknownInstrument(f"{self._venue} lists no {symbol}{hint}") from None

    def to_unified(self, venue_symbol: str) -> str | None:
        """The unified symbol; None for one that is not known."""
        return self._to_unified.get(venue_symbol)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._to_venue

    def __iter__(self) -> Iterator[str]:
        return iter(self._to_venue)

    def __len__(self) -> int:
        return len(self._to_venue)
