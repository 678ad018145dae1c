"""The record of one import, kept in the store."""

from __future__ import annotations

import msgspec

StreamName = tuple[str, str, str]


class PartEntry(msgspec.Struct, frozen=True):
    """A part of an import: where it was staged (in the stage), where it is (in the store), and how much is in it."""

    staged: str
    path: str
    stream: StreamName
    rows: int
    start_ns: int
    end_ns: int


class Origin(msgspec.Struct, frozen=True):
    """What was imported and how: the digest of the file as it lay on disk, the format, the venue and any mapping."""

    file_digest: str
    format: str
    venue: str
    mapping: str


class Manifest(msgspec.Struct, frozen=True):
    """The record of one import. `symbols` are those met, by the venue's name, `""` where the file had none."""

    id: str
    file: str
    origin: Origin
    content_digest: str
    symbols: dict[str, str]
    rows_read: int
    bad_rows: int
    parts: list[PartEntry]

    @property
    def streams(self) -> set[StreamName]:
        """What the import wrote to."""
        return {part.stream for part in self.parts}
