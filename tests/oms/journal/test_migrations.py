"""What the migrations make is what the program expects."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, create_engine

from quantai.oms.journal.tables import REVISION, metadata
from tests.oms.journal.books import opened


async def test_the_migrations_make_the_tables(url: URL) -> None:
    async with opened(url) as journal:
        engine = create_engine(journal.url)
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        engine.dispose()


def test_the_newest_migration_is_the_one_that_the_program_knows() -> None:
    config = Config()
    config.set_main_option("script_location", "quantai.oms.journal:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]
