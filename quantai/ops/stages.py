"""Starting in order, stopping in reverse, each stage with a deadline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from quantai.core.clock import NS_PER_SECOND
from quantai.core.errors import QuantAIError, StartupError

logger = logging.getLogger(__name__)

Step = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """A step for stages that have nothing to do on the way up, or down."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of the daemon: how it starts and how it stops."""

    name: str
    start: Step = nothing
    stop: Step = nothing


class Stages:
    """Parts in the order in which they depend on each other. `failures` tells what did not stop as it should."""

    def __init__(self, stages: list[Stage], *, start_timeout_ns: int, stop_timeout_ns: int) -> None:
        self._stages = stages
        self._start_timeout_s = start_timeout_ns / NS_PER_SECOND
        self._stop_timeout_s = stop_timeout_ns / NS_PER_SECOND
        self._started: list[Stage] = []
        self.failures: list[str] = []

    async def start(self) -> None:
        """Start each. Raises `StartupError` for the first that fails or takes too long.

        `stop` then stops those before it, and that one too: it may be half started.
        """
        for stage in self._stages:
            self._started.append(stage)
            try:
                async with asyncio.timeout(self._start_timeout_s) as deadline:
                    await stage.start()
            except Exception as error:
                if deadline.expired():
                    late = f"{stage.name} did not start within {self._start_timeout_s:g} s (ops.start_timeout)"
                    raise StartupError(late) from None
                logger.debug("starting %s failed", stage.name, exc_info=True)
                raise StartupError(f"{stage.name} did not start: {_describe(error)}") from error
            logger.debug("started %s", stage.name)

    async def stop(self) -> None:
        """Stop what was started, last first. What fails or is late is told in `failures`, and the next one stopped."""
        while self._started:
            stage = self._started.pop()
            try:
                async with asyncio.timeout(self._stop_timeout_s) as deadline:
                    await stage.stop()
            except Exception as error:
                logger.debug("stopping %s failed", stage.name, exc_info=True)
                late = f"{stage.name} did not stop within {self._stop_timeout_s:g} s (ops.stop_timeout)"
                self._failed(late if deadline.expired() else f"{stage.name} did not stop cleanly: {_describe(error)}")
            else:
                logger.debug("stopped %s", stage.name)

    def _failed(self, message: str) -> None:
        self.failures.append(message)
        logger.error("%s", message)


def _describe(error: Exception) -> str:
    """What QuantAI's own errors say says enough; others are told with their type."""
    return str(error) if isinstance(error, QuantAIError) else f"{type(error).__name__}: {error}"
