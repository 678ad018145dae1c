"""`quantai data import`: files of other people's recordings into the store.

Each file is one import: it is read in blocks, converted, checked and staged, and becomes visible as a whole or not at
all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from quantai.core.errors import ConfigError
from quantai.core.identifiers import is_name
from quantai.data.importers.file_import import FileImporter, OnOverlap
from quantai.data.importers.files import read_head
from quantai.data.importers.formats import find_format, list_formats
from quantai.data.importers.ledger import ImportLedger
from quantai.data.importers.mapping import CsvMapping
from quantai.data.importers.outcome import BadRow
from quantai.data.importers.report import FileReport, FileStatus, ImportReport
from quantai.data.importers.symbols import SymbolMap
from quantai.data.progress import ImportProgress, Meter, OnProgress
from quantai.events.persistence.storage import LocalStorage, open_storage

__all__ = [
    "BadRow",
    "CsvMapping",
    "FileReport",
    "FileStatus",
    "ImportProgress",
    "ImportReport",
    "import_files",
    "list_formats",
]

DEFAULT_MAX_BAD_ROWS = 1_000


def import_files(
    paths: Sequence[Path],
    store: str | Path,
    *,
    venue: str,
    symbol: str | None = None,
    symbols: Mapping[str, str] | None = None,
    format: str | None = None,
    mapping: CsvMapping | None = None,
    max_bad_rows: int = DEFAULT_MAX_BAD_ROWS,
    on_overlap: OnOverlap = "warn",
    on_progress: OnProgress | None = None,
) -> ImportReport:
    """Import `paths` into the store at `store`, as events of `venue`.

    `symbol` is the unified symbol of all files, `symbols` maps venue names to unified ones. `format` is the name or the
    family of one of `list_formats()`; without it, and without a `mapping`, each file's own is recognised by its name
    and header. A file of more than `max_bad_rows` bad rows fails, and so does one that covers times the store has
    already if `on_overlap` is `refuse`. A file that fails leaves nothing behind and does not stop the others; the
    report says why. The store must be on the local disk, whose links make an import whole or nothing.

    Raises `ConfigError`, before anything is written, where arguments are wrong or a file's format is not clear;
    `StoreError` where a file cannot be read at all, the store cannot be written or another import is running.
    """
    if not is_name(venue):
        raise ConfigError(f"venue {venue!r} must be small letters, digits and _, such as binance")
    if max_bad_rows < 0:
        raise ConfigError(f"max_bad_rows must be 0 or more, not {max_bad_rows}")
    storage = open_storage(store)
    if not isinstance(storage, LocalStorage):
        raise ConfigError(
            f"{storage.name} cannot be imported into: import into a local store, and copy its files there"
        )
    symbol_map = SymbolMap(symbol, symbols or {})
    heads = [read_head(path) for path in paths]
    formats = [find_format(head, format, mapping) for head in heads]
    for head, known in zip(heads, formats, strict=True):
        known.converter(head)
        if name := known.venue_symbol(head):
            symbol_map.require(head.path, {name})
    meter = Meter(on_progress, paths)
    with ImportLedger(storage.root) as ledger:
        importer = FileImporter(storage.root, ledger, venue, symbol_map, mapping, max_bad_rows, on_overlap, meter)
        return ImportReport(tuple(importer.run(head, known) for head, known in zip(heads, formats, strict=True)))
