from __future__ import annotations

import asyncio

from quantai.events.bus.redis.tasks import stop


async def test_a_task_that_swallows_a_cancellation_is_stopped_all_the_same() -> None:
    cancelled = 0

    async def stubborn() -> None:
        nonlocal cancelled
        while True:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                cancelled += 1
                if cancelled > 2:
                    raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await stop(task)
    assert task.cancelled()
    assert cancelled == 3
    await stop(task)
