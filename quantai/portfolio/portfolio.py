"""Cash, positions and what they are worth. Every number is a `Decimal` that adds up exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from quantai.core.account import AccountChange, BalanceRecord
from quantai.core.clock import Clock
from quantai.core.errors import UnknownInstrument
from quantai.core.numbers import ZERO, plain
from quantai.data.market import MarketView
from quantai.events import (
    BalanceAdjustedEvent,
    FillEvent,
    PortfolioValueEvent,
    PositionClosedEvent,
    PositionEvent,
    PositionModifiedEvent,
    PositionOpenedEvent,
)
from quantai.events.bus import EventBus
from quantai.instruments import Instrument, InstrumentCatalogue, InstrumentType
from quantai.portfolio.position import Position
from quantai.portfolio.settlement import settle
from quantai.portfolio.valuation import CurrencyConverter, Valuation, add_up

PositionKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class TradingValue:
    """What some positions made, in base currency: `pnl` is realized and unrealized together, after fees."""

    realized_pnl: Decimal
    unrealized_pnl: Decimal
    fees: Decimal
    traded_notional: Decimal

    @property
    def pnl(self) -> Decimal:
        """All profit and loss, after fees."""
        return self.realized_pnl + self.unrealized_pnl - self.fees


class Booked(NamedTuple):
    """What a fill did: the event that tells what became of the position, and the records that changed."""

    event: PositionEvent
    change: AccountChange


class Portfolio:
    """Books fills into balances (by venue and currency) and positions (by strategy, venue and symbol).

    Spot and options exchange the whole price; futures and perpetuals only what a trade realizes, as the venue says (see
    `settlement`). Fees are paid in the currency the fill names.
    """

    def __init__(
        self,
        *,
        bus: EventBus,
        clock: Clock,
        market: MarketView,
        catalogue: InstrumentCatalogue,
        base_currency: str,
        balances: Mapping[str, Mapping[str, Decimal]],
    ) -> None:
        self.base_currency = base_currency
        self._bus = bus
        self._clock = clock
        self._market = market
        self._catalogue = catalogue
        self._converter = CurrencyConverter(market, catalogue, base_currency)
        self.starting_balances = {
            (venue, code): amount for venue, held in balances.items() for code, amount in held.items()
        }
        self._balances: defaultdict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO, self.starting_balances)
        self._positions: dict[PositionKey, Position] = {}
        self._net: defaultdict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
        self.starting_equity: Decimal | None = None

    def book_fill(self, fill: FillEvent) -> Booked:
        """Take a fill into balances and position; the event that tells what it did, and the records that changed."""
        instrument = self._catalogue.get(fill.venue, fill.symbol)
        key = (fill.strategy, fill.venue, fill.symbol)
        position = self._positions.get(key) or self._positions.setdefault(key, Position(instrument))
        before = position.quantity
        signed = fill.quantity * fill.side.sign
        realized = position.trade(signed, fill.price)
        if instrument.is_margined:
            realized = settle(position, fill, realized)
        touched = self._pay(instrument, signed, fill, realized)
        if instrument.type is InstrumentType.SPOT and fill.fee_currency == instrument.base_currency:
            position.pay_fee_in_kind(fill.fee, fill.price)
        else:
            position.pay_fee(fill.fee, fill.fee_currency)
        self._net[fill.venue, fill.symbol] += position.quantity - before
        balances = tuple(BalanceRecord(fill.venue, code, self._balances[fill.venue, code]) for code in touched)
        change = AccountChange((position.record(*key),), balances)
        return Booked(self._position_event(fill, position, before), change)

    def _pay(self, instrument: Instrument, signed: Decimal, fill: FillEvent, realized: Decimal) -> dict[str, None]:
        """The currencies whose balances it touched."""
        venue, settlement = fill.venue, instrument.settlement_currency
        touched = dict.fromkeys((settlement, fill.fee_currency))
        if instrument.is_margined:
            self._balances[venue, settlement] += realized
        else:
            self._balances[venue, settlement] -= instrument.value(signed, fill.price)
            if instrument.type is InstrumentType.SPOT:
                self._balances[venue, instrument.base_currency] += signed
                touched[instrument.base_currency] = None
        self._balances[venue, fill.fee_currency] -= fill.fee
        return touched

    def account(self) -> AccountChange:
        """Everything held now."""
        positions = tuple(position.record(*key) for key, position in self._positions.items())
        return AccountChange(positions, tuple(BalanceRecord(*key, held) for key, held in self._balances.items()))

    def restore(self, account: AccountChange) -> AccountChange:
        """Hold what an earlier run held: its balances in place of the configured ones; the balances that it did not
        know, which are as configured. Equity starts from there.

        Raises `UnknownInstrument` for an open position in what is not configured.
        """
        for each in account.positions:
            if (each.venue, each.symbol) in self._catalogue:
                position = Position(self._catalogue.get(each.venue, each.symbol))
                position.restore(each)
                self._positions[each.strategy, each.venue, each.symbol] = position
                self._net[each.venue, each.symbol] += each.quantity
            elif each.quantity:
                raise UnknownInstrument(
                    f"{each.strategy} has a position of {plain(each.quantity)} in {each.venue}:{each.symbol}, which is "
                    "not configured: add it to instruments until the position is closed"
                )
        known = {(each.venue, each.currency): each.amount for each in account.balances}
        new = tuple(BalanceRecord(*key, held) for key, held in self._balances.items() if key not in known)
        self._balances.update(known)
        self.starting_balances = dict(self._balances)
        return AccountChange(balances=new)

    def adjust_balance(
        self, venue: str, currency: str, amount: Decimal, reason: str
    ) -> tuple[BalanceAdjustedEvent, AccountChange]:
        """Hold `amount` of `currency` at `venue`, because it says so; the event that tells it, and the record."""
        before, now_ns = self.balance(venue, currency), self._clock.now_ns()
        self._balances[venue, currency] = amount
        event = BalanceAdjustedEvent(now_ns, now_ns, venue, currency, before, amount, reason)
        return event, AccountChange(balances=(BalanceRecord(venue, currency, amount),))

    def _position_event(self, fill: FillEvent, position: Position, before: Decimal) -> PositionEvent:
        cls: type[PositionEvent]
        if not position.quantity:
            cls = PositionClosedEvent
        else:
            cls = PositionModifiedEvent if before else PositionOpenedEvent
        settlement = position.instrument.settlement_currency
        return cls(
            fill.strategy, fill.venue, fill.symbol, fill.ts_event, self._clock.now_ns(),
            position.quantity, position.average_price, position.realized_pnl,
            position.fees.get(settlement, ZERO), settlement,
        )  # fmt: skip

    def balance(self, venue: str, currency: str) -> Decimal:
        """What the account at `venue` holds, in `currency`."""
        return self._balances.get((venue, currency), ZERO)

    def balances(self) -> dict[tuple[str, str], Decimal]:
        """Everything held, by venue and currency."""
        return dict(self._balances)

    def position(self, venue: str, symbol: str, strategy: str | None = None) -> Decimal:
        """The signed position, of one strategy or of all together."""
        if strategy is not None:
            position = self._positions.get((strategy, venue, symbol))
            return position.quantity if position else ZERO
        return self._net.get((venue, symbol), ZERO)

    def net_positions(self) -> Iterator[tuple[Instrument, Decimal]]:
        """Every instrument the account has a position in, all strategies together, signed."""
        for key, quantity in self._net.items():
            if quantity:
                yield self._catalogue.get(*key), quantity

    def positions(self) -> Iterator[tuple[PositionKey, Position]]:
        """Every position that ever was, by (strategy, venue, symbol)."""
        yield from self._positions.items()

    def to_base(self, amount: Decimal, currency: str, venue: str) -> Decimal | None:
        """`amount` in base currency; None where there is no price."""
        return self._converter.to_base(amount, currency, venue)

    def unrealized(self, venue: str, currency: str) -> Decimal | None:
        """Profit on margined positions settled in `currency` that no balance has yet; None where one has no price."""
        return add_up(
            self._owed(position)
            for (_, at, _), position in self._positions.items()
            if at == venue and position.instrument.is_margined and position.instrument.settlement_currency == currency
        )

    def value(self) -> Valuation:
        """Everything held, in base currency: cash and spot holdings, margined positions' profit, options at market."""
        positions = Valuation.of(self._worth(position) for position in self._positions.values())
        return self._cash(self._balances) + positions

    def _cash(self, balances: Mapping[tuple[str, str], Decimal]) -> Valuation:
        return Valuation.of(self.to_base(amount, currency, venue) for (venue, currency), amount in balances.items())

    def _worth(self, position: Position) -> Decimal | None:
        """What a position adds to the balances: nothing for spot, whose holding is a balance."""
        instrument = position.instrument
        if instrument.is_margined:
            return self._settled(position, self._owed(position))
        if not position.quantity or instrument.type is InstrumentType.SPOT:
            return ZERO
        price = self._market.price(instrument.venue, instrument.symbol)
        return None if price is None else self._settled(position, instrument.value(position.quantity, price))

    def strategy_value(self, strategy: str) -> TradingValue | None:
        """What a strategy made; None where one of its positions or fees has no price."""
        return self._made(lambda key: key[0] == strategy)

    def instrument_value(self, venue: str, symbol: str) -> TradingValue | None:
        """What all strategies made on an instrument; None where it, or a fee, has no price."""
        return self._made(lambda key: key[1:] == (venue, symbol))

    def _made(self, is_wanted: Callable[[PositionKey], bool]) -> TradingValue | None:
        own = [position for key, position in self._positions.items() if is_wanted(key)]
        realized = add_up(self._settled(position, position.realized_pnl) for position in own)
        unrealized = add_up(self._settled(position, self._profit(position)) for position in own)
        traded = add_up(self._settled(position, position.traded_notional) for position in own)
        fees = add_up(
            self.to_base(amount, currency, position.instrument.venue)
            for position in own
            for currency, amount in position.fees.items()
        )
        if realized is None or unrealized is None or traded is None or fees is None:
            return None
        return TradingValue(realized, unrealized, fees, traded)

    def _profit(self, position: Position) -> Decimal | None:
        """Not yet taken, in settlement currency; None where there is no price."""
        if not position.quantity:
            return ZERO
        price = self._market.price(position.instrument.venue, position.instrument.symbol)
        return None if price is None else position.unrealized_pnl(price)

    def _owed(self, position: Position) -> Decimal | None:
        """What a margined position made and its venue did not pay, in settlement currency."""
        profit = self._profit(position)
        return None if profit is None else profit + position.unpaid_pnl

    def _settled(self, position: Position, amount: Decimal | None) -> Decimal | None:
        """An amount of a position's settlement currency in base currency."""
        if amount is None:
            return None
        return self.to_base(amount, position.instrument.settlement_currency, position.instrument.venue)

    def total_fees(self) -> Valuation:
        """All fees paid, in base currency."""
        return Valuation.of(
            self.to_base(amount, currency, position.instrument.venue)
            for position in self._positions.values()
            for currency, amount in position.fees.items()
        )

    def begin(self) -> None:
        """Take what is held now for what the account began with: what venues put right before is no profit."""
        self.starting_balances = dict(self._balances)
        self.starting_equity = None

    def value_start(self) -> None:
        """Value what the account began with, once all of that has a price."""
        if self.starting_equity is None:
            start = self._cash(self.starting_balances)
            self.starting_equity = None if start.unpriced else start.total

    def publish_value(self) -> PortfolioValueEvent:
        """Value everything and publish it."""
        self.value_start()
        valuation = self.value()
        pnl = ZERO if self.starting_equity is None else valuation.total - self.starting_equity
        now = self._clock.now_ns()
        event = PortfolioValueEvent(
            now, now, self.base_currency, valuation.total, pnl, self.total_fees().total, valuation.unpriced
        )
        self._bus.post(event)
        return event
