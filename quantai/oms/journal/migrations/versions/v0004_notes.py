"""Notes in the order in which they came: in a table that is its own index, one of a kilobyte took a page of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_COLUMNS = "client_order_id, sequence, ts_ns, kind, body"


def upgrade() -> None:
    """All that is there stays."""
    op.create_table(
        "new_notes",
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False, autoincrement=False),
        sa.Column("ts_ns", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.execute(f"INSERT INTO new_notes ({_COLUMNS}) SELECT {_COLUMNS} FROM notes")
    op.drop_table("notes")
    op.rename_table("new_notes", "notes")
    op.create_index("ix_notes_client_order_id", "notes", ["client_order_id"])
