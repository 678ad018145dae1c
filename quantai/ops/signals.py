"""SIGTERM and SIGINT: the first stops in order, the second stops now. SIGUSR1 pauses and resumes what can pause."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

logger = logging.getLogger(__name__)

Work = Coroutine[Any, Any, None]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_PATIENCE_S = 1.0


class StopSignals:
    """Listens inside its context. `stop` is set by the first signal, `stop_now` by the second.

    A third one kills, for the case of a part that does not even let itself be cancelled.
    """

    def __init__(self, on_stop: Callable[[], None], on_pause: Callable[[], None] = lambda: None) -> None:
        """`on_stop` is called by the first signal, `on_pause` by every SIGUSR1."""
        self.stop = asyncio.Event()
        self.stop_now = asyncio.Event()
        self._on_stop = on_stop
        self._on_pause = on_pause

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._before = {number: signal.getsignal(number) for number in (*_SIGNALS, signal.SIGUSR1)}
        for number in _SIGNALS:
            self._loop.add_signal_handler(number, self._take, number)
        self._loop.add_signal_handler(signal.SIGUSR1, self._on_pause)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.stop_now.is_set():
            self._hand_over(self._before)

    def _hand_over(self, handlers: Mapping[signal.Signals, Any]) -> None:
        for number, handler in handlers.items():
            self._loop.remove_signal_handler(number)
            signal.signal(number, handler)  # not left to the loop: uvloop keeps its own, deaf one

    def _take(self, number: signal.Signals) -> None:
        if not self.stop.is_set():
            logger.info("%s: stopping", number.name)
            self.stop.set()
            self._on_stop()
            return
        self.stop_now.set()
        self._hand_over(dict.fromkeys(_SIGNALS, signal.SIG_DFL))
        logger.warning("%s again: stopping now", number.name)

    async def before_stop(self, work: Work) -> bool:
        """Do `work`, but no longer than until the first signal; whether it was done. Raises what it raises."""
        return await _before(self.stop.wait(), work)

    async def before_stop_now(self, work: Work, patience_s: float | None = None) -> bool:
        """Do `work`, but no longer than until the second signal, or `patience_s` after the first; whether it was done.

        Raises what it raises.
        """
        return await _before(self._end_of_patience(patience_s), work)

    async def _end_of_patience(self, patience_s: float | None) -> None:
        if patience_s is not None:
            await self.stop.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stop_now.wait(), patience_s)


async def _before(end: Coroutine[Any, Any, Any], work: Work) -> bool:
    working, ending = asyncio.create_task(work), asyncio.create_task(end)
    await asyncio.wait([working, ending], return_when=asyncio.FIRST_COMPLETED)
    is_over = ending.done()
    ending.cancel()
    if not working.done():
        working.cancel()
        await asyncio.wait([working], timeout=_PATIENCE_S)
    if is_over and (not working.done() or working.cancelled()):
        return False
    working.result()
    return True
