"""How far every publisher's events were handled: what tells duplicates and holes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

# Each start of a process is a new origin. Those that were heard of longest ago are forgotten beyond this number.
MAX_ORIGINS = 1_000


Changes = tuple[dict[Any, Any], list[str]]


class Position(NamedTuple):
    """The number of the next event of an origin, and the `ts_init` of its last."""

    sequence: int
    last_ns: int

    def encode(self) -> str:
        """As it is kept in Redis."""
        return f"{self.sequence} {self.last_ns}"

    @classmethod
    def decode(cls, text: bytes) -> Position:
        """What `encode` wrote. Raises `ValueError` for anything else."""
        sequence, last_ns = map(int, text.split())
        return cls(sequence, last_ns)


class Positions:
    """The positions of all origins of one stream."""

    def __init__(self) -> None:
        self._by_origin: OrderedDict[str, Position] = OrderedDict()
        self._changed: dict[str, str] = {}
        self._forgotten: list[str] = []

    def load(self, stored: Mapping[bytes, bytes]) -> None:
        """Go on from what was stored; what is no position is left out."""
        found: list[tuple[str, Position]] = []
        for origin, text in stored.items():
            try:
                found.append((origin.decode(), Position.decode(text)))
            except ValueError:
                continue
        self._by_origin = OrderedDict(sorted(found, key=lambda item: item[1].last_ns))

    def find(self, origin: str) -> Position | None:
        """Where `origin` is; None where nothing of it was handled yet."""
        return self._by_origin.get(origin)

    def advance(self, origin: str, position: Position) -> None:
        """All events of `origin` before `position` are handled."""
        self._by_origin[origin] = position
        self._by_origin.move_to_end(origin)
        self._changed[origin] = position.encode()
        if len(self._by_origin) > MAX_ORIGINS:
            forgotten, _ = self._by_origin.popitem(last=False)
            self._changed.pop(forgotten, None)
            self._forgotten.append(forgotten)

    def take_changes(self) -> Changes:
        """Positions that changed and origins that were forgotten since the last time."""
        changes = self._changed, self._forgotten
        self._changed, self._forgotten = {}, []
        return changes
