"""One process at a time changes the files of a store."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from quantai.core.errors import StoreError
from quantai.events.persistence.maintenance.survey import LOCK, require_store
from quantai.events.persistence.storage import Storage


@contextmanager
def locked(storage: Storage) -> Iterator[None]:
    """Keep other repairs and compactions of a local store away; object storage has no locks, so that is up to people.

    Raises `StoreError` where there is no store, it cannot be written, or another is running.
    """
    require_store(storage)
    path = storage.local_path(LOCK)
    if path is None:
        yield
        return
    try:
        path.parent.mkdir(exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise StoreError(f"the store {storage.name} cannot be written: {error}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(
                f"another repair or compaction of {storage.name} is running: wait until it is done"
            ) from None
        yield
