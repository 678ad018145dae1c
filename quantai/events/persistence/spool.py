"""The folder of a recorder's journals: one folder a session, locked for as long as its process lives."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Container, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import quote
from uuid import uuid4

from quantai.core.errors import ConfigError
from quantai.events.base import Event
from quantai.events.persistence.journal import JOURNAL_SUFFIX, Header, JournalWriter
from quantai.events.persistence.parts import Stream
from quantai.events.persistence.recording import Span, encode
from quantai.events.persistence.storage import ROOT, Root, Storage, open_storage, sync_folder

JOURNAL_FOLDER = ".journal"
QUARANTINE_FOLDER = ".quarantine"

_LOCK = "lock"
_ATTEMPTS = 10
_MAX_STREAMS = 100_000
_NAME = re.compile(rf"\d{{6,}}{re.escape(JOURNAL_SUFFIX)}")


class Closed(NamedTuple):
    """A journal that is ready to be sealed, its size in bytes, and what is in it."""

    path: Path
    size: int
    spans: dict[Stream, Span]


@dataclass(slots=True)
class Outcome:
    """What became of a buffer: all of it is in the journal but `refused`, or none of it (`error` says why).

    `vanished` are rows that were written before, to a journal that somebody has removed since.
    """

    error: Exception | None = None
    refused: list[Event] = field(default_factory=list)
    refusal: Exception | None = None
    vanished: dict[Stream, Span] = field(default_factory=dict)


class Spool:
    """The journals of one recorder, all used from one thread. There is an open one from `open` to `close`.

    A journal that has `max_bytes` is followed by the next.
    """

    def __init__(self, folder: Path, recorder: str, max_bytes: int) -> None:
        self._closed: list[Closed] = []
        self._folder = folder
        self._recorder = recorder
        self._max_bytes = max_bytes
        self._session: Session | None = None
        self._journal: JournalWriter | None = None
        self._sequence = 0
        self._last_times: dict[Stream, int] = {}
        self._spans: dict[Stream, Span] = {}

    @property
    def has_rows(self) -> bool:
        """Whether there is anything in the open journal."""
        return self._journal is not None and self._journal.size > self._journal.empty_size

    def open(self, now_ns: int) -> None:
        """Begin a journal where none is open. Raises `OSError`."""
        if self._journal is not None:
            return
        if self._session is None or not self._session.folder.is_dir():
            self.close()
            self._session = Session.begin(self._folder)
        self._journal = self._next_journal(self._session, now_ns)

    def append(self, events: Sequence[Event], echoes: Container[int], now_ns: int) -> Outcome:
        """Write `events` to the journal, and wait until they are on the disk."""
        outcome = Outcome()
        try:
            if self._journal is not None and not self._journal.is_there():
                outcome.vanished = self._abandon()
            self.open(now_ns)
            if self._journal is not None and self._journal.size >= self._max_bytes:
                self.rotate(now_ns)
            encoded = encode(events, echoes)
            if self._journal is not None and encoded.frames:
                self._journal.append(encoded.frames)
        except Exception as error:
            outcome.error = error
            return outcome
        outcome.refused, outcome.refusal = encoded.refused, encoded.refusal
        for stream, span in encoded.spans.items():
            self._spans.setdefault(stream, Span(0, span.first_ns, span.last_ns)).widen(span)
            self._last_times[stream] = max(self._last_times.get(stream, 0), span.last_ns)
        if len(self._last_times) > _MAX_STREAMS:
            latest = sorted(self._last_times.items(), key=itemgetter(1))[_MAX_STREAMS // 2 :]
            self._last_times = dict(latest)
        return outcome

    def rotate(self, now_ns: int) -> None:
        """Close a journal that has rows, having opened the next one before: so a kill always leaves a trace.

        Raises `OSError`, and the journal is then still open.
        """
        journal = self._journal
        if journal is None or self._session is None or not self.has_rows:
            return
        journal.cut()
        self._journal = self._next_journal(self._session, now_ns)
        self._close(journal)

    def end(self) -> None:
        """Close the last journal, saying that the recorder stopped in good order. Raises `OSError`."""
        if self._journal is not None:
            self._journal.end()
            self._close(self._journal)
            self._journal = None

    def close(self) -> None:
        """Give up the session, for the next start to find where a journal is left in it."""
        session = self.detach()
        if session is not None:
            session.finish()

    def detach(self) -> Session | None:
        """Close the journal. The session is then up to the caller to finish: once none of its journals is worked on."""
        self._abandon()
        session, self._session = self._session, None
        return session

    def take_closed(self) -> list[Closed]:
        """The journals that were closed since this was asked last."""
        closed, self._closed = self._closed, []
        return closed

    def _next_journal(self, session: Session, now_ns: int) -> JournalWriter:
        streams = [(*stream, last_ns) for stream, last_ns in self._last_times.items()]
        header = Header(session.name, self._sequence + 1, self._recorder, now_ns, streams)
        journal = JournalWriter(session.folder / f"{header.sequence:06d}{JOURNAL_SUFFIX}", header)
        self._sequence += 1
        return journal

    def _close(self, journal: JournalWriter) -> None:
        journal.close()
        self._closed.append(Closed(journal.path, journal.size, self._spans))
        self._spans = {}

    def _abandon(self) -> dict[Stream, Span]:
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        spans, self._spans = self._spans, {}
        return spans


class Session:
    """A folder of journals that this process has locked, until it finishes it or dies."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self.name = folder.name
        self._lock = lock

    @classmethod
    def begin(cls, spool: Path) -> Session:
        """A new one below `spool`. Raises `OSError`."""
        error = OSError(f"no folder below {spool} can be locked")
        for _ in range(_ATTEMPTS):
            folder = spool / uuid4().hex
            try:
                spool.mkdir(exist_ok=True)
                folder.mkdir()
            except FileNotFoundError as removed:  # by a recorder that finishes, or the root is gone
                error = removed
                continue
            if session := cls.claim(folder):
                sync_folder(spool)
                return session
        raise error

    @classmethod
    def claim(cls, folder: Path) -> Session | None:
        """That of `folder`, None where a living process has it or it is gone. Raises `OSError`."""
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat((folder / _LOCK).stat(), os.fstat(lock)):
                return cls(folder, lock)
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(lock)
        return None

    def journals(self) -> list[Path]:
        """In the order they were written."""
        found = (path for path in self.folder.iterdir() if _NAME.fullmatch(path.name))
        return sorted(found, key=lambda path: int(path.stem))

    def finish(self) -> None:
        """Unlock; remove the folder where no journal is left in it."""
        with suppress(OSError):
            if not self.journals():
                for path in self.folder.iterdir():
                    path.unlink()
                self.folder.rmdir()
                self.folder.parent.rmdir()
        os.close(self._lock)


