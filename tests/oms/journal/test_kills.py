"""A process that trades is killed at every step: what it was told to be durable is there, whole, once."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
from collections import Counter

import pytest
from sqlalchemy import URL

from quantai.core.enums import OrderState
from quantai.oms.journal import JournalledEvent
from quantai.oms.models import Order
from tests.oms.journal.books import D, facts, make_journal, opened
from tests.oms.journal.victim import TOLD, trade

_SPAWN = multiprocessing.get_context("forkserver")
_SPAWN.set_forkserver_preload(["tests.oms.journal.victim"])
_DEADLINE_S = 60
_NEVER = "never"

STEPS = ["begin", "orders", "order_events", "fills", "positions", "balances", "commit", "committed", TOLD]


def kill(url: URL, tag: str, step: str = _NEVER, count: int = 1, after: int = 0) -> set[str]:
    """Let a process trade until it kills itself, or is killed `after` so many orders; which were durable."""
    ours, theirs = _SPAWN.Pipe(duplex=False)
    text = url.render_as_string(hide_password=False)
    process = _SPAWN.Process(target=trade, args=(text, tag, step, count, theirs))
    process.start()
    theirs.close()
    told: set[str] = set()
    try:
        while ours.poll(_DEADLINE_S):
            told.add(ours.recv())
            if len(told) == after:
                process.kill()
    except EOFError:
        pass
    process.join(_DEADLINE_S)
    assert process.exitcode == -9
    return told


async def found(url: URL) -> tuple[list[Order], dict[str, list[JournalledEvent]]]:
    """What a start finds; a second start finds the same."""
    first = make_journal(url)
    orders = (await first.start()).orders
    await first.close()
    async with opened(url) as second:
        stories = {order.client_order_id: list(await second.story(order.client_order_id)) for order in orders}
    last = make_journal(url)
    assert [facts(order) for order in (await last.start()).orders] == [facts(order) for order in orders]
    await last.close()
    return orders, stories


def check(url: URL, told: set[str]) -> None:
    """All of `told` is there, nothing is there twice, and every order is what its events made of it."""
    orders, stories = asyncio.run(found(url))
    counts = Counter(order.client_order_id for order in orders)
    assert told <= counts.keys()
    assert set(counts.values()) <= {1}
    sequences = [event.sequence for story in stories.values() for event in story]
    assert len(sequences) == len(set(sequences))
    for order in orders:
        kinds = [event.kind for event in stories[order.client_order_id]]
        expected = ["order.submitted", "order.partially_filled", "order.filled"]
        assert kinds == expected[: len(kinds)]
        state = [OrderState.PENDING_NEW, OrderState.PARTIALLY_FILLED, OrderState.FILLED][len(kinds) - 1]
        assert (order.state, order.trade_ids) == (state, {"first", "rest"} if len(kinds) == 3 else set())
        assert order.filled_quantity == [D(0), D("0.5"), D("1.5")][len(kinds) - 1]


@pytest.mark.parametrize("step", STEPS)
def test_nothing_is_lost_or_doubled_by_a_kill_at_any_step(sqlite_url: URL, step: str) -> None:
    told = kill(sqlite_url, "a", step, 1)
    told |= kill(sqlite_url, "b", step, 3)
    check(sqlite_url, told)


def test_nor_in_postgresql(postgres_url: URL) -> None:
    told: set[str] = set()
    for number, step in enumerate(STEPS):
        told |= kill(postgres_url, f"k{number}", step, 3)
    check(postgres_url, told)


def test_nor_by_a_kill_at_any_time(url: URL) -> None:
    chance = random.Random(4)
    told: set[str] = set()
    for number in range(4):
        told |= kill(url, f"k{number}", after=chance.randrange(1, 60))
    check(url, told)
    assert len(told) >= 4
