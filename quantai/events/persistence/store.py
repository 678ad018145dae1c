"""What a store holds: its streams, parts and figures, and what does not belong there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path, PurePosixPath

from quantai.core.errors import StoreError
from quantai.events.base import Event
from quantai.events.persistence.part_writer import TEMPORARY_SUFFIX
from quantai.events.persistence.parts import Part, Stream, parse_part
from quantai.events.persistence.schema import EVENT_TYPES, event_class, parse_partition, type_name
from quantai.events.persistence.times import Time, to_range_ns, utc_date

Types = str | type[Event] | Iterable[str | type[Event]]
Names = str | Iterable[str]
StreamFilter = Collection[tuple[str, str, str]] | Callable[[str, str, str], bool]


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


def list_streams(root: str | Path) -> dict[Stream, list[Path]]:
    """Every stream with its folders, in order. Raises `StoreError` where `root` is no store."""
    root = Path(root)
    if not root.is_dir():
        raise StoreError(f"there is no store at {root}: record one, or fill one with `quantai data import`")
    streams: dict[Stream, list[Path]] = {}
    for folder in root.glob("type=*/venue=*/symbol=*"):
        names = parse_partition(PurePosixPath(folder.relative_to(root)))
        if len(names) == 3 and names["type"] in EVENT_TYPES:
            streams.setdefault(Stream(**names), []).append(folder)
    if not streams:
        raise StoreError(f"the store at {root} holds no recordings: record some, or `quantai data import` some")
    return dict(sorted(streams.items()))


def list_parts(
    root: str | Path,
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
    is_selected = _selection(types, venues, symbols, streams)
    selected = [folders for stream, folders in list_streams(root).items() if is_selected(stream)]
    if not selected:
        asked = {"types": types, "venues": venues, "symbols": symbols, "streams": streams}
        words = ", ".join(f"{name}={value!r}" for name, value in asked.items() if value is not None)
        raise StoreError(f"the store at {root} has nothing of {words}: `quantai data ls` lists what there is")
    found = (
        part for folders in selected for folder in folders for part in _parts_in(Path(root), folder, start_ns, end_ns)
    )
    return sorted(found, key=attrgetter("stream", "start_ns", "end_ns", "number"))


def summarise(root: str | Path) -> list[StreamSummary]:
    """The figures of every stream, from all footers. Raises `StoreError` for no store or a file that cannot be read."""
    return [_summary(stream, list(parts)) for stream, parts in groupby(list_parts(root), key=attrgetter("stream"))]


def foreign_files(root: str | Path) -> list[Path]:
    """The files below `root` that are no parts and no dotfiles: other tools' files, unknown types, wrong folders."""
    root = Path(root)
    files = (path for path in root.rglob("*") if path.is_file())
    visible = (path for path in files if not any(name.startswith(".") for name in path.relative_to(root).parts))
    return sorted(path for path in visible if parse_part(root, path) is None)


def leftovers(root: str | Path, before_ns: int) -> list[Path]:
    """The temporary files of interrupted writes, last changed before `before_ns`."""
    files = Path(root).rglob(f".*{TEMPORARY_SUFFIX}")
    return sorted(path for path in files if path.is_file() and path.stat().st_mtime_ns < before_ns)


def _selection(
    types: Types | None, venues: Names | None, symbols: Names | None, streams: StreamFilter | None
) -> Callable[[Stream], bool]:
    wanted_types = None if types is None else _type_names(types)
    wanted_venues = None if venues is None else _names(venues)
    wanted_symbols = None if symbols is None else _names(symbols)
    accepts = _acceptance(streams)

    def is_selected(stream: Stream) -> bool:
        return (
            (wanted_types is None or stream.type in wanted_types)
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


def _parts_in(root: Path, folder: Path, start_ns: int, end_ns: int) -> Iterator[Part]:
    first_day, last_day = f"date={utc_date(start_ns)}", f"date={utc_date(end_ns)}"
    for day in folder.glob("date=*"):
        if not first_day <= day.name <= last_day:
            continue
        for path in day.iterdir():
            part = parse_part(root, path)
            if part and part.start_ns < end_ns and part.end_ns >= start_ns:
                yield part


def _summary(stream: Stream, parts: list[Part]) -> StreamSummary:
    return StreamSummary(
        *stream,
        files=len(parts),
        rows=sum(part.rows for part in parts),
        bytes=sum(part.bytes for part in parts),
        start_ns=min(part.start_ns for part in parts),
        end_ns=max(part.end_ns for part in parts),
    )
