"""The tables of the first version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_IS_OPEN = sa.text("is_open")
_IS_CHILD = sa.text("parent_order_id != ''")
_HAS_ID = sa.text("trade_id != ''")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, autoincrement=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "account_events",
        _integer("sequence"),
        _integer("ts_ns"),
        _text("kind"),
        _text("body"),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_table(
        "archiving", _number("number"), _integer("ts_last"), _flag("is_written"), sa.PrimaryKeyConstraint("number")
    )
    op.create_table(
        "balances", _text("venue"), _text("currency"), _text("amount"), sa.PrimaryKeyConstraint("venue", "currency")
    )
    op.create_table(
        "notes",
        _text("client_order_id"),
        _integer("sequence"),
        _integer("ts_ns"),
        _text("kind"),
        _text("body"),
        sa.PrimaryKeyConstraint("client_order_id", "sequence"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "order_events",
        _text("client_order_id"),
        _integer("sequence"),
        _integer("ts_ns"),
        _text("kind"),
        _text("body"),
        sa.PrimaryKeyConstraint("client_order_id", "sequence"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "orders",
        _number("number"),
        _text("client_order_id"),
        _text("strategy"),
        _text("venue"),
        _text("symbol"),
        _text("side"),
        _text("order_type"),
        _text("quantity"),
        sa.Column("price", sa.Text()),
        _text("time_in_force"),
        _text("cause"),
        _integer("ts_submitted"),
        sa.Column("trigger_price", sa.Text()),
        _flag("reduce_only"),
        _text("parent_order_id"),
        _flag("is_parent"),
        _text("state"),
        _text("venue_order_id"),
        _flag("is_sent"),
        _flag("is_accepted"),
        _text("filled_quantity"),
        _text("filled_value"),
        _integer("ts_last"),
        _text("reason"),
        sa.Column("change_quantity", sa.Text()),
        sa.Column("change_price", sa.Text()),
        _flag("is_open"),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("client_order_id"),
    )
    op.create_index("orders_open", "orders", ["number"], sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN)
    op.create_index("orders_parent", "orders", ["parent_order_id"], sqlite_where=_IS_CHILD, postgresql_where=_IS_CHILD)
    op.create_table(
        "positions",
        _text("strategy"),
        _text("venue"),
        _text("symbol"),
        _text("quantity"),
        _text("cost"),
        _text("realized_pnl"),
        _text("traded_notional"),
        _text("fees"),
        sa.PrimaryKeyConstraint("strategy", "venue", "symbol"),
    )
    op.create_table(
        "quarantine",
        _integer("sequence"),
        _integer("ts_ns"),
        _text("entry"),
        _text("error"),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_table(
        "runs",
        _number("run_id"),
        _integer("started_ns"),
        sa.Column("ended_ns", sa.BigInteger(), nullable=True),
        _integer("last_entry"),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_table("settings", _text("key"), _text("value"), sa.PrimaryKeyConstraint("key"))
    op.create_table(
        "fills",
        _text("client_order_id"),
        _integer("sequence"),
        _text("trade_id"),
        _text("price"),
        _text("quantity"),
        _text("fee"),
        _text("fee_currency"),
        _text("liquidity"),
        _integer("ts_event"),
        sa.ForeignKeyConstraint(["client_order_id"], ["orders.client_order_id"]),
        sa.PrimaryKeyConstraint("client_order_id", "sequence"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "fills_once",
        "fills",
        ["client_order_id", "trade_id"],
        unique=True,
        sqlite_where=_HAS_ID,
        postgresql_where=_HAS_ID,
    )
    op.create_table(
        "venue_ids",
        _text("venue"),
        _text("venue_order_id"),
        _text("client_order_id"),
        sa.ForeignKeyConstraint(["client_order_id"], ["orders.client_order_id"]),
        sa.PrimaryKeyConstraint("venue", "venue_order_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_venue_ids_client_order_id", "venue_ids", ["client_order_id"])
