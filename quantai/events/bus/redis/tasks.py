"""How the bus ends its own tasks."""

from __future__ import annotations

import asyncio

_AGAIN_S = 0.05


async def stop(task: asyncio.Task[None]) -> None:
    """Cancel `task` and wait for its end.

    One cancellation is not enough: `asyncio.wait_for`, through which redis-py sends, swallows one that comes together
    with its result (Python before 3.12).
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_AGAIN_S)
