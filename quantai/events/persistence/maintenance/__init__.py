"""Keeping a store in order: proving it, mending it, making few files of many, and taking data out of it."""

from quantai.events.persistence.maintenance.compact import Compacted, CompactReport, Skipped, compact
from quantai.events.persistence.maintenance.export import ExportFormat, export
from quantai.events.persistence.maintenance.findings import Finding, GapSummary, Kind, StoreReport, StreamReport
from quantai.events.persistence.maintenance.gaps import Gap, read_gaps
from quantai.events.persistence.maintenance.repair import Repair, RepairReport, repair
from quantai.events.persistence.maintenance.verify import verify

__all__ = [
    "CompactReport",
    "Compacted",
    "ExportFormat",
    "Finding",
    "Gap",
    "GapSummary",
    "Kind",
    "Repair",
    "RepairReport",
    "Skipped",
    "StoreReport",
    "StreamReport",
    "compact",
    "export",
    "read_gaps",
    "repair",
    "verify",
]
