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
    """Parts in the order in which they depend on each other."""

    def __init__(self, stages: list[Stage], *, start_timeout_ns: int, stop_timeout_ns: int) -> None:
        self._stages = stages
        self._start_timeout_s = start_timeout_ns / NS_PER_SECOND
        self._stop_timeout_s = stop_timeout_ns / NS_PER_SECOND
        self._started: list[Stage] = []
        self.failures: list[str] = []

    async def start(self) -> None:
        """Start each. Raises `StartupError` for the first that fails or takes too long; `stop` then stops those before it."""
        for stage in self._stages:
            self._started.append(stage)
            try:
                await asyncio.wait_for(stage.start(), self._start_timeout_s)
            except TimeoutError:
                raise StartupError(
                    f"{stage.name} did not start within {self._start_timeout_s:g} s (ops.start_timeout)"
                ) from None
            except QuantAIError:
                raise
            except Exception as error:
                raise StartupError(f"{stage.name} did not start: {type(error).__name__}: {error}") from error
            logger.debug("started %s", stage.name)

    async def stop(self) -> None:
        """Stop what was started, last first. A stage that fails or is late is told in `failures`, and the next one stopped."""
        while self._started:
            stage = self._started.pop()
            try:
                await asyncio.wait_for(stage.stop(), self._stop_timeout_s)
            except TimeoutError:
                self._failed(f"{stage.name} did not stop within {self._stop_timeout_s:g} s (ops.stop_timeout)")
            except Exception as error:
                logger.debug("stopping %s failed", stage.name, exc_info=True)
                self._failed(f"{stage.name} did not stop cleanly: {type(error).__name__}: {error}")
            else:
                logger.debug("stopped %s", stage.name)

    def _failed(self, message: str) -> None:
        self.failures.append(message)
        logger.error("%s", message)
