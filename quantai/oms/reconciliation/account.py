"""Compares balances and positions with a venue, and takes its word where they differ."""

from __future__ import annotations

from decimal import Context, Decimal
from hashlib import blake2b
from typing import Protocol

from quantai.core.account import AccountChange, PositionRecord
from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.numbers import ZERO, plain
from quantai.events import BalanceAdjustedEvent
from quantai.exchanges.execution import ExecType, ExecutionReport, OrderStatus, VenuePosition
from quantai.instruments import Instrument, InstrumentCatalogue, InstrumentType
from quantai.oms.journal import Journal
from quantai.oms.order_manager import OrderManager
from quantai.oms.reconciliation.agreement import Agreement, Difference
from quantai.oms.reconciliation.asking import VenueQueries
from quantai.oms.reconciliation.known import KnownOrders
from quantai.oms.reconciliation.mismatches import Mismatches, MismatchKind
from quantai.oms.reconciliation.settings import Settings
from quantai.oms.soundness import is_sound

_PRICE_STEP = Decimal("1e-12")
_DIVIDING = Context(prec=56)
_REASON = "the venue has another position, and lists no fill that explains it"


class Books(Protocol):
    """What reconciliation needs of the portfolio."""

    def account(self) -> AccountChange:
        """Everything held now."""
        ...

    def balance(self, venue: str, currency: str) -> Decimal:
        """What the account at `venue` holds, in `currency`."""
        ...

    def position(self, venue: str, symbol: str) -> Decimal:
        """The signed position, of all strategies together."""
        ...

    def adjust_balance(
        self, venue: str, currency: str, amount: Decimal, reason: str
    ) -> tuple[BalanceAdjustedEvent, AccountChange]:
        """Hold `amount`; the event that tells it, and the record."""
        ...


