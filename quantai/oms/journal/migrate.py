"""Which schema a journal has, and how it gets the newest."""

from __future__ import annotations

import logging

from sqlalchemy import Connection, inspect, text

from quantai.core.errors import StartupError
from quantai.oms.journal.tables import REVISION


def revision_of(connection: Connection) -> str:
    """The revision of the journal; empty where there is none yet."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def is_newer(revision: str) -> bool:
    """Whether a journal of that revision was written by a QuantAI newer than this one."""
    return bool(revision) and not (revision.isdigit() and int(revision) <= int(REVISION))


def migrate(connection: Connection) -> None:
    """Bring the journal to the newest schema, in the transaction that is open. Raises `StartupError` where it has a
    newer one.
    """
    revision = revision_of(connection)
    if is_newer(revision):
        raise StartupError(
            f"the order journal {connection.engine.url!r} has schema {revision}, this QuantAI knows {REVISION}: a "
            "newer one wrote it, upgrade here too"
        )
    if revision == REVISION:
        return
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it has a line on every step, beginning with its import
    # Alembic takes a while to import: only those wait for it who have something to migrate.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "quantai.oms.journal:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
