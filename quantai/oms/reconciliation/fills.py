"""Fills that a venue lists and nobody here was told of; and those that it owes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from msgspec import structs

from quantai.core.clock import Clock
from quantai.core.enums import OrderState, OrderType, TimeInForce
from quantai.core.numbers import ZERO, plain
from quantai.exchanges.execution import ExecType, ExecutionReport, OrderStatus
from quantai.oms.inferred import inferred_id
from quantai.oms.journal import Journal
from quantai.oms.models import Order
from quantai.oms.order_manager import OrderManager
from quantai.oms.reconciliation.asking import VenueQueries
from quantai.oms.reconciliation.comparing import is_at_venue
from quantai.oms.reconciliation.known import KnownOrders
from quantai.oms.reconciliation.mismatches import Mismatches, MismatchKind
from quantai.oms.reports import is_booked

logger = logging.getLogger(__name__)

INCOMPLETE = "journal_incomplete"
"""The journal's setting that tells when it lost something, and why; empty where it did not."""

_LOSSES = ("dropped", "quarantined")

Prices = Callable[[str, str], Decimal | None]
"""The last price of an instrument, by venue and symbol; None where there is none."""


def watermark_key(venue: str) -> str:
    """The setting that says until when every fill of `venue` is known, nanoseconds UTC by its clock."""
    return f"fills_known.{venue}"


def known_until(venue: str, settings: Mapping[str, str]) -> int:
    """Until when every fill of `venue` is in the journal of these settings: no longer than until it lost something."""
    known_ns, lost = int(settings.get(watermark_key(venue), "0")), settings.get(INCOMPLETE)
    return min(known_ns, int(lost.split()[0])) if lost else known_ns


