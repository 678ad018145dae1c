"""What one call of a handler needs to know about coroutines and cancellation."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine
from typing import Any

AnyCoroutine = Coroutine[Any, Any, Any]


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


def message_of(error: BaseException) -> str:
    """The text of `error`, or why it has none: nothing that a handler raises may stop delivery."""
    try:
        return str(error)
    except Exception as failure:
        return f"(its text cannot be had: {type(failure).__name__})"