class Account:
    """Balances and positions at one venue. Positions go first: taking one in may move cash."""

    def __init__(
        self,
        queries: VenueQueries,
        known: KnownOrders,
        agreement: Agreement,
        books: Books,
        orders: OrderManager,
        journal: Journal,
        catalogue: InstrumentCatalogue,
        mismatches: Mismatches,
        settings: Settings,
    ) -> None:
        self._venue = queries.venue
        self._queries = queries
        self._known = known
        self._agreement = agreement
        self._books = books
        self._orders = orders
        self._journal = journal
        self._catalogue = catalogue
        self._mismatches = mismatches
        self._dust = settings.dust

    async def compare(self) -> None:
        """Take the venue's word. Raises `VenueError` or `StoreError` where it cannot be had, or does not hold still."""
        for each in await self._agreement.differences("positions", self._read_positions, self._position):
            self._adjust_position(each)
        for each in await self._agreement.differences("balances", self._read_balances, self._balance):
            self._adjust_balance(each)

    def _balance(self, currency: str) -> Decimal:
        return self._books.balance(self._venue, currency)

    def _position(self, symbol: str) -> Decimal:
        return self._books.position(self._venue, symbol)

    async def _read_balances(self) -> list[Difference]:
        theirs = await self._queries.ask(lambda account: account.balances())
        if theirs is None:
            return []
        ours = (each.currency for each in self._books.account().balances if each.venue == self._venue)
        differences = (
            Difference(currency, self._balance(currency), theirs.get(currency, ZERO))
            for currency in sorted({*theirs, *ours})
            if self._can_be(currency, theirs.get(currency, ZERO))
        )
        return [each for each in differences if abs(each.theirs - each.ours) > self._dust.get(each.subject, ZERO)]

    def _adjust_balance(self, found: Difference) -> None:
        reason = "the venue, asked twice, says so"
        event, change = self._books.adjust_balance(self._venue, found.subject, found.theirs, reason)
        self._journal.book(event, change)
        self._mismatches.publish(event)
        self._mismatches.tell(
            self._venue, MismatchKind.BALANCE, found.subject, plain(found.ours), plain(found.theirs), "adjusted"
        )

    async def _read_positions(self) -> list[Difference]:
        listed = await self._queries.ask(lambda account: account.positions())
        if listed is None:
            return []
        theirs: dict[str, list[VenuePosition]] = {}
        for each in listed:
            if self._known.is_configured(each.symbol):
                theirs.setdefault(each.symbol, []).append(each)
        ours = [
            each.symbol
            for each in self._catalogue
            if each.venue == self._venue and each.type is not InstrumentType.SPOT and self._position(each.symbol)
        ]
        differences = (
            self._difference(symbol, theirs.get(symbol, []))
            for symbol in sorted({*theirs, *ours})
            if self._can_be(symbol, *_numbers(theirs.get(symbol, [])))
        )
        return [each for each in differences if each.theirs != each.ours]

    def _can_be(self, subject: str, *said: Decimal) -> bool:
        """Whether what the venue says are numbers; where they are not, what is here stays as it is."""
        if is_sound(*said):
            return True
        self._mismatches.tell_once(
            self._venue, MismatchKind.UNSOUND_ANSWER, subject, "not compared", ", ".join(map(str, said)),
            "left as it is",
        )  # fmt: skip
        return False

    def _difference(self, symbol: str, theirs: list[VenuePosition]) -> Difference:
        """A venue that keeps long and short apart lists both: the net counts, at the price of the larger."""
        total = sum((each.quantity for each in theirs), ZERO)
        price = max(theirs, key=lambda each: abs(each.quantity)).average_price if total else ZERO
        return Difference(symbol, self._position(symbol), total, price)

    def _adjust_position(self, found: Difference) -> None:
        """Book the difference to the external strategy, as a fill of an order of its own, at the venue's average price;
        where the venue has none left, at what ours cost. Balances are compared next, and make up for the price.
        """
        instrument = self._catalogue.get(self._venue, found.subject)
        own = [
            each
            for each in self._books.account().positions
            if (each.venue, each.symbol) == (self._venue, found.subject)
        ]
        price = found.price or _largest_cost(own, instrument)
        ours, theirs = plain(found.ours), plain(found.theirs)
        if not price:
            action = "left as it is: it has no price"
            self._mismatches.tell_once(self._venue, MismatchKind.POSITION, found.subject, ours, theirs, action)
            return
        quantity, name = found.theirs - found.ours, _adjustment_name(self._venue, found, own)
        status = OrderStatus(
            client_order_id="", venue_order_id=name, symbol=found.subject, side=Side.BUY if quantity > 0 else Side.SELL,
            order_type=OrderType.MARKET, time_in_force=TimeInForce.GTC, quantity=abs(quantity), price=None,
            state=OrderState.FILLED, filled_quantity=abs(quantity), ts_event=0,
        )  # fmt: skip
        order = self._orders.adopt(self._venue, status, instrument, _REASON)
        fill = ExecutionReport(
            exec_type=ExecType.TRADE, client_order_id=order.client_order_id, ts_event=order.ts_submitted,
            venue_order_id=name, symbol=found.subject, side=order.side, trade_id=name, price=price,
            quantity=abs(quantity), fee_currency=instrument.settlement_currency,
        )  # fmt: skip
        self._orders.apply(self._venue, fill)
        action = f"booked {plain(quantity)} at {plain(price)} to {order.strategy}"
        self._mismatches.tell(self._venue, MismatchKind.POSITION, found.subject, ours, theirs, action)


def _numbers(listed: list[VenuePosition]) -> list[Decimal]:
    return [number for each in listed for number in (each.quantity, each.average_price)]


def _largest_cost(own: list[PositionRecord], instrument: Instrument) -> Decimal:
    """The average price of the largest position in the instrument; 0 where there is none."""
    record = max(own, key=lambda each: abs(each.quantity), default=None)
    if record is None or not record.quantity or not record.cost:
        return ZERO
    size = record.quantity * instrument.multiplier
    price = _DIVIDING.divide(-size, record.cost) if instrument.inverse else _DIVIDING.divide(record.cost, size)
    return price.quantize(_PRICE_STEP, context=_DIVIDING)


def _adjustment_name(venue: str, found: Difference, own: list[PositionRecord]) -> str:
    """The same for the same books and the same word of the venue, and another one after anything was traded: traded
    notional only grows, and is written in one transaction with the fill.
    """
    traded = sum((each.traded_notional for each in own), ZERO)
    said = "|".join([venue, found.subject, plain(found.ours), plain(found.theirs), plain(traded)])
    return f"adjust-{blake2b(said.encode(), digest_size=8).hexdigest()}"
