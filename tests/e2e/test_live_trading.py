"""`mode=live_trading` at a venue that outlives it: the daemon is killed before and after it sends and restarted."""

from __future__ import annotations

import signal
import sqlite3
from decimal import Decimal

import pytest

from quantai.oms.journal.reader import JournalReader
from tests.e2e.live_venue import START, VenueServer
from tests.e2e.process import Daemon, summary_of

TRADER = """
from quantai.strategy import BaseStrategy

class Trader(BaseStrategy):
    ticks = 0

    def on_tick(self, tick):
        self.ticks += 1
        if self.ticks % 3 == 0:
            self.sell(tick.symbol, 0.01) if self.position(tick.symbol) >= 0.05 else self.buy(tick.symbol, 0.01)
        if self.ticks % 5 == 0 and len(self.open_orders) < 5:
            self.buy(tick.symbol, 0.01, round(tick.bid_price * 0.97, 2))
"""
CONFIG = (
    "mode=live_trading", "store=sqlite", "exchanges=[]", "instruments=[]", "strategies=[]", "portfolio=none",
    "instruments.btc={venue: live, symbol: BTC/USDT, tick_size: 0.01, lot_size: 0.001}",
    "strategies.trader={_target_: strategies.trader.Trader, instruments: [btc]}",
    "risk.checks.price_validity.band=90%", "reconciliation.settle=200ms", "reconciliation.backoff=100ms",
)  # fmt: skip


def exchange(venue: VenueServer, **more: int) -> str:
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    target = "tests.e2e.live_exchange.LiveExchange"
    return f"exchanges.live={{_target_: {target}, assets: {{BTC: {{start_price: 100}}}}, port: {venue.port}{rest}}}"


def journal(daemon: Daemon) -> JournalReader:
    return JournalReader(f"sqlite:///{daemon.folder / 'state' / 'journal.db'}")


def fills(daemon: Daemon) -> list[tuple[str, str]]:
    with sqlite3.connect(daemon.folder / "state" / "journal.db") as database:
        return sorted(database.execute("SELECT client_order_id, trade_id FROM fills").fetchall())


def stop(daemon: Daemon, venue: VenueServer, orders: int) -> None:
    """Let it trade until the venue has so many orders, then stop it as systemd does."""
    running = daemon.start(*CONFIG, exchange(venue))
    running.until_true(lambda: len(venue.orders) >= orders)
    running.send(signal.SIGTERM)
    ended = running.wait()
    assert ended.status == 0, ended.err


@pytest.mark.parametrize("death", ["die_before", "die_after"])
def test_a_daemon_killed_at_a_send_loses_nothing_and_doubles_nothing(daemon: Daemon, death: str) -> None:
    daemon.write("strategies/trader.py", TRADER)
    with VenueServer() as venue:
        for count in (1, 4, 7):
            assert daemon.run(*CONFIG, exchange(venue, **{death: count})).status == -signal.SIGKILL
        stop(daemon, venue, len(venue.orders) + 5)
        kept = {order.client_order_id: order for order in journal(daemon).orders(limit=10_000)}
        assert venue.duplicates == []
        assert set(venue.orders) <= set(kept)
        assert fills(daemon) == sorted((fill["id"], fill["trade_id"]) for fill in venue.fills)
        for name, order in kept.items():
            theirs = venue.orders.get(name)
            if theirs is None:  # killed, or stopped, while it was on its way to the disk
                assert order.state == "REJECTED" or order.reason == "it was cancelled before it was sent", name
            else:
                assert order.state == theirs["state"], name
        account = journal(daemon).account()
        assert {each.currency: each.amount for each in account.balances} == venue.balances
        held = sum(each.quantity for each in account.positions)
        assert held == venue.balances["BTC"] - START["BTC"]
        stop(daemon, venue, len(venue.orders) + 1)
        assert venue.duplicates == []
        before = {name: (order.state, order.filled_quantity) for name, order in kept.items()}
        after = {order.client_order_id: order for order in journal(daemon).orders(limit=10_000)}
        assert {name: (after[name].state, after[name].filled_quantity) for name in before} == before


def test_what_a_daemon_says_on_its_orders_is_what_the_venue_holds(daemon: Daemon) -> None:
    daemon.write("strategies/trader.py", TRADER)
    with VenueServer() as venue:
        stop(daemon, venue, 10)
        held = {each.currency: each.amount for each in journal(daemon).account().balances}
        assert held == venue.balances
        assert held["USDT"] < START["USDT"]
        assert held["BTC"] > Decimal(0)
        assert all(order["state"] != "NEW" for order in venue.orders.values())
        [folder] = daemon.folder.glob("runs/*/*")
        assert Decimal(summary_of(folder)["starting_equity"]) == START["USDT"]  # what was found there is no profit
