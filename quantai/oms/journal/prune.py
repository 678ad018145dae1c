"""Letting go of history: closed orders of long ago are archived, then deleted a few at a time."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, and_, delete, exists, insert, or_, select, update

from quantai.core.clock import Clock
from quantai.events.persistence.storage import Root
from quantai.oms.journal.archive import Archive, Chosen
from quantai.oms.journal.tables import archiving, fills, notes, order_events, orders, venue_ids

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_BATCH = 2_000
_AT_ONCE = 100


class Prunable(Protocol):
    """A journal that can be asked and changed."""

    def ask(self, question: Callable[[Connection], Answer]) -> Awaitable[Answer]:
        """Read."""

    def change(self, work: Callable[[Connection], Answer]) -> Future[Answer]:
        """Change, in a transaction of its own."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many orders were deleted, with all that is known of them."""

    orders: int = 0


async def prune(journal: Prunable, before_ns: int, archive: Root | None) -> Pruned:
    """Delete every closed order of which nothing was heard since `before_ns`, but for those whose parent, children or
    siblings are open, or were heard of since: a family goes whole; archive it first where `archive` is a folder or URI.

    What is being archived is noted in the journal: after a kill the next call goes on with exactly that. An order that
    changed meanwhile stays. Raises `StoreError`, or `OSError` where the archive cannot be written: then nothing that is
    not in the archive was deleted.
    """
    deleted = 0
    while chosen := await journal.ask(_unfinished) or await _choose(journal, before_ns):
        numbers = [row.number for row in chosen]
        if not all(row.is_written for row in chosen):
            if archive is not None:
                await _write(journal, Archive(archive), [(row.number, row.ts_last) for row in chosen])
            await asyncio.wrap_future(journal.change(_note_written))
        for first in range(0, len(numbers), _AT_ONCE):
            some = numbers[first : first + _AT_ONCE]
            deleted += await asyncio.wrap_future(journal.change(partial(_delete, numbers=some)))
    return Pruned(deleted)


async def prune_job(journal: Prunable, clock: Clock, keep_ns: int, archive: Root | None) -> None:
    """What a scheduler runs: prune what is older than `keep_ns`. Raises as `prune`."""
    pruned = await prune(journal, clock.now_ns() - keep_ns, archive)
    logger.info("%d closed orders were taken out of the journal", pruned.orders)


async def _choose(journal: Prunable, before_ns: int) -> list[Any]:
    def note(connection: Connection) -> None:
        connection.execute(insert(archiving), [{"number": n, "ts_last": ts, "is_written": False} for n, ts in found])

    found = await journal.ask(lambda connection: _eligible(connection, before_ns))
    if found:
        await asyncio.wrap_future(journal.change(note))
    return await journal.ask(_unfinished)


async def _write(journal: Prunable, archive: Archive, numbers: list[tuple[int, int]]) -> None:
    label = hashlib.sha256(repr(numbers).encode()).hexdigest()[:12]
    chosen = await journal.ask(lambda connection: Chosen.read(connection, [number for number, _ in numbers]))
    await asyncio.to_thread(archive.write, f"{numbers[0][0]:016d}_{label}", chosen)


def _unfinished(connection: Connection) -> list[Any]:
    return list(connection.execute(select(archiving).order_by(archiving.c.number)))


def _eligible(connection: Connection, before_ns: int) -> list[tuple[int, int]]:
    other = orders.alias("other")
    is_family = or_(
        other.c.parent_order_id == orders.c.client_order_id,
        other.c.client_order_id == orders.c.parent_order_id,
        and_(other.c.parent_order_id == orders.c.parent_order_id, orders.c.parent_order_id != ""),
    )
    is_needed = or_(other.c.is_open, other.c.ts_last >= before_ns)
    query = (
        select(orders.c.number, orders.c.ts_last)
        .where(~orders.c.is_open, orders.c.ts_last < before_ns, ~exists().where(is_needed, is_family))
        .order_by(orders.c.number)
        .limit(_BATCH)
    )
    return [(number, ts_last) for number, ts_last in connection.execute(query)]


def _note_written(connection: Connection) -> None:
    connection.execute(update(archiving).values(is_written=True))


def _delete(connection: Connection, numbers: list[int]) -> int:
    is_unchanged = and_(archiving.c.number == orders.c.number, archiving.c.ts_last == orders.c.ts_last)
    unchanged = select(orders.c.client_order_id).join(archiving, is_unchanged).where(orders.c.number.in_(numbers))
    ids = list(connection.execute(unchanged).scalars())
    for table in (order_events, notes, fills, venue_ids, orders):
        connection.execute(delete(table).where(table.c.client_order_id.in_(ids)))
    connection.execute(delete(archiving).where(archiving.c.number.in_(numbers)))
    return len(ids)
