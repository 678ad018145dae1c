"""What a store holds: its streams, parts and figures, and what does not belong there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path, PurePosixPath

import msgspec
import pyarrow as pa

from quantai.core.errors import StoreError
from quantai.events.base import Event
from quantai.events.persistence.parts import Part, Stream, parse_part, parts_in
from quantai.events.persistence.schema import EVENT_TYPES, event_class, parse_partition, type_name
from quantai.events.persistence.storage import ROOT, TEMPORARY_SUFFIX, Root, Storage, open_storage
from quantai.events.persistence.times import Time, to_range_ns, utc_date

Types = str | type[Event] | Iterable[str | type[Event]]
Names = str | Iterable[str]
StreamFilter = Collection[tuple[str, str, str]] | Callable[[str, str, str], bool]

Day = tuple[PurePosixPath, Sequence[str]]

COMPACTION = ".compaction.json"
"""The commit of a compaction, in a day folder from before the replacement is visible until the originals are gone."""

_LEVELS = ("type=", "venue=", "symbol=", "date=")
# Enough to hide the time a request takes.
_FOOTERS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """The figures of one stream: how much there is, and from when to when (`ts_init`, inclusive)."""

    type: str
    venue: str
    symbol: str
    files: int
    rows: int
    bytes: int
    start_ns: int
    end_ns: int


class Compaction(msgspec.Struct, frozen=True):
    """Parts of one day, by name, and the one that has the same rows: as long as that is not there, they count."""

    replacement: str
    originals: list[str]


def list_streams(root: Root) -> list[Stream]:
    """Every stream, in order. Raises `StoreError` where `root` is no store."""
    storage = open_storage(root)
    walk = _Walk(lambda _: False)
    walk.days(storage, None)
    return sorted(walk.met)


def list_parts(
    root: Root,
    types: Types | None = None,
    venues: Names | None = None,
    symbols: Names | None = None,
    start: Time | None = None,
    end: Time | None = None,
    streams: StreamFilter | None = None,
) -> list[Part]:
    """The parts that may hold events of `start <= ts_init < end`, by stream and time; only names are looked at.

    `streams` narrows further, to exact (type, venue, symbol) triples or to what a predicate of those three accepts.
    Dotfiles and foreign files are passed over (`foreign_files` finds them). Raises `StoreError` where `root` is no
    store, or has nothing at any time of what was asked for.
    """
    start_ns, end_ns = to_range_ns(start, end)
    storage = open_storage(root)
    if types is None and streams is not None and not callable(streams):
        types = {name for name, _, _ in streams}
    wanted_types = None if types is None else _type_names(types)
    is_selected = _selection(wanted_types, venues, symbols, streams)
    walk = _Walk(is_selected, utc_date(start_ns), utc_date(end_ns))
    days = walk.days(storage, wanted_types)
    if not walk.selected:
        asked = {"types": types, "venues": venues, "symbols": symbols, "streams": streams}
        words = ", ".join(f"{name}={value!r}" for name, value in asked.items() if value is not None)
        raise StoreError(f"the store at {storage.name} has nothing of {words}: `quantai data ls` lists what there is")
    with _naming_store(storage):
        found = [
            part
            for folder, names in days
            for part in parts_in(storage, folder, _valid(storage, folder, names))
            if part.start_ns < end_ns and part.end_ns >= start_ns
        ]
    return sorted(found, key=attrgetter("stream", "start_ns", "end_ns", "number"))


def summarise(root: Root) -> list[StreamSummary]:
    """The figures of every stream, from all footers. Raises `StoreError` for no store or a file that cannot be read."""
    parts = list_parts(root)
    with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as pool:
        sized = list(zip(parts, pool.map(_figures, parts), strict=True))
    return [_summary(stream, list(of_stream)) for stream, of_stream in groupby(sized, key=lambda pair: pair[0].stream)]


def foreign_files(root: Root) -> list[PurePosixPath]:
    """The files below `root` that are no parts and not hidden: other tools' files, unknown types, wrong folders."""
    storage = open_storage(root)
    with _naming_store(storage):
        folders = list(storage.walk(lambda _: True))
    visible = (folder / name for folder, names in folders for name in names if not name.startswith("."))
    return sorted(path for path in visible if parse_part(storage, path) is None)


def leftovers(root: Root, before_ns: int) -> list[Path]:
    """The temporary files of interrupted writes, last changed before `before_ns`; object storage has none."""
    storage = open_storage(root)
    if storage.local_path(ROOT) is None:  # to list it would take long
        return []
    unfinished = (
        storage.local_path(file.path)
        for file in storage.list()
        if file.path.name.startswith(".") and file.path.suffix == TEMPORARY_SUFFIX and file.modified_ns < before_ns
    )
    return sorted(path for path in unfinished if path)


