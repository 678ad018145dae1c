"""«Add a venue in a day» works as written: its code is taken from the page, and trades."""

from __future__ import annotations

import importlib
import re
import signal
import sqlite3
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from quantai.events import TickEvent, TradeEvent
from quantai.events.persistence import EventReader
from quantai.loopback.dialects import DIALECTS
from quantai.loopback.engine import SpotAccount
from quantai.loopback.server.faults import Fault, FaultKind
from quantai.loopback.server.venue import LoopbackVenue
from quantai.oms.journal.reader import JournalReader
from tests.docs.test_docs import ROOT, blocks
from tests.e2e.process import Daemon, Running
from tests.venues.contract.all_cards import CARDS
from tests.venues.contract.stage import stage
from tests.venues.contract.venue import VenueUnderTest
from tests.venues.running import BALANCES, KEY, SECRET, venue_in_thread

TRADER = """
from quantai.strategy import BaseStrategy

class Trader(BaseStrategy):
    ticks = 0

    def on_tick(self, tick):
        self.ticks += 1
        if self.ticks % 2 == 0:
            self.sell(tick.symbol, 0.01) if self.position(tick.symbol) >= 0.05 else self.buy(tick.symbol, 0.01)
        if self.ticks % 3 == 0 and len(self.open_orders) < 5:
            self.buy(tick.symbol, 0.01, round(tick.bid_price * 0.97, 2))
"""
PAGE = ROOT / "CONTRIBUTING.md"
_NAME = re.compile(r"# ((?:pocket|my_conf)/\S+)\n")


def write_files(folder: Path) -> None:
    """Every file that the section names in its first line."""
    for block in [*blocks(PAGE, "python"), *blocks(PAGE, "yaml")]:
        named = _NAME.match(block)
        if named is not None:
            file = folder / named[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block, encoding="utf-8")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder with the package `pocket` and its configuration, importable, its dialect among those there are."""
    folder = tmp_path_factory.mktemp("pocket")
    write_files(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setitem(DIALECTS, "pocket", importlib.import_module("pocket.loopback").PocketLoopback)
        yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "pocket"]:
        del sys.modules[name]


def pocket() -> VenueUnderTest:
    """Step 8."""
    return VenueUnderTest(
        name="pocket",
        exchange=importlib.import_module("pocket.exchange").Pocket,
        symbols=("BTC/USDT", "ETH/USDT"),
        balances={"USDT": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(10)},
        venue_symbol=lambda symbol: symbol.replace("/", ""),
        requests={
            "submit": "POST /orders",
            "cancel": "DELETE /orders",
            "amend": "PUT /orders",
            "missed_trades": "GET /trades",
        },
        streams={"trade": "trades:{}", "tick": "best:{}"},
        private_fill="private:trade",
        no_private_stream=Fault(FaultKind.ERROR_BEFORE, match="POST /tokens", count=1_000),
        budgets=("REQUESTS", "REQUESTS"),
        facts=frozenset({"amend to any price and quantity"}),
        params={"quick refresh": {"refresh": "50ms"}},
    )


# What Pocket does not have, so that cards which every venue of its capabilities could be asked do not apply to it.
BEYOND = {
    "E23": "nothing follows the frame that is held back",
    "E65": "no request cancels all",
    "E93": "orders have no limit of their own",
    "E117": "no stops",
}


@pytest.mark.parametrize("part", ["D", "E"])
async def test_the_venue_fulfils_the_contract(package: Path, part: str) -> None:
    venue = pocket()
    cards = [card for card in CARDS.values() if card.id[0] == part and not card.lacking(venue)]
    assert len(cards) > 5
    for card in cards:
        if card.id in BEYOND:
            continue
        try:
            async with stage(venue) as made:
                await card.run(made)
        except BaseException as error:
            error.add_note(f"card {card.id}: {card.title}")
            raise


def commands() -> list[list[str]]:
    """The two daemons of the section, each as its arguments."""
    section = PAGE.read_text(encoding="utf-8").partition("## Add a venue in a day")[2].partition("\n## ")[0]
    return [line.split() for line in re.findall(r"^\$ quantai-daemon (.+)$", section, re.MULTILINE)]


@pytest.fixture
def ready(package: Path, daemon: Daemon) -> Iterator[tuple[Daemon, LoopbackVenue, str]]:
    """A daemon where the files are, a loopback venue with a market that moves, and where that is."""
    write_files(daemon.folder)
    daemon.environment = {"POCKET_KEY": KEY, "POCKET_SECRET": SECRET}
    with venue_in_thread("pocket", source_of=None, balances=BALANCES) as venue:
        hosts = venue.dialect.hosts(venue.address)
        yield daemon, venue, f"exchanges.pocket.hosts={{rest: '{hosts['rest']}', streams: '{hosts['streams']}'}}"


def events_so_far(daemon: Daemon) -> int:
    """What the status lines in the log of the only run say."""
    logs = [file.read_text(encoding="utf-8") for file in daemon.folder.glob("runs/*/*/daemon.log")]
    return max(
        (int(number.replace(",", "")) for log in logs for number in re.findall(r"([\d,]+) events", log)), default=0
    )


def stop(running: Running) -> None:
    running.send(signal.SIGTERM)
    ended = running.wait()
    assert ended.status == 0, ended.err


def test_the_recorder_keeps_what_the_venue_streams(ready: tuple[Daemon, LoopbackVenue, str]) -> None:
    daemon, _, hosts = ready
    running = daemon.start(*commands()[0], hosts, "schedule.status.every=200ms", "recorder.flush_interval=100ms")
    running.until_true(lambda: events_so_far(daemon) > 5)
    stop(running)
    store = EventReader(daemon.folder / "store")
    events = [event for batch in store.read_batches(types={"trade", "tick"}) for event in batch]
    kept = [event for event in events if isinstance(event, TradeEvent | TickEvent)]
    assert {type(event) for event in kept} == {TradeEvent, TickEvent}
    assert {(event.venue, event.symbol) for event in kept} == {("pocket", "BTC/USDT")}


def test_the_daemon_trades_there_and_its_books_are_the_venues(ready: tuple[Daemon, LoopbackVenue, str]) -> None:
    daemon, venue, hosts = ready
    daemon.write("pocket_trader.py", TRADER)
    trader = "strategies.trader={_target_: pocket_trader.Trader, instruments: [pocket_btc_usdt]}"
    running = daemon.start(*commands()[1], hosts, trader, "reconciliation.settle=200ms")
    account = venue.engine.accounts["main"]
    running.until_true(lambda: len(account.fills) >= 3)
    stop(running)
    kept = JournalReader(f"sqlite:///{daemon.folder / 'state' / 'journal.db'}")
    theirs = [(order.client_id, str(fill.trade_id)) for order, fill in account.fills]
    with sqlite3.connect(daemon.folder / "state" / "journal.db") as database:
        assert sorted(database.execute("SELECT client_order_id, trade_id FROM fills")) == sorted(theirs)
    assert not any(account.open_orders.values())
    held = {balance.currency: balance.amount for balance in kept.account().balances}
    assert isinstance(account, SpotAccount)
    assert {code: balance.total for code, balance in account.balances.items() if code in held} == held
