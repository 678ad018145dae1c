"""Commands on their way: each order's one after the other, those of different orders side by side."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from quantai.core.errors import OrderError

logger = logging.getLogger(__name__)

Work = Callable[[], Coroutine[Any, Any, None]]

_STOP_S = 6


class CommandQueue:
    """At most `max_commands` at a time, and as many cancels again, which must not wait for room."""

    def __init__(self, max_commands: int = 1_000) -> None:
        self._max_commands = max_commands
        self._newest: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False

    def __len__(self) -> int:
        return len(self._tasks)

    def is_busy(self, key: str) -> bool:
        """Whether something of that order is on its way."""
        return key in self._newest

    def put(self, keys: Sequence[str], work: Work, *, is_cancel: bool = False) -> None:
        """Do `work` once everything before it of the orders `keys` is done. Raises `OrderError` where there is no room,
        and once `close` began: then it is certainly not done.
        """
        if self._is_closing:
            raise OrderError("order entry is being stopped")
        limit = self._max_commands * (2 if is_cancel else 1)
        if len(self._tasks) >= limit:
            raise OrderError(f"{len(self._tasks)} commands are on their way already, which is as many as may be")
        before = {self._newest[key] for key in keys if key in self._newest}
        task = asyncio.get_running_loop().create_task(self._run(before, work))
        self._tasks.add(task)
        for key in keys:
            self._newest[key] = task
        task.add_done_callback(lambda done: self._on_done(done, keys))

    async def _run(self, before: set[asyncio.Task[None]], work: Work) -> None:
        if before:
            await asyncio.wait(before)
        await work()

    def _on_done(self, task: asyncio.Task[None], keys: Sequence[str]) -> None:
        self._tasks.discard(task)
        for key in keys:
            if self._newest.get(key) is task:
                del self._newest[key]
        if not task.cancelled() and task.exception() is not None:
            logger.error("a command broke", exc_info=task.exception())

    async def close(self) -> None:
        """Take no more, give what is on its way some seconds to be answered, and let go of the rest."""
        self._is_closing = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_STOP_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
