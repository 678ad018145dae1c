"""What the migrations make is what the program expects."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, create_engine, insert

from quantai.core.enums import OrderState, OrderType
from quantai.oms.journal.database import open_engine
from quantai.oms.journal.tables import REVISION, metadata, orders
from tests.oms.journal.books import SPOT, D, make_journal, opened


async def test_the_migrations_make_the_tables(url: URL) -> None:
    async with opened(url) as journal:
        engine = create_engine(journal.url)
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        engine.dispose()


def migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", "quantai.oms.journal:migrations")
    return config


async def test_orders_of_the_first_version_come_back_without_options(url: URL) -> None:
    if url.database and url.get_backend_name() == "sqlite":
        Path(url.database).parent.mkdir()
    engine = open_engine(make_journal(url).url, 5.0, is_writer=True)
    with engine.connect() as connection, connection.begin():
        config = migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        texts = dict.fromkeys(("cause", "parent_order_id", "venue_order_id", "reason"), "")
        flags = dict.fromkeys(("reduce_only", "is_parent", "is_sent", "is_accepted"), False)
        connection.execute(
            insert(orders).values(
                number=1, client_order_id="old", strategy="alpha", venue=SPOT.venue, symbol=SPOT.symbol, side="buy",
                order_type="stop", quantity="1", time_in_force="GTC", ts_submitted=1, trigger_price="90",
                state="SUSPENDED", filled_quantity="0", filled_value="0", ts_last=1, is_open=True, **texts, **flags,
            )
        )  # fmt: skip
    engine.dispose()
    journal = make_journal(url)
    [old] = (await journal.start()).orders
    await journal.close()
    assert (old.client_order_id, old.order_type, old.state, old.trigger_price) == (
        "old", OrderType.STOP, OrderState.SUSPENDED, D(90),
    )  # fmt: skip
    assert (old.options, old.at_venue) == ((), False)


def test_the_newest_migration_is_the_one_that_the_program_knows() -> None:
    config = migrations()
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]
