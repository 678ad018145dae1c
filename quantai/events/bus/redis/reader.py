"""Reads one stream and publishes on the local bus what other processes put there."""

from __future__ import annotations

import asyncio

from quantai.events.bus.redis.acks import Acks, Receipt
from quantai.events.bus.redis.cursors import Cursor, Entries
from quantai.events.bus.redis.delivery import Delivery
from quantai.events.bus.redis.link import Link
from quantai.events.bus.redis.receiver import Receiver
from quantai.events.bus.redis.tasks import stop


class Reader:
    """Reads with `cursor` until the local bus is closed. `acks` is None where Redis does not keep our place."""

    def __init__(self, cursor: Cursor, receiver: Receiver, delivery: Delivery, link: Link, acks: Acks | None) -> None:
        self._cursor = cursor
        self._receiver = receiver
        self._delivery = delivery
        self._link = link
        self._acks = acks
        self._is_closing = False
        self._is_delivering = False
        self._task: asyncio.Task[None]
        self.has_begun = asyncio.Event()
        """Set once it is known where reading begins, or that Redis is away."""

    def start(self) -> None:
        """Read from now on, in a task."""
        self._task = asyncio.create_task(self._run(), name=f"read {self._cursor.key}")

    async def end(self) -> None:
        """Read no more; what was read is delivered, as far as the local bus takes it."""
        self._is_closing = True
        if self._is_delivering:
            await asyncio.wait([self._task])
        else:
            await stop(self._task)

    async def close(self) -> None:
        """Read no more, and have acknowledged what was handled. The local bus must be closed."""
        await self.end()
        if self._acks is not None:
            await self._acks.close()

    async def stop(self) -> None:
        """End at once."""
        await stop(self._task)
        if self._acks is not None:
            await self._acks.stop()

    async def _run(self) -> None:
        while not self._is_closing:
            try:
                await self._read_on()
            except Exception as error:  # whatever it is, reading begins again where it was
                self.has_begun.set()
                await self._link.failed(self, error)

    async def _read_on(self) -> None:
        await self._cursor.open()
        entries = await self._cursor.read()
        self._link.succeeded(self)
        self.has_begun.set()
        if self._cursor.skipped_entries:
            now_ns = self._link.now_ns()
            reason = f"{self._cursor.skipped_entries} entries of {self._cursor.key} were trimmed before they were read"
            self._link.gap(now_ns, now_ns, 0, reason)
        while not self._is_closing:
            if entries:
                self._is_delivering = True
                try:
                    await self._take(entries)
                finally:
                    self._is_delivering = False
            entries = await self._cursor.read()

    async def _take(self, entries: Entries) -> None:
        counters, taken, waits = self._link.counters, list[bytes](), list[asyncio.Task[None]]()
        for entry_id, fields in entries:
            arrival = await self._receiver.receive(entry_id, fields)
            if arrival is not None:
                delivered = await self._delivery.deliver(arrival.events, self._cursor.is_redelivering)
                counters.received += delivered.published
                if self._cursor.is_redelivering:
                    counters.redelivered += delivered.published
                if delivered.handled is not None:
                    waits.append(delivered.handled)
                if delivered.published < len(arrival.events):
                    self._is_closing = True  # the local bus is closed; what is left waits for the next run
                    break
                self._receiver.positions.advance(*arrival.progress)
            taken.append(entry_id)
            await asyncio.sleep(0)  # let others have their turn
        if self._acks is not None:
            await self._acks.put(Receipt(taken, self._receiver.positions.take_changes(), waits))
