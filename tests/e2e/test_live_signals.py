"""SIGTERM while a live daemon comes up, at the moments that matter: it stops in order, and nothing is lost or left."""

from __future__ import annotations

import asyncio
import signal
import threading

from quantai.oms.journal.reader import JournalReader
from tests.e2e.live_venue import Message, VenueServer
from tests.e2e.process import Daemon, has_traceback
from tests.e2e.test_live_trading import CONFIG, TRADER, exchange

CLOSED = ("FILLED", "CANCELED", "REJECTED", "EXPIRED", "DENIED")


class Silent(VenueServer):
    """Says nothing from the first `do` on, which `was_asked` tells, until it may `speak`; what it is told it does."""

    def __init__(self, do: str) -> None:
        super().__init__()
        self.was_asked = threading.Event()
        self._do = do

    def speak(self) -> None:
        """Say all from now on."""
        self._do = ""
        self.was_asked.clear()

    def _take(self, message: Message, writer: asyncio.StreamWriter) -> None:
        if message["do"] == self._do:
            self.was_asked.set()
        super()._take(message, writer)

    def _write(self, writer: asyncio.StreamWriter, message: Message) -> None:
        if not self.was_asked.is_set():
            super()._write(writer, message)


def states(daemon: Daemon) -> dict[str, str]:
    reader = JournalReader(f"sqlite:///{daemon.folder / 'state' / 'journal.db'}")
    return {order.client_order_id: str(order.state) for order in reader.orders(limit=100)}


def test_a_signal_before_the_first_step_of_the_start_stops_in_order(daemon: Daemon) -> None:
    daemon.write("strategies/trader.py", TRADER)
    with VenueServer() as venue:
        running = daemon.start(*CONFIG, exchange(venue))
        running.until(" live: ")
        running.send(signal.SIGTERM)
        ended = running.wait()
        assert ended.status == 0, ended.err
        assert not has_traceback(ended)
        assert all(order["state"] != "NEW" for order in venue.orders.values())


def test_a_signal_while_the_books_are_compared_stops_in_order(daemon: Daemon) -> None:
    daemon.write("strategies/trader.py", TRADER)
    with Silent("balances") as venue:
        running = daemon.start(*CONFIG, exchange(venue), "ops.stop_timeout=2s")
        assert venue.was_asked.wait(60)
        running.send(signal.SIGTERM)
        ended = running.wait()
        assert ended.status == 0, ended.err
        assert not has_traceback(ended)
        assert venue.orders == {}


def test_a_signal_while_an_order_is_unanswered_tells_that_it_may_trade(daemon: Daemon) -> None:
    daemon.write("strategies/trader.py", TRADER)
    with Silent("submit") as venue:
        running = daemon.start(*CONFIG, exchange(venue), "ops.stop_timeout=2s")
        assert venue.was_asked.wait(60)
        running.send(signal.SIGTERM)
        ended = running.wait()
        assert ended.status == 5, ended.err
        assert not has_traceback(ended)
        told = states(daemon)
        assert {name: told[name] for name in venue.orders if told[name] in CLOSED} == {}
        assert all(name in ended.err for name in venue.orders)
        venue.speak()
        running = daemon.start(*CONFIG, exchange(venue))
        running.until("reconciled with live")
        running.send(signal.SIGTERM)
        assert running.wait().status == 0
        told = states(daemon)
        assert {name: told[name] for name in venue.orders} == {n: o["state"] for n, o in venue.orders.items()}
