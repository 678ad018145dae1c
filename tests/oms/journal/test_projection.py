"""What is stored of an order is what its events make of it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from sqlalchemy import URL

from quantai.core.errors import OrderError
from quantai.events import OrderEvent
from quantai.exchanges.execution import ExecType
from quantai.oms.journal import JournalledEvent
from quantai.oms.mirror import follow
from quantai.oms.models import Order
from tests.oms.journal.books import durable, facts, make_journal
from tests.oms.world import D, World

_EVENT: TypeAdapter[OrderEvent] = TypeAdapter(OrderEvent)
_OWN = ("state", "filled_quantity", "filled_value", "quantity", "price", "venue_order_id", "is_accepted", "trade_ids")
_REPORTS = [ExecType.NEW, ExecType.CANCELED, ExecType.REJECTED, ExecType.EXPIRED, ExecType.CANCEL_REJECTED]
_STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([*_REPORTS, "fill", "cancel", "amend", "replaced"])), max_size=12
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty journal, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "journal.db"
    asyncio.run(open_and_close(path))
    return path


@settings(max_examples=20)
@given(_STEPS)
def test_the_events_of_an_order_lead_to_what_is_stored(empty: Path, steps: list[tuple[int, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(trade(Path(shutil.copy(empty, folder)), steps))


async def open_and_close(path: Path) -> list[Order]:
    journal = make_journal(URL.create("sqlite", database=str(path)), catalogue=World().catalogue)
    orders = (await journal.start()).orders
    await journal.close()
    return orders


async def trade(path: Path, steps: list[tuple[int, Any]]) -> None:
    journal = make_journal(URL.create("sqlite", database=str(path)), catalogue=World().catalogue)
    await journal.start()
    world = World(journal=journal)
    orders = [world.submit() for _ in range(3)]
    await durable(journal)
    for number, (which, step) in enumerate(steps):
        act(world, orders[which], step, number)
    await durable(journal)
    stories = [await journal.story(order.client_order_id) for order in orders]
    await journal.close()
    stored = await open_and_close(path)
    for order in (*stored, *orders):
        order.is_sent = True  # that is known only after the submission is durable
    assert [facts(order) for order in stored] == [facts(order) for order in orders]
    for order, story in zip(stored, stories, strict=True):
        folded = fold(order, story)
        assert {name: folded[name] for name in _OWN} == {name: facts(order)[name] for name in _OWN}


def act(world: World, order: Order, step: Any, number: int) -> None:
    """Let something happen, whether it may or not."""
    if step == "fill":
        world.fill(order, "0.25", trade_id=str(number % 5))
    elif step == "cancel":
        world.orders.cancel(order)
    elif step == "amend":
        with suppress(OrderError):  # where it cannot be now
            world.orders.amend(order, quantity=D("2"))
    elif step == "replaced":
        world.report(order, ExecType.REPLACED, venue_order_id=f"r{number}", order_quantity=D("2"), order_price=D("99"))
    else:
        world.report(order, step, venue_order_id=f"v{number}")


def fold(stored: Order, story: Any) -> dict[str, object]:
    """What the events make of an order that was just submitted."""
    first = events_of(story)[0]
    order = Order(
        client_order_id=stored.client_order_id, strategy=stored.strategy, instrument=stored.instrument,
        side=stored.side, order_type=stored.order_type, quantity=msgspec.structs.asdict(first)["quantity"],
        price=msgspec.structs.asdict(first)["price"], time_in_force=stored.time_in_force, cause=stored.cause,
        ts_submitted=stored.ts_submitted,
    )  # fmt: skip
    for event in events_of(story)[1:]:
        follow(order, event)
        trade_id = msgspec.structs.asdict(event).get("trade_id")
        if trade_id:
            order.trade_ids.add(trade_id)
    return facts(order)


def events_of(story: list[JournalledEvent]) -> list[OrderEvent]:
    """The events in a story, as they were."""
    return [_EVENT.validate_python(event.body) for event in story if event.kind.startswith("order.")]
