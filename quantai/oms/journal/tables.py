"""The tables of a journal. Money is exact text, times are nanoseconds UTC, bodies are JSON.

A change here needs a script in `migrations/versions` and a new `REVISION`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, Table, Text, false, text

REVISION = "0004"
"""The newest migration: revisions are numbers that grow."""

INCOMPLETE = "journal_incomplete"
"""The setting that tells that something was lost, and when: the books must be compared with the venues."""

_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite's row number must be called INTEGER

metadata = MetaData()


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _maybe_text(name: str) -> Column[str | None]:
    return Column(name, Text)


def _time(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


runs = Table(
    "runs",
    metadata,
    Column("run_id", _NUMBER, primary_key=True, autoincrement=False),
    _time("started_ns"),
    Column("ended_ns", BigInteger),
    _time("last_entry"),
)

orders = Table(
    "orders",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=False),
    Column("client_order_id", Text, nullable=False, unique=True),
    _text("strategy"),
    _text("venue"),
    _text("symbol"),
    _text("side"),
    _text("order_type"),
    _text("quantity"),
    _maybe_text("price"),
    _text("time_in_force"),
    _text("cause"),
    _time("ts_submitted"),
    _maybe_text("trigger_price"),
    _flag("reduce_only"),
    _text("parent_order_id"),
    _flag("is_parent"),
    _text("state"),
    _text("venue_order_id"),
    _flag("is_sent"),
    _flag("is_accepted"),
    _text("filled_quantity"),
    _text("filled_value"),
    _time("ts_last"),
    _text("reason"),
    _maybe_text("change_quantity"),
    _maybe_text("change_price"),
    _flag("is_open"),
    Column("options", Text, nullable=False, server_default=""),
    Column("at_venue", Boolean, nullable=False, server_default=false()),
)
Index("orders_open", orders.c.number, sqlite_where=text("is_open"), postgresql_where=text("is_open"))
Index(
    "orders_parent",
    orders.c.parent_order_id,
    sqlite_where=text("parent_order_id != ''"),
    postgresql_where=text("parent_order_id != ''"),
)

order_events = Table(
    "order_events",
    metadata,
    Column("client_order_id", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    _time("ts_ns"),
    _text("kind"),
    _text("body"),
    sqlite_with_rowid=False,
)

notes = Table(
    "notes",
    metadata,
    Column("client_order_id", Text, nullable=False, index=True),
    Column("sequence", _NUMBER, primary_key=True, autoincrement=False),
    _time("ts_ns"),
    _text("kind"),
    _text("body"),
)

fills = Table(
    "fills",
    metadata,
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    _text("trade_id"),
    _text("price"),
    _text("quantity"),
    _text("fee"),
    _text("fee_currency"),
    _text("liquidity"),
    _time("ts_event"),
    _maybe_text("realized_pnl"),
    sqlite_with_rowid=False,
)
Index(
    "fills_once",
    fills.c.client_order_id,
    fills.c.trade_id,
    unique=True,
    sqlite_where=text("trade_id != ''"),
    postgresql_where=text("trade_id != ''"),
)

venue_ids = Table(
    "venue_ids",
    metadata,
    Column("venue", Text, primary_key=True),
    Column("venue_order_id", Text, primary_key=True),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False, index=True),
    sqlite_with_rowid=False,
)

positions = Table(
    "positions",
    metadata,
    Column("strategy", Text, primary_key=True),
    Column("venue", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    _text("quantity"),
    _text("cost"),
    _text("realized_pnl"),
    _text("traded_notional"),
    _text("fees"),
    Column("unpaid_pnl", Text, nullable=False, server_default="0"),
)

balances = Table(
    "balances",
    metadata,
    Column("venue", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    _text("amount"),
)

settings = Table("settings", metadata, Column("key", Text, primary_key=True), _text("value"))

account_events = Table(
    "account_events",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    _time("ts_ns"),
    _text("kind"),
    _text("body"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    _time("ts_ns"),
    _text("entry"),
    _text("error"),
)

archiving = Table(
    "archiving",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=False),
    _time("ts_last"),
    _flag("is_written"),
)
