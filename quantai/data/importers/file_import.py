"""The import of one file: read, convert, stage, check against what is there, commit."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from quantai.core.errors import QuantAIError, StoreError
from quantai.data.importers.converter import Batch, Format
from quantai.data.importers.files import BLOCK_BYTES, FileHead, SourceFile, file_digest
from quantai.data.importers.ledger import ImportLedger
from quantai.data.importers.manifest import Manifest, Origin, PartEntry
from quantai.data.importers.mapping import CsvMapping
from quantai.data.importers.outcome import MAX_EXAMPLES, Outcome
from quantai.data.importers.overlap import overlaps
from quantai.data.importers.parser import RowParser
from quantai.data.importers.report import FileReport, FileStatus
from quantai.data.importers.stage import Stage
from quantai.data.importers.symbols import SymbolMap
from quantai.data.progress import Meter

OnOverlap = Literal["warn", "refuse"]


@dataclass(slots=True)
class _Reading:
    """One file being read into its stage; `symbols` are those met, by the venue's name (`""` where it has none)."""

    head: FileHead
    format: Format
    outcome: Outcome
    symbols: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileImporter:
    """Imports files one after the other into one store, whose ledger is open."""

    store: Path
    ledger: ImportLedger
    venue: str
    symbols: SymbolMap
    mapping: CsvMapping | None
    max_bad_rows: int
    on_overlap: OnOverlap
    meter: Meter

    def run(self, head: FileHead, known: Format) -> FileReport:
        """Import one file, or say why nothing of it was. Raises `StoreError` where the store cannot be written."""
        reading = _Reading(head, known, Outcome(head.path, self.max_bad_rows))
        try:
            mapping = self.mapping.model_dump_json() if self.mapping else ""
            origin = Origin(file_digest(head.path), known.name, self.venue, mapping)
            earlier = self._imported_before(origin)
            return self._skipped(reading, earlier) if earlier else self._import(reading, origin)
        except QuantAIError as error:
            return _report(reading, FileStatus.FAILED, error=str(error))
        except OSError as error:
            raise StoreError(
                f"the store {self.store} cannot be written: {error}; {head.path} is not imported"
            ) from error
        finally:
            self.meter.close(head.path, reading.outcome.rows_read)

    def _imported_before(self, origin: Origin) -> Manifest | None:
        for manifest in self.ledger.of_file(origin):
            if all(self.symbols.get(name or None) == unified for name, unified in manifest.symbols.items()):
                return manifest
        return None

    def _import(self, reading: _Reading, origin: Origin) -> FileReport:
        import_id = self._import_id(origin)
        folder = self.ledger.stage_folder(import_id)
        try:
            stage = Stage(folder, self.venue)
            content_digest = self._read(reading, stage) or origin.file_digest
            parts = self.ledger.entries(import_id, stage.finish())
            self._refuse_known_content(reading, content_digest, parts)
            warnings = _told(list(overlaps(self.store, folder, parts)))
            if warnings and self.on_overlap == "refuse":
                raise StoreError(
                    f"{reading.head.path}: {warnings[0]}" + f" (and {len(warnings) - 1} more)" * (len(warnings) > 1)
                )
        except BaseException:
            self.ledger.discard(import_id)
            raise
        outcome = reading.outcome
        self.ledger.commit(
            Manifest(
                import_id,
                reading.head.name,
                origin,
                content_digest,
                reading.symbols,
                outcome.rows_read,
                outcome.bad_rows,
                parts,
            )
        )
        return _report(reading, FileStatus.IMPORTED, parts, warnings)

    def _read(self, reading: _Reading, stage: Stage) -> str | None:
        """Stage all events of a file; the digest of its unpacked content, None for a plain file."""
        head, outcome = reading.head, reading.outcome
        converter = reading.format.converter(head)
        parser = RowParser(converter.sources, len(head.fields(converter.delimiter)), converter.delimiter, outcome)
        line = 1
        with SourceFile(head.path) as source:
            for block in source.blocks(BLOCK_BYTES):
                while line <= converter.header_lines:
                    block, line = block.partition(b"\n")[2], line + 1
                rows = parser.parse(block, line)
                line += block.count(b"\n")
                if rows.num_rows:
                    self._stage(reading, stage, converter.convert(rows, outcome))
                self.meter.tell(head.path, source.position, outcome.rows_read)
            self._stage(reading, stage, converter.finish(outcome))
            if outcome.rows_read and outcome.bad_rows == outcome.rows_read:
                raise StoreError(f"{head.path}: every row is bad; the first: {outcome.examples[0]}")
            return source.unpacked_digest

    def _stage(self, reading: _Reading, stage: Stage, batches: Iterable[Batch]) -> None:
        by_name = reading.format.venue_symbol(reading.head)
        named = [(batch.venue_symbol or by_name, batch) for batch in batches if batch.table.num_rows]
        unified = self.symbols.require(reading.head.path, {name for name, _ in named})
        for name, batch in named:
            reading.symbols[name or ""] = unified[name]
            stage.add(batch.cls, unified[name], batch.table)

    def _refuse_known_content(self, reading: _Reading, content_digest: str, parts: list[PartEntry]) -> None:
        """The same rows a second time in one stream are never wanted: every trade would happen twice."""
        earlier = self.ledger.of_content(content_digest, {part.stream for part in parts})
        if earlier:
            record = self.ledger.manifest_path(earlier)
            raise StoreError(
                f"{reading.head.path}: its content is in the store already, imported as {earlier.file} with format "
                f"{earlier.origin.format}; to import it anew, delete {record} and the parts it lists"
            )

    def _import_id(self, origin: Origin) -> str:
        """The same for the same file, imported with the same arguments."""
        how = hashlib.sha256(msgspec.json.encode([origin, self.symbols.arguments])).hexdigest()
        return f"{origin.file_digest[:16]}-{how[:16]}"

    def _skipped(self, reading: _Reading, earlier: Manifest) -> FileReport:
        reading.symbols = dict(earlier.symbols)
        missing = sum(not (self.store / part.path).exists() for part in earlier.parts)
        gone = (
            f"{missing} of the {len(earlier.parts)} parts it was imported to are gone: compacted, or deleted; "
            f"if deleted, delete {self.ledger.manifest_path(earlier)} too and import again"
        )
        return _report(reading, FileStatus.SKIPPED, earlier.parts, (gone,) if missing else ())


def _told(warnings: list[str]) -> tuple[str, ...]:
    rest = len(warnings) - MAX_EXAMPLES
    return (*warnings[:MAX_EXAMPLES], *([f"and {rest} more such pairs of parts"] if rest > 0 else []))


def _report(
    reading: _Reading,
    status: FileStatus,
    parts: list[PartEntry] | None = None,
    warnings: tuple[str, ...] = (),
    error: str = "",
) -> FileReport:
    written: Counter[str] = Counter()
    for part in parts or ():
        written[part.stream[0]] += part.rows
    return FileReport(
        path=reading.head.path,
        format=reading.format.name,
        status=status,
        rows_read=reading.outcome.rows_read,
        rows_written=written,
        symbols=tuple(sorted(set(reading.symbols.values()))),
        bad_rows=reading.outcome.bad_rows,
        bad_row_examples=tuple(reading.outcome.examples),
        oddities=reading.outcome.oddities,
        warnings=warnings,
        start_ns=min((part.start_ns for part in parts or ()), default=None),
        end_ns=max((part.end_ns for part in parts or ()), default=None),
        error=error,
    )
