"""What is rare in a reconciliation, to the letter. Nothing here may fail inside and be tried again unseen."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from msgspec import structs

from quantai.config.schema.reconciliation import ReconciliationSection
from quantai.core.enums import OrderState, Side
from quantai.core.errors import BusClosed, StartupError
from quantai.events import Event
from quantai.exchanges.execution import ExecType
from quantai.oms.models import Change
from quantai.oms.reconciliation import MismatchKind, Settings
from quantai.oms.reconciliation.comparing import corrections, is_unchanged
from quantai.oms.reconciliation.mismatches import Mismatches
from tests.oms.reconciliation.model import Core, state_of
from tests.oms.reconciliation.test_comparing_exact import order as an_order
from tests.oms.reconciliation.test_comparing_exact import status
from tests.oms.world import PERP, D


@pytest.fixture(autouse=True)
def nothing_failed_inside(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    told = [record.getMessage() for record in caplog.get_records("call")]
    assert [each for each in told if "could not be" in each] == []


async def test_a_cancel_and_a_change_meanwhile_are_other_questions(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    resolver = core.reconciler._rounds["binance"].resolver
    resolver.suspect(order)
    core.orders.cancel(order)
    await core.wait(0.1)
    assert (resolver.counts["asked"], resolver.counts["resolved"]) == (0, 1)


async def test_every_end_of_a_doubt_is_counted(core: Core) -> None:
    gone, changed, reopened = (core.submit(quantity="0.5") for _ in range(3))
    core.binance.deliver()
    core.binance.loses_commands = True
    core.orders.amend(changed, D("0.4"), D(99))
    core.report(reopened, ExecType.CANCELED)
    core.binance.of(gone).state = OrderState.CANCELED
    core.binance.model.forgotten.add(gone.client_order_id)
    await core.reconcile()
    await core.wait(20)
    states = [state_of(each) for each in (gone, changed, reopened)]
    assert states == [OrderState.CANCELED, OrderState.NEW, OrderState.NEW]
    assert core.reconciler._rounds["binance"].resolver.counts["resolved"] == 3


async def test_an_order_that_changes_while_it_is_asked_for_is_asked_for_anew(core: Core) -> None:
    order = core.submit(quantity="2")
    core.binance.deliver()
    core.binance.of(order).quantity = D(1)
    find_order = core.binance.model.find_order

    async def change_first(*names: str) -> object:
        core.binance.model.find_order = find_order  # type: ignore[method-assign]
        core.fill(order, "0.5")
        core.binance.of(order).filled = D("0.5")
        return await find_order(*names)

    core.binance.model.find_order = change_first  # type: ignore[method-assign,assignment]
    await core.reconcile()
    assert (order.quantity, order.filled_quantity) == (D(1), D("0.5"))
    assert core.reconciler._rounds["binance"].resolver.counts["asked"] == 2


async def test_every_cancel_that_is_sent_again_is_counted(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.loses_commands = True
    core.orders.cancel(order)
    await core.wait(5.6)
    assert core.reconciler.counts["cancels_resent"] == 1
    await core.wait(2)
    assert core.reconciler.counts["cancels_resent"] == 2


async def test_only_what_is_not_listed_is_inferred(core: Core) -> None:
    order = core.submit(quantity="2")
    core.binance.trade(core.binance.of(order), "0.5")
    core.binance.deliver()
    core.binance.model.hides_fills = True
    core.binance.trade(core.binance.of(order), "0.25")
    core.binance.lose()
    core.reconciler.request()
    await core.wait(200)
    assert order.filled_quantity == D("0.75")
    (line,) = (each for each in core.reconciler.report() if each.kind is MismatchKind.INFERRED_FILL)
    assert (line.ours, line.theirs, line.action) == (
        "0.5 traded", "0.75 traded", "booked 0.25 at 100, without a fee"
    )  # fmt: skip


async def test_a_fill_that_cannot_be_booked_was_not_missed(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), "0.5")
    core.binance.lose()
    core.binance.fills = [structs.replace(fill, trade_id="") for fill in core.binance.fills]
    assert await core.reconciler._rounds["binance"].fills.catch_up() == 0


async def test_a_currency_that_is_gone_at_the_venue_is_gone_here(core: Core) -> None:
    core.binance.balances["ETH"] = D(1)
    await core.reconcile()
    assert core.portfolio.balance("binance", "ETH") == 1
    del core.binance.balances["ETH"]
    await core.reconcile()
    assert core.portfolio.balance("binance", "ETH") == 0
    assert core.mismatches == ["balance", "balance"]


async def test_what_is_in_flight_at_one_venue_keeps_no_other_from_being_compared(core: Core) -> None:
    core.section = ReconciliationSection(answer_timeout="1h")
    await core.reconciler.stop()
    core.restart()
    await core.start()
    core.submit(instrument=PERP)
    core.binance.balances["USDT"] = core.okx.balances["USDT"] = D(800)
    core.reconciler.request()
    await core.wait(15)
    assert core.portfolio.balance("binance", "USDT") == 800
    assert core.portfolio.balance("okx", "USDT") == 1000
    rounds = core.reconciler._rounds["okx"]
    assert rounds.error == "okx: balances do not hold still long enough to be compared"


async def test_a_start_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    core = Core()
    await core.start()
    assert "reconciled with binance, okx" in caplog.messages
    await core.reconciler.stop()


async def test_a_failed_start_names_every_venue() -> None:
    core = Core()
    core.binance.model.is_down = core.okx.model.is_down = True
    with pytest.raises(StartupError) as error:
        await core.start()
    assert str(error.value) == (
        "not reconciled within 25s (reconciliation.start_timeout): binance: the model is down; okx: the model is down"
    )
    await core.reconciler.stop()


def test_where_the_journal_kept_nothing_no_fill_is_known() -> None:
    core = Core()
    core.reconciler.restore({"fills_known.okx": "7"})
    assert {venue: rounds.fills.known_ns for venue, rounds in core.reconciler._rounds.items()} == {
        "binance": 0,
        "okx": 7,
    }


def test_a_mismatch_that_cannot_be_published_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(event: Event) -> None:
        raise BusClosed("closed")

    core = Core()
    mismatches = Mismatches(core.clock, refuse, 2)
    mismatches.tell("v", MismatchKind.ORDER, "a", 1, 2, "left")
    (error,) = (each for each in caplog.records if each.levelno == logging.ERROR)
    assert error.getMessage().startswith("MismatchEvent(")
    assert error.getMessage().endswith(" was not published")


def test_a_change_of_the_limit_alone_is_a_change() -> None:
    changing = an_order(state=OrderState.PENDING_REPLACE, change=Change(D(2), D(99)))
    assert is_unchanged(changing, status())
    assert not is_unchanged(changing, status(price=D(99)))
    (replaced,) = corrections(an_order(), status(price=D(99)))
    assert (replaced.exec_type, replaced.order_price, replaced.side) == (ExecType.REPLACED, D(99), Side.SELL)


def test_a_scan_is_due_after_whole_nanoseconds() -> None:
    assert isinstance(Settings().scan_ns, int)
