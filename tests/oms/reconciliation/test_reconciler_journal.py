"""What the reconciler keeps in the journal and finds there: until when fills are known, losses, names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quantai.config.schema.reconciliation import ReconciliationSection
from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import Side
from quantai.core.errors import StoreError
from quantai.exchanges.execution import ExecType
from quantai.oms.journal import MemoryJournal, Written, tables
from quantai.oms.models import EXTERNAL, Order
from quantai.oms.reconciliation.fills import INCOMPLETE, known_until
from tests.oms.reconciliation.model import Core
from tests.oms.world import PERP, D


class Settings(MemoryJournal):
    """Keeps settings, and knows one order; can be broken."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.order: Order | None = None
        self.is_broken = False

    def put(self, key: str, value: str, then: Written | None = None) -> None:
        self.kept[key] = value

    async def find(self, client_order_id: str) -> Order | None:
        if self.is_broken:
            raise StoreError("the journal is gone")
        return self.order if self.order and self.order.client_order_id == client_order_id else None

    async def find_by_venue_id(self, venue: str, venue_order_id: str) -> Order | None:
        return self.order if self.order and self.order.venue_order_id == venue_order_id else None


async def test_until_when_fills_are_known_survives_a_restart() -> None:
    journal = Settings()
    core = Core(journal=journal)
    await core.start()
    order = core.submit()
    core.binance.deliver()
    await core.wait(1000)
    core.binance.trade(core.binance.of(order), "1")
    filled_ns = core.clock.now_ns()
    await core.reconcile()
    assert journal.kept["fills_known.binance"] == str(filled_ns)
    await core.reconciler.stop()
    core.restart()
    core.reconciler.restore(journal.kept)
    asked: list[int] = []
    fills = core.binance.model.fills

    async def listen(since_ns: int) -> object:
        asked.append(since_ns)
        return await fills(since_ns)

    core.binance.model.fills = listen  # type: ignore[method-assign,assignment]
    await core.wait(10_000)
    await core.start()
    assert asked[0] == filled_ns - 60 * NS_PER_SECOND
    assert order.filled_quantity == 1
    await core.reconciler.stop()


def test_the_setting_of_a_loss_is_the_journals() -> None:
    assert INCOMPLETE == tables.INCOMPLETE


@pytest.mark.parametrize(
    ("settings", "known_ns"),
    [
        ({}, 0),
        ({"fills_known.binance": "70"}, 70),
        ({"fills_known.binance": "70", "journal_incomplete": ""}, 70),
        ({"fills_known.binance": "70", "journal_incomplete": "50 4 entries wait"}, 50),
        ({"fills_known.binance": "40", "journal_incomplete": "50 4 entries wait"}, 40),
    ],
)
def test_fills_are_known_no_longer_than_until_the_journal_lost_something(
    settings: dict[str, str], known_ns: int
) -> None:
    assert known_until("binance", settings) == known_ns


@pytest.mark.parametrize(
    ("counts", "kept"), [({}, ""), ({"dropped": 1}, "7 lost"), ({"quarantined": 1}, "7 lost"), ({"refused": 1}, "")]
)
async def test_a_loss_of_an_earlier_run_is_over_when_the_start_has_compared_everything(
    counts: dict[str, int], kept: str
) -> None:
    journal = Settings()
    journal.counts = counts
    journal.kept["journal_incomplete"] = "7 lost"
    core = Core(journal=journal)
    core.reconciler.restore(journal.kept)
    assert journal.kept["journal_incomplete"] == "7 lost"
    await core.start()
    assert journal.kept["journal_incomplete"] == kept
    await core.reconciler.stop()


async def test_a_journal_that_lost_nothing_is_told_nothing() -> None:
    journal = Settings()
    core = Core(journal=journal)
    core.reconciler.restore({"journal_incomplete": ""})
    await core.start()
    assert "journal_incomplete" not in journal.kept
    await core.reconciler.stop()


async def test_a_loss_is_not_over_where_the_start_proved_nothing() -> None:
    journal = Settings()
    journal.kept["journal_incomplete"] = "7 lost"
    core = Core(journal=journal, section=ReconciliationSection(may_start_unproven=True))
    core.reconciler.restore(journal.kept)
    core.okx.model.is_down = True
    await core.start()
    assert journal.kept["journal_incomplete"] == "7 lost"
    await core.reconciler.stop()


async def test_an_order_that_only_the_journal_knows_is_ours() -> None:
    journal = Settings()
    core = Core(journal=journal)
    await core.start()
    order = core.submit()
    core.binance.deliver()
    core.report(order, ExecType.CANCELED)
    core.binance.trade(core.binance.of(order), "1")
    core.binance.lose()
    core.cache._closed.clear()
    core.cache._by_venue_id.clear()
    journal.order = order
    await core.reconcile()
    assert core.portfolio.position("binance", "BTC/USDT", "alpha") == 1
    assert core.mismatches == ["missed_fill"]
    await core.reconciler.stop()


@pytest.mark.parametrize("is_elsewhere", [True, False])
async def test_a_name_that_the_journal_has_for_another_venues_order_is_not_taken(is_elsewhere: bool) -> None:
    journal = Settings()
    core = Core(journal=journal)
    await core.start()
    theirs = core.submit(instrument=PERP)
    core.okx.deliver()
    core.report(theirs, ExecType.CANCELED)
    journal.order = theirs
    if is_elsewhere:  # forgotten here
        core.cache._closed.clear()
        core.cache._by_venue_id.clear()
    core.binance.place(theirs.client_order_id, "BTC/USDT", Side.BUY, D(2), D(100))
    core.binance.lose()
    await core.reconcile()
    assert core.cache.get(theirs.client_order_id) is theirs
    adopted = core.cache.by_venue_id("binance", "v1")
    assert adopted is not None
    assert (adopted.client_order_id, adopted.strategy) == ("ext-binance-v1", EXTERNAL)
    await core.reconciler.stop()


async def test_an_order_that_came_into_memory_while_the_journal_was_asked_is_that_one() -> None:
    journal = Settings()
    core = Core(journal=journal)
    await core.start()
    order = core.submit()
    core.binance.deliver()
    core.cache._open.clear()
    core.cache._by_venue_id.clear()
    journal.order = replace(order)
    find = journal.find_by_venue_id

    async def meanwhile(venue: str, venue_order_id: str) -> Order | None:
        core.cache.keep(order)
        core.cache._by_venue_id.clear()  # known by another name only
        return await find(venue, venue_order_id)

    journal.find_by_venue_id = meanwhile  # type: ignore[method-assign]
    known = core.reconciler._rounds["binance"].known
    assert await known.find("", "v1") is order
    await core.reconciler.stop()


async def test_nothing_is_adopted_while_the_journal_cannot_be_asked() -> None:
    journal = Settings()
    core = Core(journal=journal)
    await core.start()
    core.binance.place("x1", "BTC/USDT", Side.BUY, D(2), D(100))
    journal.is_broken = True
    core.reconciler.request()
    await core.wait(10)
    assert core.cache.get("x1") is None
    journal.is_broken = False
    await core.wait(30)
    assert core.cache.get("x1") is not None
    await core.reconciler.stop()
