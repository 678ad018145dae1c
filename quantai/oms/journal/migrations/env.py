"""Run by Alembic: migrates over the connection that it was given, in the transaction that is open there."""

from __future__ import annotations

from alembic import context

from quantai.oms.journal.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
