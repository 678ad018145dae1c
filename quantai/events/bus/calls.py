"""What one call of a handler needs to know about coroutines and cancellation."""

from __future__ import annotations

import asyncio
import inspect
import types
from collections.abc import Coroutine, Generator
from typing import Any

AnyCoroutine = Coroutine[Any, Any, Any]


@types.coroutine
def _nothing() -> Generator[None, None, None]:
    return
    yield


DONE = _nothing()
"""What to await where nothing is left to wait for: a generator at its end, which may be awaited again and again."""
next(DONE, None)


async def awaited(result: Any) -> None:
    """What a handler returned that is no coroutine: a future is waited for, anything else means nothing."""
    if hasattr(result, "__await__"):
        await result


def is_waiting(coroutine: AnyCoroutine | None) -> bool:
    """Whether `coroutine` is yet to begin or suspended: code that runs now does not run inside it."""
    return coroutine is not None and inspect.getcoroutinestate(coroutine) in (
        inspect.CORO_CREATED,
        inspect.CORO_SUSPENDED,
    )


def is_failure(error: BaseException) -> bool:
    """Whether `error` is the handler's own. A cancellation is, unless somebody cancels the task that the handler runs
    in.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or not task.cancelling()
    return isinstance(error, Exception)