def spool_folder(storage: Storage, spool: str | Path | None) -> Path:
    """Where the journals of a store lie: below its root, or below `spool`, which may be that of several stores.

    Raises `ConfigError` where the store is object storage and there is no `spool`.
    """
    local = storage.local_path(ROOT)
    if spool is not None:
        return Path(spool) / f"store={quote(str(local.absolute()) if local else storage.name, safe='')}"
    if local is None:
        raise ConfigError(
            f"{storage.name} is object storage, which no journal can grow in: recording there needs a local folder, "
            "`spool` (recorder.spool)"
        )
    return local / JOURNAL_FOLDER


def find_journals(root: Root, spool: str | Path | None = None) -> list[Path]:
    """The journals of a store that are not sealed yet, of living recorders too."""
    folder = spool_folder(open_storage(root), spool)
    return sorted(path for path in folder.glob(f"*/*{JOURNAL_SUFFIX}") if _NAME.fullmatch(path.name))


def quarantine_folder(storage: Storage, spool: str | Path | None) -> Path:
    """Where journals that cannot be read are moved to."""
    local = storage.local_path(PurePosixPath(QUARANTINE_FOLDER, JOURNAL_FOLDER))
    return local if local is not None and spool is None else spool_folder(storage, spool) / QUARANTINE_FOLDER
