"""What the configuration says about the Redis bus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from quantai.core.errors import ConfigError
from quantai.events.bus.redis.streams import MAX_EVENTS

_SCHEMES = ("redis", "rediss", "unix")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSettings:
    """Where Redis is, what goes there and what comes back. Raises `ConfigError` for what makes no sense."""

    url: str = "redis://127.0.0.1:6379/0"
    """`redis://host:port/db`, `rediss://...` for TLS, `unix:///path/of/socket`; never with a password in it."""
    name: str = "quantai"
    """Of the bus: processes of one name hear each other. Every key in Redis begins with it."""
    publish: tuple[str, ...] = ("*",)
    """Patterns of the topics that other processes get."""
    receive: tuple[str, ...] = ("*",)
    """Patterns of the topics that are taken from other processes, where anybody subscribes."""
    group: str = ""
    """The consumer group of this process, its own: two processes in one group would get half of the events each."""
    resume: bool = False
    """Go on where `group` was when its last process ended; else only what is published from now on comes."""
    username: str = ""
    password: SecretStr | None = None
    ca_file: Path | None = None
    """Certificates to trust with `rediss`; None: those of the machine."""
    batch_size: int = 512
    """At most so many events travel in one stream entry."""
    linger_ns: int = 1_000_000
    """How long an event waits for others to travel with."""
    max_backlog: int = 500_000
    """Events of one stream that wait while Redis is away; the oldest go."""
    max_entries: int = 100_000
    """Entries that a stream keeps, roughly."""
    max_age_ns: int = 3_600_000_000_000
    """How long a stream keeps an entry, roughly."""
    timeout_ns: int = 5_000_000_000
    """How long Redis may take to answer before the connection counts as lost."""
    close_timeout_ns: int = 10_000_000_000
    """How long closing waits for Redis to take what was published."""

    def __post_init__(self) -> None:
        address = urlsplit(self.url)
        if "@" in self.url:
            raise ConfigError("bus.url must not hold a user or password: give bus.username and bus.password")
        if address.scheme not in _SCHEMES or not (address.hostname or address.path.strip("/")):
            raise ConfigError(
                f"bus.url must be like redis://host:6379/0, rediss://... or unix:///path, not {self.url!r}"
            )
        if self.ca_file is not None and address.scheme != "rediss":
            raise ConfigError(f"bus.ca_file is for TLS: bus.url must begin with rediss://, not {self.url!r}")
        if not self.name:
            raise ConfigError("bus.name must not be empty: it names the streams in Redis")
        if self.resume and not self.group:
            raise ConfigError("bus.resume needs bus.group, a name of this process that no other process uses")
        for field in ("batch_size", "linger_ns", "max_backlog", "max_entries", "max_age_ns", "timeout_ns"):
            if getattr(self, field) < 1:
                raise ConfigError(f"bus.{field} must be at least 1, not {getattr(self, field)}")
        if self.batch_size > MAX_EVENTS:
            raise ConfigError(f"bus.batch_size must be at most {MAX_EVENTS}, not {self.batch_size}")

    def key(self, of: str) -> str:
        """The key in Redis of a stream of this bus."""
        return f"{self.name}:{of}"
