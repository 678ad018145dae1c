"""What venues say that fills realized, in every durable journal, and what a restart makes of it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, select

from quantai.core.account import AccountChange, BalanceRecord, PositionRecord
from quantai.core.enums import Side
from quantai.events import FillEvent
from quantai.events.persistence import EventReader
from quantai.instruments import InstrumentCatalogue
from quantai.oms.journal import tables
from quantai.oms.journal.prune import prune
from tests.oms.journal.books import START_NS, Books, D, durable, make_journal, opened
from tests.oms.world import EVERY, PERP, World

TOLD = ("0", "-0.91539999", "1E-8", None)


async def test_what_the_venue_said_of_each_fill_is_kept_to_the_last_digit(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        order = books.submit(quantity=D(4))
        for number, told in enumerate(TOLD):
            books.fill(order, "1", f"t{number}", realized_pnl=None if told is None else D(told))
        await durable(journal)
        query = select(tables.fills.c.realized_pnl).order_by(tables.fills.c.sequence)
        kept = await journal.ask(lambda connection: list(connection.execute(query).scalars()))
        story = await journal.story(order.client_order_id)
    assert kept == ["0", "-0.91539999", "0.00000001", None]
    assert [event.body["realized_pnl"] for event in story[1:]] == ["0", "-0.91539999", "1E-8", None]


async def test_what_a_venue_did_not_pay_comes_back(url: URL) -> None:
    held = PositionRecord("alpha", "okx", PERP.symbol, D(0), D(0), D(5), D(9), (), D("-1E-12"))
    async with opened(url) as journal:
        books = Books(journal)
        books.fill(books.submit(), "1", "t1", AccountChange((held,), (BalanceRecord("okx", "USDT", D(1)),)))
    again = make_journal(url)
    recovered = await again.start()
    await again.close()
    assert recovered.account.positions == (held,)


async def test_a_restart_restores_the_portfolio_to_the_last_digit(url: URL) -> None:
    """Two strategies in one contract, and a venue that rounds, and once says nothing."""
    async with opened(url, catalogue=InstrumentCatalogue(EVERY)) as journal:
        world = World(journal=journal)
        for number, (strategy, side, price, told) in enumerate(
            [
                ("alpha", Side.BUY, "100.1", "0"), ("beta", Side.SELL, "100.7", "0.00599999"),
                ("alpha", Side.SELL, "99.9", "0"), ("beta", Side.SELL, "99.8", None),
            ]
        ):  # fmt: skip
            order = world.submit(side, "1", price, instrument=PERP, strategy=strategy)
            world.fill(order, "1", price, trade_id=f"t{number}", fee="0.0005", realized_pnl=told and D(told))
        await durable(journal)
    again = make_journal(url, catalogue=InstrumentCatalogue(EVERY))
    recovered = await again.start()
    await again.close()
    restored = World()
    restored.portfolio.restore(recovered.account)
    assert restored.portfolio.balances() == world.portfolio.balances()
    assert restored.portfolio.balance("okx", "USDT") == 1000 + D("0.00599999") - 4 * D("0.0005")
    assert set(restored.portfolio.account().positions) == set(world.portfolio.account().positions)
    assert restored.portfolio.value() == world.portfolio.value()
    made = [world.portfolio.strategy_value(name) for name in ("alpha", "beta")]
    assert world.portfolio.value().total == 2000 + sum((each.pnl for each in made if each), D(0))


async def test_the_archive_tells_it_too(sqlite_url: URL, tmp_path: Path) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        order = books.submit(quantity=D(1))
        books.fill(order, "1", "t1", realized_pnl=D("-0.91539999"))
        await durable(journal)
        assert (await prune(journal, START_NS + 10**15, tmp_path / "archive")).orders == 1
    events = [event for batch in EventReader(tmp_path / "archive" / "events").read_batches() for event in batch]
    assert [event.realized_pnl for event in events if isinstance(event, FillEvent)] == [D("-0.91539999")]
