"""What venues say that fills realized, and how far that is from what is counted here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """No fill that is there has any, so cash is as it was counted here."""
    op.add_column("fills", sa.Column("realized_pnl", sa.Text()))
    op.add_column("positions", sa.Column("unpaid_pnl", sa.Text(), nullable=False, server_default="0"))
