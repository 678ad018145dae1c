"""What an order says that only its venue knows, and stops that rest there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """No order that is there has any."""
    op.add_column("orders", sa.Column("options", sa.Text(), nullable=False, server_default=""))
    op.add_column("orders", sa.Column("at_venue", sa.Boolean(), nullable=False, server_default=sa.false()))
