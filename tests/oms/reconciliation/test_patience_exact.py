"""What a reconciliation waits for before it touches the account, how long, and what it logs, to the letter."""

from __future__ import annotations

import logging

import pytest

from quantai.core.enums import Side
from quantai.core.errors import VenueError
from quantai.exchanges.execution import CancelOrder
from quantai.oms.models import EXTERNAL
from quantai.oms.reconciliation import Settings
from quantai.oms.reconciliation.asking import Backoff
from tests.oms.reconciliation.model import Core, idle
from tests.oms.world import PERP, D

S = 1_000_000_000


# The account


async def test_a_balance_that_does_not_hold_still_is_not_compared(core: Core) -> None:
    balances = core.binance.model.balances
    reads = 0

    async def drift() -> object:
        nonlocal reads
        reads += 1
        core.binance.balances["USDT"] += 1
        return await balances()

    core.binance.model.balances = drift  # type: ignore[method-assign,assignment]
    core.reconciler.request(["binance"])
    await core.wait(10.1)
    assert reads == 2 * Settings().account_tries
    rounds = core.reconciler._rounds["binance"]
    assert rounds.error == "binance: balances do not hold still long enough to be compared"
    assert core.portfolio.balance("binance", "USDT") == 1000


async def test_nor_is_a_position(core: Core) -> None:
    async def drift() -> object:
        core.okx.positions[PERP.symbol] = core.okx.positions.get(PERP.symbol, D(0)) + 1
        return await positions()

    positions = core.okx.model.positions
    core.okx.model.positions = drift  # type: ignore[method-assign,assignment]
    core.reconciler.request(["okx"])
    await core.wait(10.1)
    error = core.reconciler._rounds["okx"].error
    assert error == "okx: positions do not hold still long enough to be compared"
    assert core.portfolio.position("okx", PERP.symbol) == 0


async def test_a_position_that_is_gone_is_closed_at_what_the_largest_part_of_it_cost(core: Core) -> None:
    for strategy, side, quantity, price in (("beta", Side.BUY, "1", "90"), ("alpha", Side.SELL, "3", "80")):
        order = core.submit(side, quantity, price, instrument=PERP, strategy=strategy)
        core.okx.trade(core.okx.of(order), quantity, price, fee="0")
        core.okx.deliver()
    core.okx.positions.clear()
    await core.reconcile("okx")
    assert core.reconciler.report()[0].action == "booked 2 at 80 to external"
    assert core.portfolio.position("okx", PERP.symbol, EXTERNAL) == 2


async def test_the_name_of_an_adjustment_is_the_same_in_every_version(core: Core) -> None:
    core.okx.positions[PERP.symbol] = D(3)
    await core.reconcile("okx")
    (order,) = core.cache.closed_orders()
    assert order.venue_order_id == "adjust-4f9d2291beccc4cb"


# Patience, counts and logs


@pytest.mark.parametrize(("longest_ns", "waits"), [(1, {1}), (2, {1, 2}), (5, {3, 4, 5})])
def test_a_wait_is_between_half_of_it_and_all_of_it(longest_ns: int, waits: set[int]) -> None:
    backoff = Backoff(Settings(backoff_ns=longest_ns), "a")
    assert {backoff.delay_ns(0) for _ in range(200)} == waits


async def test_rounds_are_counted_and_the_last_that_failed_says_why(
    core: Core, caplog: pytest.LogCaptureFixture
) -> None:
    rounds = core.reconciler._rounds["binance"]
    await core.reconcile()
    await core.reconcile()
    assert (rounds.counts["rounds"], rounds.counts["failed_rounds"]) == (3, 0)
    caplog.clear()
    core.binance.model.is_down = True
    core.reconciler.request(["binance"])
    await core.wait(0)
    assert (rounds.error, rounds.counts["failed_rounds"]) == ("the model is down", 1)
    assert caplog.messages == ["binance is not reconciled, it is asked again: the model is down"]


def test_nothing_is_proven_before_the_first_round() -> None:
    rounds = Core().reconciler._rounds["binance"]
    assert (rounds.proven_ns, rounds.error) == (0, "")


async def test_an_error_of_our_own_is_logged_with_its_trace(
    core: Core, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def boom() -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(core.reconciler._rounds["binance"]._account, "compare", boom)
    core.reconciler.request(["binance"])
    await core.wait(0)
    (record,) = (each for each in caplog.records if each.levelno == logging.ERROR)
    assert record.getMessage() == "binance could not be reconciled, it is tried again"
    assert record.exc_info is not None
    assert record.exc_info[0] is RuntimeError


async def test_a_mismatch_is_logged(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    core.binance.balances["USDT"] = D(900)
    await core.reconcile()
    assert "binance: balance USDT: here 1000, there 900; adjusted" in caplog.messages


async def test_a_cancel_that_cannot_be_sent_again_is_logged(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.loses_commands = True
    core.orders.cancel(order)

    def refuse(command: CancelOrder) -> None:
        raise VenueError("no line")

    core.reconciler._rounds["binance"].resolver._send_cancel = refuse
    await core.wait(6)
    assert f"binance: the cancel of {order.client_order_id} could not be sent again" in caplog.messages


async def test_a_report_that_nobody_can_explain_is_an_alarm_that_names_the_venue(
    caplog: pytest.LogCaptureFixture,
) -> None:
    core = Core()
    core.binance.place("x1", "BTC/USDT", Side.BUY, D(1), D(100))
    core.binance.deliver()
    await idle()
    assert core.orders.counts["alarms"] == 1
    assert any("binance" in message and "x1" in message for message in caplog.messages)


async def test_rounds_start_their_patience_anew_once_one_succeeded(core: Core) -> None:
    """Those of one run of rounds: wanted again while one succeeds."""
    rounds = core.reconciler._rounds["binance"]
    delays: list[int] = []
    delay_ns = rounds._backoff.delay_ns

    def listen(tries: int) -> int:
        delays.append(tries)
        return delay_ns(tries)

    rounds._backoff.delay_ns = listen  # type: ignore[method-assign]
    compare = rounds._account.compare
    outcomes = iter([True, True, False, True, True, False])

    async def sometimes() -> None:
        await compare()
        if next(outcomes):
            raise VenueError("busy")
        rounds.request()

    rounds._account.compare = sometimes  # type: ignore[method-assign]
    core.reconciler.request(["binance"])
    await core.wait(60)
    assert delays[:4] == [0, 1, 0, 1]
