"""What the migrations make is what the program expects."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, create_engine, insert, select

from quantai.core.enums import OrderState, OrderType
from quantai.oms.journal import Note, NoteKind
from quantai.oms.journal.database import open_engine
from quantai.oms.journal.tables import REVISION, fills, metadata, notes, orders, positions
from tests.oms.journal.books import PERP, SPOT, D, durable, make_journal, opened


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
    engine = engine_at(url, "0001")
    with engine.connect() as connection, connection.begin():
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


async def test_fills_and_positions_of_the_second_version_come_back_as_they_were_counted_here(url: URL) -> None:
    engine = engine_at(url, "0002")
    texts = dict.fromkeys(("cause", "parent_order_id", "venue_order_id", "reason", "options"), "")
    flags = dict.fromkeys(("reduce_only", "is_parent", "is_sent", "is_accepted", "at_venue", "is_open"), False)
    with engine.connect() as connection, connection.begin():
        connection.execute(
            insert(orders).values(
                number=1, client_order_id="old", strategy="alpha", venue=PERP.venue, symbol=PERP.symbol, side="buy",
                order_type="market", quantity="1", time_in_force="GTC", ts_submitted=1, state="FILLED",
                filled_quantity="1", filled_value="100", ts_last=1, **texts, **flags,
            )
        )  # fmt: skip
        numbers = {"price": "100", "quantity": "1", "fee": "0.01", "fee_currency": "USDT"}
        connection.execute(
            insert(fills).values(
                client_order_id="old", sequence=2, trade_id="t1", liquidity="taker", ts_event=1, **numbers
            )
        )
        money = dict.fromkeys(("quantity", "cost", "realized_pnl", "traded_notional"), "1.5")
        connection.execute(
            insert(positions).values(strategy="alpha", venue=PERP.venue, symbol=PERP.symbol, fees="[]", **money)
        )
    engine.dispose()
    journal = make_journal(url)
    recovered = await journal.start()
    [row] = await journal.ask(lambda connection: list(connection.execute(select(fills))))
    await journal.close()
    assert (row.trade_id, row.fee, row.realized_pnl) == ("t1", "0.01", None)
    assert [order.trade_ids for order in recovered.orders] == [{"t1"}]
    [held] = recovered.account.positions
    assert (held.realized_pnl, held.unpaid_pnl) == (D("1.5"), D(0))


def engine_at(url: URL, revision: str) -> Engine:
    """A database with a journal of that version, which is empty."""
    if url.database and url.get_backend_name() == "sqlite":
        Path(url.database).parent.mkdir()
    engine = open_engine(make_journal(url).url, 5.0, is_writer=True)
    with engine.connect() as connection, connection.begin():
        config = migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return engine


def test_the_newest_migration_is_the_one_that_the_program_knows() -> None:
    config = migrations()
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


async def test_notes_of_the_third_version_come_back(url: URL) -> None:
    engine = engine_at(url, "0003")
    with engine.connect() as connection, connection.begin():
        connection.execute(insert(notes), [
            {"client_order_id": name, "sequence": number, "ts_ns": 7, "kind": "risk", "body": body}
            for number, (name, body) in enumerate([("b", '[{"code":"A"}]'), ("a", '{"x":1}'), ("b", "3")], 101)
        ])  # fmt: skip
    engine.dispose()
    async with opened(url) as journal:
        assert [(note.sequence, note.body) for note in await journal.story("b")] == [
            (101, {"value": [{"code": "A"}]}), (103, {"value": 3}),
        ]  # fmt: skip
        journal.note(Note("b", 9, NoteKind.RISK, [(("A", "a"), "what", D("1.0"), 2)]))
        await durable(journal)
        number = {"code": "A", "name": "a", "what": "what", "value": "1.0", "limit": 2}
        assert (await journal.story("b"))[0].body == {"value": [number]}