_figures = attrgetter("rows", "bytes")


class _Walk:
    """Finds the day folders of what is selected; `met` are all streams on the way, `selected` those of them wanted."""

    def __init__(self, is_selected: Callable[[Stream], bool], first_day: str = "", last_day: str = "") -> None:
        self.met: set[Stream] = set()
        self.selected: set[Stream] = set()
        self._is_selected = is_selected
        self._first, self._last = f"date={first_day}", f"date={last_day}"

    def days(self, storage: Storage, types: Collection[str] | None) -> list[Day]:
        """The folders with the names of the files in them, of `types` alone where those are known.

        Raises `StoreError` for what is no store, or an empty one.
        """
        with _naming_store(storage):
            if not storage.exists():
                raise StoreError(
                    f"there is no store at {storage.name}: record one, or fill one with `quantai data import`"
                )
            days = self._below(storage, [ROOT] if types is None else [ROOT / f"type={name}" for name in sorted(types)])
            if not self.met and types is not None:
                self._below(storage, [ROOT])
        if not self.met:
            raise StoreError(
                f"the store at {storage.name} holds no recordings: record some, or `quantai data import` some"
            )
        return days

    def _below(self, storage: Storage, folders: Iterable[PurePosixPath]) -> list[Day]:
        found = (day for folder in folders for day in storage.walk(self._enter, folder))
        return [day for day in found if len(day[0].parts) == len(_LEVELS)]

    def _enter(self, folder: PurePosixPath) -> bool:
        depth = len(folder.parts)
        if depth > len(_LEVELS) or not folder.name.startswith(_LEVELS[depth - 1]):
            return False
        if depth == len(_LEVELS):
            return self._first <= folder.name <= self._last
        return depth < len(_LEVELS) - 1 or self._enter_stream(folder)

    def _enter_stream(self, folder: PurePosixPath) -> bool:
        names = parse_partition(folder)
        if len(names) < len(folder.parts) or names["type"] not in EVENT_TYPES:
            return False
        stream = Stream(**names)
        self.met.add(stream)
        if self._is_selected(stream):
            self.selected.add(stream)
        return stream in self.selected


@contextmanager
def _naming_store(storage: Storage) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"the store at {storage.name} cannot be listed: {error}") from error


def _selection(
    types: Collection[str] | None, venues: Names | None, symbols: Names | None, streams: StreamFilter | None
) -> Callable[[Stream], bool]:
    wanted_venues = None if venues is None else _names(venues)
    wanted_symbols = None if symbols is None else _names(symbols)
    accepts = _acceptance(streams)

    def is_selected(stream: Stream) -> bool:
        return (
            (types is None or stream.type in types)
            and (wanted_venues is None or stream.venue in wanted_venues)
            and (wanted_symbols is None or stream.symbol in wanted_symbols)
            and accepts(*stream)
        )

    return is_selected


def _acceptance(streams: StreamFilter | None) -> Callable[[str, str, str], bool]:
    if callable(streams):
        return streams
    triples = None if streams is None else set(streams)
    return lambda *stream: triples is None or stream in triples


def _type_names(types: Types) -> set[str]:
    listed = [types] if isinstance(types, str | type) else list(types)
    return {type_name(event_class(item)) if isinstance(item, str) else type_name(item) for item in listed}


def _names(names: Names) -> set[str]:
    return {names} if isinstance(names, str) else set(names)


def _valid(storage: Storage, folder: PurePosixPath, names: Sequence[str]) -> Sequence[str]:
    """The names in a day folder without the originals that a replacement stands for."""
    path = folder / COMPACTION
    while COMPACTION in names:
        try:
            compaction = msgspec.json.decode(storage.read_bytes(path), type=Compaction)
        except FileNotFoundError:  # it was done after the folder was listed
            names = next((found for _, found in storage.walk(lambda _: False, folder)), ())
        except msgspec.DecodeError as error:
            raise StoreError(
                f"{storage.display(path)} cannot be read as the commit of a compaction: {error}"
            ) from error
        else:
            is_replaced = compaction.replacement in names
            return [name for name in names if not (is_replaced and name in compaction.originals)]
    return names


def _summary(stream: Stream, parts: list[tuple[Part, tuple[int, int]]]) -> StreamSummary:
    return StreamSummary(
        *stream,
        files=len(parts),
        rows=sum(rows for _, (rows, _) in parts),
        bytes=sum(size for _, (_, size) in parts),
        start_ns=min(part.start_ns for part, _ in parts),
        end_ns=max(part.end_ns for part, _ in parts),
    )