class Fills:
    """The fills of one venue. `known_ns` is the time until which all are known, 0 where that is not known.

    It is written to the journal after the fills, so that what it says is true after any crash.
    """

    def __init__(
        self,
        queries: VenueQueries,
        known: KnownOrders,
        orders: OrderManager,
        journal: Journal,
        clock: Clock,
        mismatches: Mismatches,
        prices: Prices,
        overlap_ns: int,
    ) -> None:
        self.venue = queries.venue
        self.known_ns = 0
        self._queries = queries
        self._known = known
        self._orders = orders
        self._journal = journal
        self._clock = clock
        self._mismatches = mismatches
        self._prices = prices
        self._overlap_ns = overlap_ns

    async def catch_up(self, order: Order | None = None) -> int:
        """Book what the venue lists since the last known, or since `order` was placed; how many fills were missed.

        Raises `VenueError` or `StoreError` where not all of it could be had: then what was not is asked for again.
        """
        asked_ns = self._clock.now_ns()
        since_ns = self.known_ns or self._first_ns(asked_ns)
        if order is not None:
            since_ns = min(since_ns, order.ts_submitted)
        since_ns = max(0, since_ns - self._overlap_ns)
        listed = await self._queries.ask(lambda account: account.fills(since_ns))
        missed = 0
        for fill in listed:
            owner = await self._owner(fill, listed)
            missed += owner is not None and self._book(owner, fill)
        self._remember(min(asked_ns, max((fill.ts_event for fill in listed), default=0)), asked_ns)
        return missed

    def mark_complete(self) -> None:
        """What an earlier run lost was found at the venues; what this one lost meanwhile was not."""
        if not any(self._journal.counts.get(name) for name in _LOSSES):
            logger.warning("the order journal is complete again: it was compared with every venue")
            self._journal.put(INCOMPLETE, "")

    def _first_ns(self, now_ns: int) -> int:
        """Where nothing is known yet: the time of the oldest order that could have traded."""
        open_orders = self._orders.cache.open_orders()
        return min((order.ts_submitted for order in open_orders if is_at_venue(order, self.venue)), default=now_ns)

    def _remember(self, newest_ns: int, asked_ns: int) -> None:
        known_ns = max(self.known_ns, newest_ns) or asked_ns
        if known_ns != self.known_ns:
            self.known_ns = known_ns
            self._journal.put(watermark_key(self.venue), str(known_ns))

    async def _owner(self, fill: ExecutionReport, listed: Sequence[ExecutionReport]) -> Order | None:
        """The order that traded, adopted where nobody here placed it; None where nothing here could value it."""
        order = await self._known.find(fill.client_order_id, fill.venue_order_id)
        if order is not None or not self._known.is_configured(fill.symbol):
            return order
        status = await self._queries.ask(
            lambda account: account.find_order(fill.symbol, fill.client_order_id, fill.venue_order_id)
        )
        client_order_id = fill.client_order_id if status is None else status.client_order_id
        order = await self._known.find(client_order_id, fill.venue_order_id)  # what the fill alone did not tell
        return order or self._known.adopt(status or _status_of(fill, listed), "it traded, and nobody here placed it")

    def _book(self, order: Order, fill: ExecutionReport) -> bool:
        """Book `fill` unless it is booked; whether it was not. What was inferred of it is not booked again."""
        if not fill.trade_id:
            self._mismatches.tell_once(
                self.venue, MismatchKind.UNSOUND_FILL, order.client_order_id, "nothing", f"a fill without id: {fill}",
                "left out: it could be booked twice",
            )  # fmt: skip
            return False
        if is_booked(order, fill.trade_id):
            return False
        filled = order.filled_quantity
        # Under the name it has here: the venue's may not be known yet, where the acceptance was lost.
        self._orders.apply(self.venue, structs.replace(fill, client_order_id=order.client_order_id))
        if not is_booked(order, fill.trade_id):  # the order manager has told why
            return False
        new = order.filled_quantity - filled
        self._mismatches.tell(
            self.venue, MismatchKind.MISSED_FILL, f"{order.client_order_id} {fill.trade_id}",
            f"{plain(filled)} traded", f"{plain(fill.quantity)} more at {plain(fill.price)}",
            "booked" if new == fill.quantity else f"{plain(fill.quantity - new)} of it were inferred before",
        )  # fmt: skip
        return True

    def infer(self, order: Order, status: OrderStatus) -> bool:
        """Book what the venue says has traded, and will not list, as one fill; whether that could be.

        At the limit, which is the worst it can have been, else at the average so far, else at the last price. Its id
        is made of what the venue said: the same word is booked once.
        """
        price = order.price or order.average_price or self._prices(order.venue, order.symbol)
        ours, theirs = f"{plain(order.filled_quantity)} traded", f"{plain(status.filled_quantity)} traded"
        if price is None:
            self._mismatches.tell_once(
                self.venue, MismatchKind.UNSOUND_FILL, order.client_order_id, ours, theirs, "left out: it has no price"
            )
            return False
        quantity = status.filled_quantity - order.filled_quantity
        name = inferred_id(
            quantity, status.filled_quantity, max(status.ts_event, 0), status.venue_order_id or order.client_order_id
        )
        self._orders.apply(
            self.venue,
            ExecutionReport(
                exec_type=ExecType.TRADE, client_order_id=order.client_order_id, ts_event=status.ts_event,
                venue_order_id=status.venue_order_id, symbol=order.symbol, side=order.side,
                trade_id=name, price=price, quantity=quantity, fee_currency=order.instrument.settlement_currency,
            ),
        )  # fmt: skip
        self._mismatches.tell(
            self.venue, MismatchKind.INFERRED_FILL, order.client_order_id, ours, theirs,
            f"booked {plain(quantity)} at {plain(price)}, without a fee",
        )  # fmt: skip
        return True


def _status_of(fill: ExecutionReport, listed: Sequence[ExecutionReport]) -> OrderStatus:
    """What the fills of an order say of it, where the venue has forgotten all else."""
    own = [
        each
        for each in listed
        if (each.client_order_id, each.venue_order_id) == (fill.client_order_id, fill.venue_order_id)
    ]
    quantity = sum((each.quantity for each in own), ZERO)
    return OrderStatus(
        client_order_id=fill.client_order_id, venue_order_id=fill.venue_order_id, symbol=fill.symbol, side=fill.side,
        order_type=OrderType.MARKET, time_in_force=TimeInForce.GTC, quantity=quantity, price=None,
        state=OrderState.FILLED, filled_quantity=quantity, ts_event=own[0].ts_event,
    )  # fmt: skip
