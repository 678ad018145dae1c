"""Whatever is traded, cash, positions, fees and profit reconcile exactly with a ledger kept in fractions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal, Inexact, Overflow, localcontext
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from quantai.core.enums import Liquidity, Side
from quantai.events import OrderFilledEvent
from quantai.instruments import Instrument, InstrumentType
from quantai.portfolio.position import Position
from tests.oms.world import BTC, INVERSE, OPTION, PERP, SPOT, START_NS, D, World

STEP = Fraction(1, 10**12)


@dataclass(frozen=True)
class Fill:
    """One execution, in whole lots, ticks and fee steps."""

    instrument: Instrument
    strategy: str
    lots: int
    ticks: int
    fee: Decimal

    @property
    def quantity(self) -> Decimal:
        return self.lots * self.instrument.lot_size

    @property
    def price(self) -> Decimal:
        return self.ticks * self.instrument.tick_size


def fills(*instruments: Instrument) -> st.SearchStrategy[list[Fill]]:
    """Trades of two strategies; a few sizes only, so that positions are often closed and turned around."""
    fill = st.builds(
        Fill,
        instrument=st.sampled_from(instruments),
        strategy=st.sampled_from(["alpha", "beta"]),
        lots=st.one_of(st.sampled_from([-3, -2, -1, 1, 2, 3]), st.integers(-(10**6), 10**6).filter(bool)),
        ticks=st.integers(1, 10**7),
        fee=st.integers(-(10**9), 10**9).map(lambda n: n * D("1e-8")),
    )
    return st.lists(fill, min_size=1, max_size=25)


def book(world: World, fill: Fill) -> None:
    side = Side.BUY if fill.lots > 0 else Side.SELL
    quantity = abs(fill.quantity)
    world.portfolio.book_fill(
        OrderFilledEvent(
            "o", fill.strategy, fill.instrument.venue, fill.instrument.symbol, START_NS, START_NS, "", "t", side,
            fill.price, quantity, quantity, D(0), fill.fee, fill.instrument.settlement_currency, Liquidity.TAKER,
        )
    )  # fmt: skip


class Ledger:
    """Cash as it changes hands and net positions, per account and per strategy: no average cost, no rounding."""

    def __init__(self) -> None:
        self.cash: defaultdict[tuple[str, str], Fraction] = defaultdict(Fraction)
        self.paid: defaultdict[tuple[str, Instrument], Fraction] = defaultdict(Fraction)
        self.held: defaultdict[tuple[str, Instrument], Fraction] = defaultdict(Fraction)
        self.fees: defaultdict[str, Fraction] = defaultdict(Fraction)

    def book(self, fill: Fill) -> None:
        instrument, quantity = fill.instrument, Fraction(fill.quantity)
        paid = quantity * Fraction(fill.price) * Fraction(instrument.multiplier)
        self.paid[fill.strategy, instrument] += paid
        self.held[fill.strategy, instrument] += quantity
        self.fees[fill.strategy] += Fraction(fill.fee)
        settled = (instrument.venue, instrument.settlement_currency)
        self.cash[settled] -= Fraction(fill.fee)
        if not instrument.is_margined:
            self.cash[settled] -= paid
        if instrument.type is InstrumentType.SPOT:
            self.cash[instrument.venue, instrument.base_currency] += quantity

    def profit(self, strategy: str, instrument: Instrument, price: Decimal) -> Fraction:
        worth = self.held[strategy, instrument] * Fraction(price) * Fraction(instrument.multiplier)
        return worth - self.paid[strategy, instrument]


def positions(world: World) -> dict[tuple[str, Instrument], Position]:
    return {(key[0], position.instrument): position for key, position in world.portfolio.positions()}


@given(fills(SPOT, BTC, OPTION, PERP))
def test_linear_instruments_reconcile_to_the_last_digit(trades: list[Fill]) -> None:
    world, ledger = World(), Ledger()
    with localcontext() as context:
        context.traps[Inexact] = context.traps[Overflow] = True
        for fill in trades:
            book(world, fill)
            ledger.book(fill)
        for (strategy, instrument), position in positions(world).items():
            price = trades[-1].price
            total = position.realized_pnl + position.unrealized_pnl(price)
            assert Fraction(total) == ledger.profit(strategy, instrument, price)
            assert Fraction(position.quantity) == ledger.held[strategy, instrument]
            assert position.quantity or not position.cost
            if instrument.is_margined:
                ledger.cash[instrument.venue, instrument.settlement_currency] += Fraction(position.realized_pnl)
    start = {key: Fraction(amount) for key, amount in world.portfolio.starting_balances.items()}
    for key, amount in world.portfolio.balances().items():
        assert Fraction(amount) == start.get(key, 0) + ledger.cash[key]


@given(fills(INVERSE))
def test_inverse_contracts_reconcile_but_for_the_rounding_of_each_value(trades: list[Fill]) -> None:
    world = World(balances={"okx": {"BTC": D(1)}})
    paid: defaultdict[str, Fraction] = defaultdict(Fraction)
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    fees = Fraction(0)
    for fill in trades:
        book(world, fill)
        paid[fill.strategy] -= Fraction(fill.quantity * INVERSE.multiplier) / Fraction(fill.price)
        held[fill.strategy] += fill.quantity
        fees += Fraction(fill.fee)
    tolerance = 3 * len(trades) * STEP
    price = trades[-1].price
    for (strategy, _), position in positions(world).items():
        worth = -Fraction(held[strategy] * INVERSE.multiplier) / Fraction(price)
        total = position.realized_pnl + position.unrealized_pnl(price)
        assert abs(Fraction(total) - (worth - paid[strategy])) <= tolerance
        assert position.quantity == held[strategy]
        assert position.quantity or not position.cost
    realized = sum((position.realized_pnl for position in positions(world).values()), D(0))
    assert Fraction(world.portfolio.balance("okx", "BTC")) == 1 + Fraction(realized) - fees


@given(fills(SPOT, PERP, OPTION), st.integers(1, 10**6), st.integers(1, 10**6))
def test_equity_is_the_start_and_what_strategies_made(trades: list[Fill], spot: int, perp: int) -> None:
    world = World()
    world.quote(SPOT, spot / 100, spot / 100)
    for instrument in (PERP, OPTION):
        world.quote(instrument, perp / 10, perp / 10)
    for fill in trades:
        book(world, fill)
    world.portfolio.publish_value()
    made = [world.portfolio.strategy_value(name) for name in ("alpha", "beta")]
    by_instrument = [world.portfolio.instrument_value(i.venue, i.symbol) for i in (SPOT, PERP, OPTION)]
    value = world.portfolio.value()
    assert value.unpriced == 0
    assert world.portfolio.starting_equity == 2000
    assert value.total == 2000 + sum((each.pnl for each in made if each is not None), D(0))
    assert value.total == 2000 + sum((each.pnl for each in by_instrument if each is not None), D(0))


@given(fills(SPOT, PERP, INVERSE))
def test_the_account_holds_what_its_strategies_hold(trades: list[Fill]) -> None:
    world = World()
    net: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in trades:
        book(world, fill)
        net[fill.instrument.symbol] += fill.quantity
    for instrument in (SPOT, PERP, INVERSE):
        venue, symbol = instrument.venue, instrument.symbol
        own = [world.portfolio.position(venue, symbol, strategy) for strategy in ("alpha", "beta")]
        assert world.portfolio.position(venue, symbol) == sum(own, D(0)) == net[symbol]
    listed = {instrument.symbol: quantity for instrument, quantity in world.portfolio.net_positions()}
    assert listed == {symbol: quantity for symbol, quantity in net.items() if quantity}
