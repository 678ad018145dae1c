"""The journals of a store: whose recorder lives, and whose rows are still to be taken in."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import NamedTuple

from quantai.events.persistence.spool import find_journals
from quantai.events.persistence.storage import ROOT, Storage


class FoundJournal(NamedTuple):
    """A journal that is not sealed yet; a recorder that runs has a live one. `origin` is in the parts made of it."""

    path: Path
    origin: str
    is_live: bool


def journals_of(storage: Storage, spool: Path | None) -> list[FoundJournal]:
    """The journals of a store. Those of object storage are on the disk of the recorder: only `spool` tells where."""
    if spool is None and storage.local_path(ROOT) is None:
        return []
    return [
        FoundJournal(path, f"{path.parent.name}-{int(path.stem)}", _is_locked(path.parent / "lock"))
        for path in find_journals(storage, spool)
    ]


def unsealed_origins(storage: Storage, spool: Path | None) -> set[str]:
    """The origins of parts that may be written again, as their journal is still there."""
    return {journal.origin for journal in journals_of(storage, spool)}


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
