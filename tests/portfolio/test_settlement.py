"""Cash of futures is what the venue says; what strategies made is counted here; equity is both at once."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, Inexact, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.enums import Liquidity, Side
from quantai.core.numbers import ZERO
from quantai.events import OrderFilledEvent, PositionEvent
from quantai.instruments import Instrument
from quantai.loopback.engine import Position as VenuePosition
from quantai.loopback.engine import PositionSide
from tests.oms.world import PERP, SPOT, START_NS, D, World

START = D(1000)
TRADES = st.lists(
    st.tuples(
        st.sampled_from(["alpha", "beta"]),
        st.one_of(st.sampled_from([-3, -2, -1, 1, 2, 3]), st.integers(-(10**5), 10**5).filter(bool)),
        st.integers(10**4, 10**6),
        st.integers(-(10**6), 10**6),
    ),
    min_size=1,
    max_size=25,
)
"""Strategy, lots, ticks, and the fee in its smallest steps."""


def fill(
    lots: int,
    price: str | Decimal,
    told: str | Decimal | None,
    *,
    strategy: str = "alpha",
    fee: Decimal = ZERO,
    instrument: Instrument = PERP,
) -> OrderFilledEvent:
    """So many lots, bought or (negative) sold, and what the venue says that it realized."""
    quantity = abs(lots) * instrument.lot_size
    return OrderFilledEvent(
        "o", strategy, instrument.venue, instrument.symbol, START_NS, START_NS, "", "t",
        Side.BUY if lots > 0 else Side.SELL, D(price), quantity, quantity, D(0), fee, "USDT", Liquidity.TAKER,
        None if told is None else D(told),
    )  # fmt: skip


def cash(world: World) -> Decimal:
    return world.portfolio.balance("okx", "USDT")


def size(lots: int) -> Decimal:
    return lots * PERP.lot_size * PERP.multiplier


@given(TRADES)
def test_cash_is_the_sum_of_what_the_venue_says_less_fees_exactly(trades: list[tuple[str, int, int, int]]) -> None:
    world, venue = World(), VenuePosition(PERP.symbol, PositionSide.BOTH)
    wallet, at_venues = START, world.portfolio.value().total - START
    for strategy, lots, ticks, fee_steps in trades:
        price, fee = ticks * PERP.tick_size, fee_steps * D("1e-8")
        told = venue.trade(size(lots), price).quantize(D("1e-8"), ROUND_HALF_EVEN)
        wallet += told - fee
        with localcontext() as context:
            context.traps[Inexact] = True
            world.portfolio.book_fill(fill(lots, price, told, strategy=strategy, fee=fee))
        assert cash(world) == wallet
    mark = trades[-1][2] * PERP.tick_size
    world.quote(PERP, float(mark), float(mark))
    equity = world.portfolio.value().total
    made = [world.portfolio.strategy_value(name) for name in ("alpha", "beta")]
    assert equity == at_venues + START + sum((each.pnl for each in made if each is not None), D(0))
    # The venue averages what both hold together, and rounds; what it owes is the same but for its rounding.
    assert abs(equity - at_venues - wallet - venue.profit(mark)) <= len(trades) * D("2e-8")


@given(TRADES)
def test_what_a_restart_restores_goes_on_as_if_nothing_had_happened(trades: list[tuple[str, int, int, int]]) -> None:
    world, again = World(), World()
    for strategy, lots, ticks, _ in trades:
        world.portfolio.book_fill(fill(lots, ticks * PERP.tick_size, "0.12345678", strategy=strategy))
    again.portfolio.restore(world.portfolio.account())
    for each in (world, again):
        each.portfolio.book_fill(fill(-2, "90", "-0.00000001"))
    assert again.portfolio.account() == world.portfolio.account()
    assert again.portfolio.value() == world.portfolio.value()


def test_the_venues_rounding_is_the_cashs_and_ours_the_positions() -> None:
    world = World()
    for lots, price, told in ((3, "100", "0"), (3, "100.5", "0"), (-4, "101", "0.03")):
        world.portfolio.book_fill(fill(lots, price, told))
    ours = size(4) * (D(101) - D("100.25"))
    assert cash(world) == START + D("0.03")
    [(_, position)] = list(world.portfolio.positions())
    assert (position.realized_pnl, position.unpaid_pnl) == (ours, ours - D("0.03"))


def test_two_strategies_that_face_each_other_own_no_more_than_the_account() -> None:
    """The venue pays the second for closing what the first opened, who still has a profit on paper."""
    world = World()
    start = world.portfolio.value().total
    world.quote(PERP, 110, 110)
    world.portfolio.book_fill(fill(100, "100", "0", strategy="alpha"))
    paid = size(100) * 10
    world.portfolio.book_fill(fill(-100, "110", paid, strategy="beta"))
    assert cash(world) == START + paid
    assert world.portfolio.value().total == start + paid
    assert world.portfolio.unrealized("okx", "USDT") == 0
    world.portfolio.book_fill(fill(-100, "110", "0", strategy="alpha"))
    world.portfolio.book_fill(fill(100, "110", "0", strategy="beta"))
    assert (cash(world), world.portfolio.value().total) == (START + paid, start + paid)
    assert world.portfolio.unrealized("okx", "USDT") == 0
    alpha = world.portfolio.strategy_value("alpha")
    assert alpha is not None
    assert alpha.pnl == paid


def test_a_venue_that_keeps_long_and_short_apart_pays_when_it_closes_them() -> None:
    """Here a short taken beside a long closes it; the profit is realized, and not paid."""
    world = World()
    start, made = world.portfolio.value().total, size(100) * 10
    world.portfolio.book_fill(fill(100, "100", "0"))
    world.portfolio.book_fill(fill(-100, "110", "0"))
    assert cash(world) == START
    assert world.portfolio.value().total == start + made
    world.portfolio.book_fill(fill(-100, "130", made * 3))  # the long
    world.portfolio.book_fill(fill(100, "130", -made * 2))  # the short
    assert cash(world) == START + made
    assert (world.portfolio.value().total, world.portfolio.unrealized("okx", "USDT")) == (start + made, ZERO)


def test_a_fill_that_comes_before_the_one_it_closes_makes_no_difference_in_the_end() -> None:
    world = World()
    start, paid = world.portfolio.value().total, size(100) * 20
    world.portfolio.book_fill(fill(-100, "120", paid))
    assert cash(world) == START + paid
    world.portfolio.book_fill(fill(100, "100", "0"))
    assert (cash(world), world.portfolio.value().total) == (START + paid, start + paid)
    [(_, position)] = list(world.portfolio.positions())
    assert (position.quantity, position.unpaid_pnl) == (ZERO, ZERO)


def test_where_the_venue_does_not_say_cash_is_as_counted_here() -> None:
    world = World()
    world.portfolio.book_fill(fill(100, "100", None))
    world.portfolio.book_fill(fill(-100, "110", None))
    assert cash(world) == START + size(100) * 10
    [(_, position)] = list(world.portfolio.positions())
    assert position.unpaid_pnl == 0


@pytest.mark.parametrize("told", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+15", "-1000.01"])
def test_a_profit_that_cannot_be_is_told_and_never_booked(told: str, caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.portfolio.book_fill(fill(10_000, "10", told))
    assert size(10_000) * 10 == 10
    assert cash(world) == START
    [(_, position)] = list(world.portfolio.positions())
    assert (position.unpaid_pnl, position.quantity) == (ZERO, 10_000 * PERP.lot_size)
    assert f"realized {told}, which cannot be: 0 is booked" in caplog.text


def test_a_profit_that_is_far_from_ours_is_booked_while_prices_can_explain_it() -> None:
    """Somebody else's long, bought at a hundred times as much, may be what this closed."""
    world = World()
    world.quote(PERP, 10, 10)
    world.portfolio.book_fill(fill(-10_000, "10", "-1000"))
    assert cash(world) == START - 1000
    assert world.portfolio.unrealized("okx", "USDT") == 1000


def test_spot_pays_its_price_whatever_profit_is_told() -> None:
    world = World()
    world.portfolio.book_fill(fill(1000, "100", "5", instrument=SPOT))
    assert world.portfolio.balance("binance", "USDT") == START - 1000 * SPOT.lot_size * 100
    [(_, position)] = list(world.portfolio.positions())
    assert position.unpaid_pnl == 0


def test_the_position_event_has_what_is_counted_here() -> None:
    world = World()
    world.portfolio.book_fill(fill(100, "100", "0"))
    event: PositionEvent = world.portfolio.book_fill(fill(-50, "110", "4.99999999")).event
    assert event.realized_pnl == size(50) * 10
