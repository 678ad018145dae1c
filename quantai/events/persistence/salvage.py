"""What a recorder that was killed left: its journals are sealed by whoever starts next, and its silence is told."""

from __future__ import annotations

import logging
from pathlib import Path

from quantai.core.clock import Clock, WallClock
from quantai.events.market_data import MarketEvent
from quantai.events.persistence.journal import Journal, read_journal
from quantai.events.persistence.part_writer import PartWriter
from quantai.events.persistence.parts import Stream
from quantai.events.persistence.schema import EVENT_TYPES
from quantai.events.persistence.sealing import Sealed, discard, seal_rows, write_gaps
from quantai.events.persistence.spool import Session, quarantine_folder, spool_folder
from quantai.events.persistence.storage import Root, open_storage
from quantai.events.system import GapEvent

logger = logging.getLogger(__name__)


def salvage(
    root: Root, spool: str | Path | None = None, *, parts: PartWriter | None = None, clock: Clock | None = None
) -> Sealed:
    """Seal the journals of all dead recorders of a store; those of living ones are left alone.

    Of a recorder that did not stop in good order there is then a gap for each stream of market data, from its last row
    to now, and one without an instrument for everything else. Where the disk or the object storage fails (`errors`),
    what is left can be salvaged later. Raises `ConfigError` for object storage without a `spool`.
    """
    parts = parts or PartWriter(root)
    clock = clock or WallClock()
    sealed = Sealed()
    storage = open_storage(root)
    folder = spool_folder(storage, spool)
    folders = [path for path in folder.iterdir() if path.name[0] != "."] if folder.is_dir() else []
    for path in sorted(folders):
        session = Session.claim(path)
        if session is None:
            continue
        try:
            _salvage_session(session, parts, quarantine_folder(storage, spool), clock.now_ns(), sealed)
        except Exception as error:  # whatever is wrong with this one, it must not hold up the others
            sealed.errors.append(error)
        finally:
            session.finish()
    if sealed.parts:
        logger.warning(
            "%s: took in what recorders that died had left: %d rows; `quantai data gaps` tells what is missing",
            storage.name, sealed.rows, extra={"gaps": len(sealed.gaps)},
        )  # fmt: skip
    return sealed


def _salvage_session(session: Session, parts: PartWriter, quarantine: Path, now_ns: int, sealed: Sealed) -> None:
    last_times: dict[Stream, int] = {}
    paths = session.journals()
    for path in paths:
        journal = read_journal(path)
        last_times |= journal.last_times()
        told = len(sealed.gaps)
        is_last = path == paths[-1]
        is_whole = seal_rows(journal, parts, now_ns, sealed, may_be_torn=is_last)
        if is_last and not journal.is_ended and not journal.is_newer:
            sealed.gaps += _silence(journal, last_times, now_ns)
        write_gaps(sealed.gaps[told:], parts, sealed)  # before the journal is gone: rather told twice than not at all
        discard(journal, is_whole, quarantine, sealed)


def _silence(journal: Journal, last_times: dict[Stream, int], now_ns: int) -> list[GapEvent]:
    """From the last rows of a recorder to now; where not even those are known, from when its file was last changed."""
    is_market = {name for name, cls in EVENT_TYPES.items() if issubclass(cls, MarketEvent)}
    others = [ns for stream, ns in last_times.items() if stream.type not in is_market]
    since = [(*stream, ns) for stream, ns in last_times.items() if stream.type in is_market]
    since.append(("everything else", "", "", max(others, default=journal.path.stat().st_mtime_ns)))
    reason = "killed, or its disk failed; nothing more of"
    return [
        GapEvent(journal.recorder, now_ns, now_ns, venue, symbol, ns, max(ns, now_ns), 0, f"{reason} {what}")
        for what, venue, symbol, ns in since
    ]
