"""Builds the event bus: inside this process, or with what connects it to others around it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from quantai.config import Config
from quantai.config.schema import RedisBusSection
from quantai.core.clock import Clock
from quantai.events.bus import EventBus, MemoryEventBus


@runtime_checkable
class Connecting(Protocol):
    """A bus that has to connect before anybody uses it."""

    async def start(self) -> None:
        """Connect. Raises `StartupError`."""


def build_bus(config: Config, clock: Clock) -> EventBus:
    """The bus that the configuration asks for, not connected yet."""
    local = MemoryEventBus(clock, config.bus.queue_limit)
    return _redis_bus(config, config.bus, local, clock) if isinstance(config.bus, RedisBusSection) else local


def _redis_bus(config: Config, section: RedisBusSection, local: MemoryEventBus, clock: Clock) -> EventBus:
    # Redis's client takes a while to import: only those wait for it who use it.
    from quantai.events.bus.redis import RedisEventBus, RedisSettings

    settings = RedisSettings(
        url=section.url,
        name=section.name,
        publish=tuple(section.publish),
        receive=tuple(section.receive),
        group=section.group or "",
        resume=section.resume,
        username=section.username or "",
        password=section.password,
        ca_file=Path(section.ca_file) if section.ca_file else None,
        batch_size=section.batch_size,
        linger_ns=section.linger,
        max_backlog=section.max_backlog,
        max_entries=section.max_entries,
        max_age_ns=section.max_age,
        timeout_ns=section.timeout,
        close_timeout_ns=config.ops.stop_timeout // 2,
    )
    return RedisEventBus(local, settings, clock)
