"""How events travel, inside the process and between processes: `bus`, `gateway`."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Field, SecretStr, Tag

from quantai.core.params import Name, PositiveDuration, Section

QueueLimit = Annotated[int, Field(ge=1, le=100_000_000)]
Pattern = Annotated[str, Field(min_length=1)]


def _redis_url(text: str) -> str:
    """Raises `ValueError` for what is no address of a Redis, or holds a password."""
    address = urlsplit(text)
    if "@" in text:
        raise ValueError("must not hold a user or password: give bus.username, and bus.password by reference")
    if address.scheme not in ("redis", "rediss", "unix") or not (address.hostname or address.path.strip("/")):
        raise ValueError("expected redis://host:6379/0, rediss://host:6379/0 (TLS) or unix:///path")
    return text


class MemoryBusSection(Section):
    """Events stay in this process."""

    type: Literal["memory"]
    queue_limit: QueueLimit = 65_536
    """Events that may wait behind the one being handled; a handler that publishes more gets an error."""


class RedisBusSection(Section):
    """Events also go to every process, on any host, whose bus has the same name in the same Redis."""

    type: Literal["redis"]
    url: Annotated[str, AfterValidator(_redis_url)] = "redis://127.0.0.1:6379/0"
    """`redis://host:port/db`, `rediss://...` for TLS, `unix:///path/of/socket`; never with a password in it."""
    username: str | None = None
    """The user of Redis's access lists."""
    password: SecretStr | None = None
    """A reference such as `${oc.env:REDIS_PASSWORD}` or `${credential:redis_password}`, never the password itself."""
    ca_file: Annotated[str, Field(min_length=1)] | None = None
    """Certificates to trust with `rediss`, in a PEM file; those of the machine where not given."""
    name: Name = "quantai"
    """Of the bus: processes with the same name hear each other."""
    publish: list[Pattern] = ["*"]
    """Patterns of the topics that other processes get; a topic should have one process that publishes it."""
    receive: list[Pattern] = ["*"]
    """Patterns of the topics that are taken from other processes, where anything here wants them."""
    group: Name | None = None
    """The consumer group of this process; no other process may use the same."""
    resume: bool = False
    """Go on where `group` was when its last process ended; else only what is published from now on comes."""
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 512
    """Events that travel in one stream entry at most."""
    linger: PositiveDuration = 1_000_000
    """How long an event waits for others to travel with."""
    max_backlog: Annotated[int, Field(ge=1, le=100_000_000)] = 500_000
    """Events of a stream that wait while Redis is away; beyond that the oldest are dropped, counted and told as a
    gap."""
    max_entries: Annotated[int, Field(ge=1)] = 100_000
    """Entries that a stream keeps in Redis, roughly."""
    max_age: PositiveDuration = 3_600_000_000_000
    """How long a stream keeps an entry, roughly."""
    timeout: PositiveDuration = 5_000_000_000
    """How long Redis may take to answer before the connection counts as lost."""
    queue_limit: QueueLimit = 65_536
    """As for `memory`."""


def _bus_type(value: Any) -> Any:
    return value.get("type") if isinstance(value, dict) else getattr(value, "type", None)


BusSection = Annotated[
    Annotated[MemoryBusSection, Tag("memory")] | Annotated[RedisBusSection, Tag("redis")], Discriminator(_bus_type)
]


class GatewaySection(Section):
    """Orders between daemons: what the one that executes demands, and how the one that asks behaves."""

    serve: bool = False
    """Execute the orders of `strategies` that run in other daemons; none runs in this one then."""
    max_command_age: PositiveDuration = 5_000_000_000
    """An order request that arrives later than this, or whose cause is older, is denied. The hosts' clocks must agree
    to well within it."""
    strategy_timeout: PositiveDuration = 10_000_000_000
    """The open orders of a strategy that gives no sign of life for so long are cancelled."""
    heartbeat: PositiveDuration = 1_000_000_000
    """How often strategies give a sign of life, where their orders are executed elsewhere."""
    answer_timeout: PositiveDuration = 6_000_000_000
    """After so long an order request without an answer is `UNKNOWN`, and asked again; more than `max_command_age`."""
