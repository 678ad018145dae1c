"""What a journal tells while no daemon runs: the same answers, read-only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from quantai.core.account import AccountChange
from quantai.core.errors import StoreError
from quantai.oms.journal import JournalledEvent
from quantai.oms.risk.states import SETTING, SetState
from quantai.ops.control.naming import MAX_MATCHES, OrderName
from quantai.ops.control.requests import OrdersRequest
from quantai.ops.control.views import Kept, Listing, OrderView, Story, StoryEntry, TradingStateView

if TYPE_CHECKING:  # it imports SQLAlchemy, which takes a while: only those wait for it who read a journal
    from quantai.oms.journal.stored import StoredOrder

_SIFTED = 10_000
"""How many orders are read where the journal cannot choose among them itself."""


class Reader(Protocol):
    """A journal that is only read. Each raises `StoreError` where it cannot be."""

    def orders(
        self, *, open_only: bool = False, strategy: str | None = None, symbol: str | None = None, limit: int = 100
    ) -> Sequence[StoredOrder]:
        """The newest orders, oldest of them first."""
        ...

    def order(self, name: str) -> StoredOrder:
        """The order of that id, or the only one whose id begins so or that a venue calls so. Raises `StoreError` where
        there is none, or more than one.
        """
        ...

    def story(self, client_order_id: str) -> Sequence[JournalledEvent]:
        """Events and notes of an order, oldest first."""
        ...

    def settings(self) -> Mapping[str, str]:
        """Every setting."""
        ...

    def account(self) -> AccountChange:
        """Every position and balance as it was last."""
        ...


class Archive:
    """Answers from a journal, which people know as `source`. Everything raises `StoreError` where it cannot be read."""

    def __init__(self, reader: Reader, source: str) -> None:
        self._reader = reader
        self.source = source

    def orders(self, wanted: OrdersRequest) -> Listing:
        """The orders that are wanted."""
        sifts = wanted.venue is not None or wanted.state is not None
        read = self._reader.orders(
            open_only=not wanted.closed,
            strategy=wanted.strategy,
            symbol=wanted.symbol,
            limit=_SIFTED if sifts else wanted.limit + 1,
        )
        found = [each for each in read if wanted.venue in (None, each.venue) and wanted.state in (None, each.state)]
        shown = tuple(map(OrderView.of, found[-wanted.limit :]))
        return Listing(source=self.source, orders=shown, has_more=len(found) > wanted.limit or len(read) == _SIFTED)

    def explain(self, order_id: str) -> Story:
        """An order's story; only the matches where the id is not that of one order. Raises `StoreError` also where
        there is none.
        """
        found = self._find(order_id)
        if len(found) > 1:
            return Story(source=self.source, matches=tuple(map(OrderView.of, found)))
        [order] = found
        entries = self._reader.story(order.client_order_id)
        return Story(
            source=self.source,
            order=OrderView.of(order),
            entries=tuple(StoryEntry(ts_ns=each.ts_ns, kind=each.kind, body=each.body) for each in entries),
            parent=OrderView.of(self._reader.order(order.parent_order_id)) if order.parent_order_id else None,
            children=self._children(order),
        )

    def kept(self) -> Kept:
        """What the next start will find."""
        account = self._reader.account()
        return Kept(
            source=self.source,
            states=tuple(self._states()),
            positions=tuple(position for position in account.positions if position.quantity),
            open_orders=len(self._reader.orders(open_only=True, limit=_SIFTED)),
        )

    def _states(self) -> list[TradingStateView]:
        text = self._reader.settings().get(SETTING, "{}")
        try:
            states = msgspec.json.decode(text, type=dict[str, SetState])
        except msgspec.MsgspecError as error:
            raise StoreError(f"the trading states in {self.source} cannot be read: {error}") from error
        return [
            TradingStateView(strategy=strategy or None, state=each.state, reason=each.reason, ts_ns=each.ts_ns)
            for strategy, each in sorted(states.items())
        ]

    def _find(self, order_id: str) -> Sequence[StoredOrder]:
        name = OrderName.of(order_id)
        if name.tail:
            found = self._sift(lambda order: name.fits(order.client_order_id))
            return found[:MAX_MATCHES] or [self._reader.order(order_id)]
        try:
            return [self._reader.order(name.head)]
        except StoreError:
            if len(found := self._sift(lambda order: name.fits(order.client_order_id))) > 1:
                return found[:MAX_MATCHES]
            raise

    def _children(self, parent: StoredOrder) -> tuple[OrderView, ...]:
        return tuple(map(OrderView.of, self._sift(lambda order: order.parent_order_id == parent.client_order_id)))

    def _sift(self, is_wanted: Callable[[StoredOrder], bool]) -> list[StoredOrder]:
        return [order for order in self._reader.orders(limit=_SIFTED) if is_wanted(order)]
