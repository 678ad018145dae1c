"""The Parquet store: recording events, and reading them back in order."""

from quantai.events.persistence.part_writer import PartWriter
from quantai.events.persistence.parts import Part, Stream
from quantai.events.persistence.reader import EventReader
from quantai.events.persistence.storage import Storage, open_storage
from quantai.events.persistence.store import StreamSummary, foreign_files, list_parts, list_streams, summarise
from quantai.events.persistence.writer import ParquetEventWriter

__all__ = [
    "EventReader",
    "ParquetEventWriter",
    "Part",
    "PartWriter",
    "Storage",
    "Stream",
    "StreamSummary",
    "foreign_files",
    "list_parts",
    "list_streams",
    "open_storage",
    "summarise",
]
