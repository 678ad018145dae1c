"""The daemon as the socket sees it: looking in, and stopping."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce, TradingState
from quantai.core.errors import OrderError, QuantAIError, StoreError
from quantai.exchanges.execution import ExecType
from quantai.oms.journal import JournalledEvent, MemoryJournal
from quantai.oms.models import EXTERNAL, Order
from quantai.ops.control import finding
from quantai.ops.control.requests import OrdersRequest
from quantai.ops.control.views import ReconciliationView
from tests.oms.journals import WaitingJournal
from tests.oms.world import PERP, SPOT, START_NS, request
from tests.ops.control.world import WHO, Controlled, settle

D = Decimal


@pytest.fixture
def world() -> Controlled:
    return Controlled()


class Remembering(MemoryJournal):
    """A journal with a story for everybody, and one order that memory forgot; or one that does not answer."""

    def __init__(self) -> None:
        self.forgotten: Order | None = None
        self.error: StoreError | None = None
        self.entries: list[JournalledEvent] = []

    async def find(self, client_order_id: str) -> Order | None:
        return self._if(lambda order: order.client_order_id == client_order_id)

    async def find_by_venue_id(self, venue: str, venue_order_id: str) -> Order | None:
        return self._if(lambda order: (order.venue, order.venue_order_id) == (venue, venue_order_id))

    async def story(self, client_order_id: str) -> Sequence[JournalledEvent]:
        if self.error is not None:
            raise self.error
        return self.entries

    def _if(self, fits: object) -> Order | None:
        if self.error is not None:
            raise self.error
        assert callable(fits)
        return self.forgotten if self.forgotten is not None and fits(self.forgotten) else None


async def names(world: Controlled, wanted: OrdersRequest) -> list[str]:
    return [each.client_order_id for each in (await world.control.orders(wanted)).orders]


async def test_open_orders_are_listed_oldest_first_and_closed_ones_on_request(world: Controlled) -> None:
    first, second, third = (world.accepted().client_order_id for _ in range(3))
    world.report(world.orders.open_orders()[1], ExecType.CANCELED)
    assert await names(world, OrdersRequest()) == [first, third]
    assert sorted(await names(world, OrdersRequest(closed=True))) == sorted([first, second, third])
    assert await names(world, OrdersRequest(closed=True, state=OrderState.CANCELED)) == [second]


async def test_every_filter_keeps_the_rest_away(world: Controlled) -> None:
    spot = world.accepted(strategy="alpha", instrument=SPOT).client_order_id
    perp = world.submit(strategy="beta", instrument=PERP).client_order_id
    assert await names(world, OrdersRequest(strategy="beta")) == [perp]
    assert await names(world, OrdersRequest(venue="binance")) == [spot]
    assert await names(world, OrdersRequest(symbol=PERP.symbol)) == [perp]
    assert await names(world, OrdersRequest(state=OrderState.PENDING_NEW)) == [perp]
    assert await names(world, OrdersRequest(strategy="nobody")) == []


@pytest.mark.parametrize(("limit", "has_more"), [(1, True), (2, True), (3, False)])
async def test_the_newest_are_kept_where_there_are_more_than_the_limit(
    world: Controlled, limit: int, has_more: bool
) -> None:
    made = []
    for _ in range(3):
        made.append(world.accepted().client_order_id)
        world.pass_time(1)
    listing = await world.control.orders(OrdersRequest(limit=limit))
    assert [each.client_order_id for each in listing.orders] == made[-limit:]
    assert (listing.has_more, listing.source) == (has_more, "the daemon")


async def test_open_and_closed_orders_are_listed_together_by_age(
    world: Controlled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "_CHUNK", 1)
    made = []
    for number in range(6):
        order = world.accepted()
        made.append(order.client_order_id)
        if number % 2:
            world.report(order, ExecType.CANCELED)
        world.pass_time(1)
    listing = await world.control.orders(OrdersRequest(closed=True, limit=4))
    assert [each.client_order_id for each in listing.orders] == made[-4:]
    assert listing.has_more


async def test_an_order_is_found_by_every_name_it_has(world: Controlled) -> None:
    order = world.accepted()
    other = world.accepted(strategy="beta")
    name = order.client_order_id
    for text in (name, order.venue_order_id, name[:1], f"{name[:2]}…{name[-3:]}", order.venue_order_id[:4]):
        story = await world.control.explain(text)
        assert story.order is not None, text
        assert story.order.client_order_id == name
    assert other.client_order_id[0] != name[0]


async def test_a_name_that_several_have_lists_them(world: Controlled) -> None:
    first, second = world.accepted(), world.accepted()
    story = await world.control.explain("v-")
    assert story.order is None
    assert {each.client_order_id for each in story.matches} == {first.client_order_id, second.client_order_id}


async def test_an_id_is_preferred_to_the_beginning_of_another(world: Controlled) -> None:
    short = world.orders.submit(request(), "abc")
    world.orders.submit(request(), "abcd")
    story = await world.control.explain("abc")
    assert story.order is not None
    assert story.order.client_order_id == short.client_order_id


async def test_a_name_that_nobody_has_is_refused(world: Controlled) -> None:
    with pytest.raises(QuantAIError, match="no order zzz: it is no id"):
        await world.control.explain("zzz")


async def test_a_story_has_what_the_journal_has_and_the_order_as_it_is(world: Controlled) -> None:
    journal = Remembering()
    world = Controlled(journal)
    journal.entries = [JournalledEvent(1, START_NS, "order.submitted", {"side": "buy"})]
    order = world.accepted()
    story = await world.control.explain(order.client_order_id)
    assert [(each.ts_ns, each.kind, each.body) for each in story.entries] == [
        (START_NS, "order.submitted", {"side": "buy"})
    ]
    assert (story.remark, story.left_out) == ("", 0)
    assert story.order is not None
    assert story.order.state is OrderState.NEW


async def test_a_story_without_a_journal_says_that_it_is_none(world: Controlled) -> None:
    story = await world.control.explain(world.accepted().client_order_id)
    assert story.entries == ()
    assert story.remark == "nothing is in the journal (store=memory), this is what the daemon remembers"


async def test_a_journal_that_does_not_answer_does_not_keep_the_order_from_being_shown() -> None:
    journal = Remembering()
    world = Controlled(journal)
    order = world.accepted()
    journal.error = StoreError("disk full")
    story = await world.control.explain(order.client_order_id)
    assert story.order is not None
    assert "the journal cannot be asked" in story.remark
    assert "disk full" in story.remark
    with pytest.raises(QuantAIError, match=r"no order zzz in memory, and the journal cannot be asked: disk full"):
        await world.control.explain("zzz")


async def test_what_memory_forgot_is_found_in_the_journal() -> None:
    journal = Remembering()
    world = Controlled(journal)
    order = Controlled().accepted()
    journal.forgotten = order
    for text in (order.client_order_id, order.venue_order_id):
        story = await world.control.explain(text)
        assert story.order is not None
        assert story.order.client_order_id == order.client_order_id


async def test_a_long_story_keeps_its_newest_thousand_entries() -> None:
    journal = Remembering()
    world = Controlled(journal)
    journal.entries = [JournalledEvent(number, number, "order.partially_filled", {}) for number in range(1_003)]
    story = await world.control.explain(world.accepted().client_order_id)
    assert (len(story.entries), story.left_out, story.entries[0].ts_ns) == (1_000, 3, 3)


async def test_a_story_shows_parent_and_children(world: Controlled) -> None:
    parent = world.orders.open_parent(request())
    child = world.orders.submit(
        type(request())(
            strategy="alpha", instrument=SPOT, side=Side.BUY, order_type=request().order_type, quantity=D(1),
            price=D(100), parent_order_id=parent.client_order_id,
        )
    )  # fmt: skip
    of_parent = await world.control.explain(parent.client_order_id)
    assert [each.client_order_id for each in of_parent.children] == [child.client_order_id]
    assert of_parent.parent is None
    of_child = await world.control.explain(child.client_order_id)
    assert of_child.parent is not None
    assert of_child.parent.client_order_id == parent.client_order_id


async def test_the_parent_of_an_order_of_long_ago_is_read_from_the_journal() -> None:
    journal = Remembering()
    world = Controlled(journal)
    parent = Controlled().orders.open_parent(request(), "p1")
    child = world.accepted()
    child.parent_order_id = "p1"
    assert (await world.control.explain(child.client_order_id)).parent is None
    journal.forgotten = parent
    story = await world.control.explain(child.client_order_id)
    assert story.parent is not None
    assert story.parent.client_order_id == "p1"
    journal.error = StoreError("disk full")
    assert (await world.control.explain(child.client_order_id)).parent is None


async def test_status_tells_everything_at_once(world: Controlled) -> None:
    world.traded(Side.BUY, "2", "90")
    unknown = world.submit()
    world.report(unknown, ExecType.UNKNOWN)
    world.reconciliation = ReconciliationView(proven_ns={"binance": 5}, counts={"rounds": 1}, mismatches=("one",))
    world.states.set(TradingState.REDUCING, "beta", "drill")
    world.pass_time(3)
    status = world.control.status()
    assert (status.mode, status.execution, status.open_orders) == ("paper", "simulated", 1)
    assert status.unknown_orders == (unknown.client_order_id,)
    assert status.now_ns - status.since_ns == 3_000_000_000
    assert [(each.strategy, each.state, each.reason) for each in status.states] == [
        ("beta", TradingState.REDUCING, "drill")
    ]
    assert (status.journal, status.journal_available) == ("store=memory", True)
    assert status.reconciliation == world.reconciliation
    assert status.counts["fills"] == 1
    assert (status.equity, status.currency, status.unpriced) == (world.portfolio.value().total, "USDT", 0)
    [position] = status.positions
    assert (position.quantity, position.average_price, position.unrealized_pnl) == (D(2), D(90), D(20))
    assert (position.strategy, position.venue, position.symbol, position.currency) == (
        "alpha", "binance", "BTC/USDT", "USDT",
    )  # fmt: skip


async def test_a_position_without_a_price_is_told_without_profit() -> None:
    world = Controlled()
    world.market = type(world.market)()
    world.control._market = world.market
    world.traded(Side.BUY, "1")
    assert world.control.status().positions[0].unrealized_pnl is None


async def test_a_halt_cancels_what_rests_and_says_who_asked(world: Controlled) -> None:
    order, other = world.accepted(strategy="alpha"), world.accepted(strategy="beta")

    def states() -> list[OrderState]:
        return [order.state, other.state]

    change = await world.control.set_state(TradingState.HALTED, "alpha", "drill", WHO)
    assert change.canceling == (order.client_order_id,)
    assert [(each.strategy, each.state, each.reason) for each in change.states] == [
        ("alpha", TradingState.HALTED, f"drill, by {WHO}")
    ]
    assert states() == [OrderState.PENDING_CANCEL, OrderState.NEW]
    await world.control.set_state(TradingState.HALTED, None, "", WHO)
    assert states() == [OrderState.PENDING_CANCEL, OrderState.PENDING_CANCEL]
    assert [each.strategy for each in world.control.status().states] == [None, "alpha"]
    assert world.states.all()[None].reason == f"by {WHO}"


async def test_reducing_cancels_nothing_and_resuming_ends_it(world: Controlled) -> None:
    order = world.accepted()
    assert (await world.control.set_state(TradingState.REDUCING, None, "", WHO)).canceling == ()
    assert order.state is OrderState.NEW
    assert (await world.control.set_state(TradingState.ACTIVE, None, "", WHO)).states == ()


async def test_a_strategy_that_is_not_there_cannot_be_halted_but_the_external_one_can(world: Controlled) -> None:
    with pytest.raises(OrderError, match="no strategy 'gamma' runs here; there are alpha, beta"):
        await world.control.set_state(TradingState.HALTED, "gamma", "", WHO)
    assert (await world.control.set_state(TradingState.HALTED, EXTERNAL, "", WHO)).states[0].strategy == EXTERNAL


async def test_one_order_is_cancelled_by_its_name(world: Controlled) -> None:
    order, other = world.accepted(), world.accepted()
    assert (await world.control.cancel(order.client_order_id, WHO)).orders == (order.client_order_id,)
    assert order.state is OrderState.PENDING_CANCEL
    assert other.state is OrderState.NEW
    with pytest.raises(OrderError, match="may be any of"):
        await world.control.cancel("v-", WHO)
    world.confirm_cancels()
    with pytest.raises(OrderError, match="is CANCELED: there is nothing to cancel"):
        await world.control.cancel(order.client_order_id, WHO)


async def test_all_orders_of_a_strategy_or_a_symbol_are_cancelled(world: Controlled) -> None:
    alpha, beta = world.accepted(), world.accepted(strategy="beta", instrument=PERP)
    assert world.control.cancel_all("alpha", None, WHO).orders == (alpha.client_order_id,)
    assert world.control.cancel_all(None, PERP.symbol, WHO).orders == (beta.client_order_id,)
    with pytest.raises(OrderError, match="no strategy"):
        world.control.cancel_all("gamma", None, WHO)
    with pytest.raises(OrderError, match="nothing is held or open of"):
        world.control.cancel_all(None, "X/Y", WHO)


async def test_a_halt_is_answered_when_it_is_durable() -> None:
    world = Controlled(journal := WaitingJournal())
    world.states._put = journal.put
    asking = asyncio.create_task(world.control.set_state(TradingState.HALTED, None, "", WHO))
    await settle()
    assert not asking.done()
    assert world.states.of("alpha")[0] is TradingState.HALTED
    journal.commit()
    assert (await asking).not_kept == ""


async def test_a_halt_that_may_not_be_durable_says_why() -> None:
    world = Controlled(journal := WaitingJournal())
    world.states._put = journal.put
    for trouble, words in (("", "cannot be written"), ("disk full", "cannot be written: disk full")):
        journal.trouble = trouble
        asking = asyncio.create_task(world.control.set_state(TradingState.HALTED, None, "", WHO))
        await settle()
        journal.refuse()
        change = await asking
        assert change.not_kept == f"the journal (store=memory) {words}"
        assert change.states[0].state is TradingState.HALTED


async def test_a_halt_of_which_the_journal_says_nothing_is_answered_all_the_same() -> None:
    world = Controlled(journal := WaitingJournal())
    world.states._put = journal.put
    world.control._patience_s = 0.01
    change = await world.control.set_state(TradingState.HALTED, None, "", WHO)
    assert change.not_kept == "the journal (store=memory) did not say within 0.01 s that it has it"
    journal.commit()  # nobody waits any more


async def test_the_story_of_a_parent_has_the_children_that_memory_lost() -> None:
    world = Controlled(journal := WaitingJournal())
    parent = world.orders.open_parent(request())
    here, lost = (
        Order("kid", "alpha", SPOT, Side.BUY, OrderType.LIMIT, D(1), D(1), TimeInForce.GTC, "", ts_submitted)
        for ts_submitted in (START_NS + 5, START_NS + 3)
    )
    lost.client_order_id = "lost"
    for child in (here, lost):
        child.parent_order_id = parent.client_order_id
        journal.stored[child.client_order_id] = child
    world.cache.keep(here)

    async def children() -> list[str]:
        return [child.client_order_id for child in (await world.control.explain(parent.client_order_id)).children]

    assert await children() == ["lost", "kid"]
    journal.error = StoreError("it is away")
    assert await children() == ["kid"]
