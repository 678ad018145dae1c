"""The order journal: `store`."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Field, SecretStr, Tag

from quantai.core.params import PositiveDuration, Section

_Text = Annotated[str, Field(min_length=1)]
_ClosedOrders = Annotated[int, Field(ge=1, le=100_000_000)]


def _postgresql_url(text: str) -> str:
    """Raises `ValueError` for what is no address of a PostgreSQL database, or holds a password."""
    address = urlsplit(text)
    if "@" in text or "password" in address.query:
        raise ValueError("must not hold a user or password: give store.username, and store.password by reference")
    if address.scheme != "postgresql" or not address.path.strip("/"):
        raise ValueError("expected postgresql://host:5432/database (or postgresql:///database?host=/folder/of/socket)")
    return text


class MemoryStoreSection(Section):
    """Orders are forgotten with the process: enough for simulation and paper, refused where orders are real."""

    type: Literal["memory"]
    max_closed_orders: _ClosedOrders = 1_000_000
    """Closed orders kept in memory; the oldest are forgotten first, and counted."""


class _DurableStoreSection(Section):
    timeout: PositiveDuration = 2_000_000_000
    """New orders are denied while nothing became durable for so long; also how long a lock is waited for."""
    max_waiting: Annotated[int, Field(ge=100, le=10_000_000)] = 100_000
    """Entries that wait while the database is away. Submissions, denials and notes only get the first half; beyond
    the whole, entries are dropped, counted and told, and the books must be compared with the venues."""
    max_closed_orders: _ClosedOrders = 10_000
    """Closed orders kept in memory, and read at start; older ones are looked up in the journal."""
    keep: PositiveDuration | None = None
    """Closed orders of which nothing was heard for so long may be pruned; null keeps all."""
    archive: _Text | None = None
    """A folder or URI that pruned orders go to first, as Parquet; null only deletes them."""


class SqliteStoreSection(_DurableStoreSection):
    """A file on a local disk: the embedded default."""

    type: Literal["sqlite"]
    path: _Text = "state/journal.db"
    """The file, relative to the working directory; its folder is made. Not on a network file system."""


class PostgresqlStoreSection(_DurableStoreSection):
    """A PostgreSQL database of its own."""

    type: Literal["postgresql"]
    url: Annotated[str, AfterValidator(_postgresql_url)] = "postgresql://127.0.0.1:5432/quantai"
    """`postgresql://host:port/database`, with libpq's options such as `?sslmode=verify-full`; never with a password in
    it."""
    username: _Text = "quantai"
    """The role, which owns the database or may create tables in it."""
    password: SecretStr | None = None
    """A reference such as `${oc.env:POSTGRESQL_PASSWORD}` or `${credential:postgresql_password}`, never the password
    itself."""


def _store_type(value: Any) -> Any:
    return value.get("type") if isinstance(value, dict) else getattr(value, "type", None)


DurableStoreSection = SqliteStoreSection | PostgresqlStoreSection
StoreSection = Annotated[
    Annotated[MemoryStoreSection, Tag("memory")]
    | Annotated[SqliteStoreSection, Tag("sqlite")]
    | Annotated[PostgresqlStoreSection, Tag("postgresql")],
    Discriminator(_store_type),
]
