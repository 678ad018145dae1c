"""Event buses: one contract (`base`), one implementation a module."""

from quantai.events.bus.base import EventBus, Handler, Overflow, QueuePolicy, Subscription
from quantai.events.bus.memory import MemoryEventBus

__all__ = ["EventBus", "Handler", "MemoryEventBus", "Overflow", "QueuePolicy", "Subscription"]
