"""Publishing from a task of its own."""

from __future__ import annotations

import asyncio

from quantai.events import Event
from quantai.events.bus import EventBus


def publish_in_task(bus: EventBus, event: Event) -> asyncio.Task[None]:
    """A task that publishes `event` when it gets its turn."""

    async def publish() -> None:
        await bus.publish(event)

    return asyncio.create_task(publish())
