"""The event bus over Redis Streams: one bus for daemons in several processes and on several hosts."""

from quantai.events.bus.redis.bus import RedisEventBus
from quantai.events.bus.redis.counters import RedisCounters
from quantai.events.bus.redis.settings import RedisSettings

__all__ = ["RedisCounters", "RedisEventBus", "RedisSettings"]
