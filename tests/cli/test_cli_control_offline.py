"""The commands that look into a daemon, where only its journal is left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from quantai.cli import run
from quantai.core.account import AccountChange, PositionRecord
from quantai.core.clock import SimulatedClock
from quantai.core.enums import TradingState
from quantai.events import Event
from quantai.exchanges.execution import ExecType
from quantai.instruments import InstrumentCatalogue
from quantai.oms.journal import Note, NoteKind
from quantai.oms.journal.sql import SqlJournal
from quantai.oms.risk.states import SETTING
from tests.oms.world import EVERY, START_NS
from tests.ops.control.world import WHO, Controlled

D = Decimal
HELD = PositionRecord("alpha", "binance", "BTC/USDT", D("0.5"), D(50), D(0), D(50))


@dataclass
class Left:
    """What a daemon left in its journal: an open order, a cancelled one, and a halt."""

    open_id: str
    canceled_id: str


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for the journal's thread."""
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.001)


async def leave(path: str) -> Left:
    """Run the trading half of a daemon for a while, with a journal at `path`, and end it."""
    told: list[Event] = []
    journal = SqlJournal(
        f"sqlite:///{path}", SimulatedClock(START_NS), InstrumentCatalogue(EVERY), on_event=told.append
    )
    await journal.start()
    world = Controlled(journal)
    canceled, left_open = world.submit(), world.submit(price="99")
    await until(lambda: canceled.is_sent and left_open.is_sent)
    for order in (canceled, left_open):
        world.report(order, ExecType.NEW, venue_order_id=f"v-{order.client_order_id}")
    world.report(canceled, ExecType.CANCELED, reason="end of day")
    journal.note(Note(canceled.client_order_id, START_NS, NoteKind.ROUTE, {"reason": "the only venue"}))
    journal.book(world.events[-1], AccountChange((HELD,)))
    await world.control.set_state(TradingState.HALTED, "beta", "drill", WHO)
    journal.put(SETTING, world.settings[SETTING])
    await journal.close()
    return Left(left_open.client_order_id, canceled.client_order_id)


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Left:
    """A journal where `store=sqlite` has it."""
    monkeypatch.chdir(tmp_path)
    Path("state").mkdir()
    return asyncio.run(leave("state/journal.db"))


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert run(arguments) == status
    told = capsys.readouterr()
    return told.out + told.err


def test_orders_are_read_from_the_journal_and_that_is_told(left: Left, capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "orders")
    assert "no daemon is running (no daemon listens at state/control.sock): read from the journal" in told
    assert "1 open order, told by state/journal.db" in told
    assert left.open_id in told
    assert left.canceled_id not in told
    everything = json.loads(printed(capsys, "orders", "--all", "--json", "store=sqlite"))
    assert [order["client_order_id"] for order in everything["orders"]] == [left.canceled_id, left.open_id]
    assert everything["source"] == "state/journal.db"


def test_a_story_is_told_from_the_journal(left: Left, capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "explain", left.canceled_id)
    lines = told.splitlines()
    assert lines[1].split() == [left.canceled_id, "CANCELED"]
    assert "reason: end of day" in told
    assert "the only venue" in told
    whats = [line.split()[1] for line in lines if line.startswith("10:00:00")]
    assert [what for what in whats if what not in ("risk", "report")] == ["submitted", "accepted", "canceled", "route"]


def test_status_and_refusals_tell_what_the_next_start_will_find(left: Left, capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "status", status=3)
    for expected in ("beta is HALTED since", f"drill, by {WHO}", "1 open order, 1 position not flat", "alpha", "0.5"):
        assert expected in told
    kept = json.loads(printed(capsys, "status", "--json", status=3))
    assert (kept["open_orders"], kept["positions"][0]["quantity"]) == (1, "0.5")
    refused = printed(capsys, "halt", status=3)
    assert "beta is HALTED since" in refused
    assert "nothing was done, only a running daemon can do that" in refused


def test_a_journal_that_is_named_is_read_where_it_is(left: Left, capsys: pytest.CaptureFixture[str]) -> None:
    Path("state").rename("elsewhere")
    assert "keeps no journal" in printed(capsys, "orders", status=3)
    assert left.open_id in printed(capsys, "orders", "store=sqlite", "store.path=elsewhere/journal.db")
    assert "no order journal at" in printed(capsys, "orders", "store=sqlite", status=3)


def test_a_database_that_cannot_be_reached_is_told_without_its_password(
    left: Left, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRESQL_PASSWORD", "s3cr3t")
    told = printed(capsys, "orders", "store=postgresql", "store.url=postgresql://127.0.0.1:1/none", status=3)
    assert "127.0.0.1:1/none" in told
    assert "s3cr3t" not in told
