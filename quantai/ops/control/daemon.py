"""The daemon that trades, as the control socket sees it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from quantai.core.clock import Clock
from quantai.core.enums import OrderState, TradingState
from quantai.core.errors import OrderError, StoreError
from quantai.core.identifiers import nearest
from quantai.data.market import MarketView
from quantai.oms.journal import Journal
from quantai.oms.models import EXTERNAL, Order
from quantai.oms.order_manager import OrderManager
from quantai.oms.risk.states import TradingStates
from quantai.ops.control.finding import OrderFinder, unknown_orders
from quantai.ops.control.flatten import Flattener, Scope
from quantai.ops.control.requests import OrdersRequest
from quantai.ops.control.views import (
    Canceling,
    FlattenReport,
    Listing,
    OrderView,
    PositionView,
    ReconciliationView,
    StateChange,
    Status,
    Story,
    StoryEntry,
    TradingStateView,
)
from quantai.portfolio.portfolio import Portfolio
from quantai.version import VERSION

logger = logging.getLogger(__name__)

SOURCE = "the daemon"

_MAX_ENTRIES = 1_000
_MAX_UNKNOWN = 100
_MAX_CHILDREN = 200


@dataclass(frozen=True, slots=True)
class Facts:
    """What does not change while the daemon runs."""

    mode: str
    execution: str
    strategies: Collection[str]
    journal: str
    """Where the journal is, without a password."""


class DaemonControl:
    """Does what is asked, with the parts of the daemon. `reconciliation` tells how the last one went."""

    def __init__(
        self,
        *,
        facts: Facts,
        orders: OrderManager,
        finder: OrderFinder,
        portfolio: Portfolio,
        market: MarketView,
        journal: Journal,
        states: TradingStates,
        flattener: Flattener,
        clock: Clock,
        reconciliation: Callable[[], ReconciliationView | None] = lambda: None,
        patience_s: float = 6.0,
    ) -> None:
        """`patience_s` is how long the journal may take to keep a trading state."""
        self._facts = facts
        self._orders = orders
        self._finder = finder
        self._portfolio = portfolio
        self._market = market
        self._journal = journal
        self._states = states
        self._flattener = flattener
        self._clock = clock
        self._reconciliation = reconciliation
        self._patience_s = patience_s
        self._since_ns = clock.now_ns()

    async def orders(self, wanted: OrdersRequest) -> Listing:
        """The orders in memory that are wanted."""
        found = await self._finder.listed(wanted)
        shown = tuple(map(OrderView.of, found[-wanted.limit :]))
        return Listing(source=SOURCE, orders=shown, has_more=len(found) > wanted.limit)

    async def explain(self, order_id: str) -> Story:
        """The story as the journal has it, and the order as it is now."""
        found = await self._finder.find(order_id)
        if len(found) > 1:
            return Story(source=SOURCE, matches=tuple(map(OrderView.of, found)))
        [order] = found
        entries, remark = await self._entries(order)
        parent = await self._finder.parent(order)
        children = await self._finder.children(order, _MAX_CHILDREN)
        return Story(
            source=SOURCE,
            order=OrderView.of(order),
            entries=entries[-_MAX_ENTRIES:],
            left_out=max(0, len(entries) - _MAX_ENTRIES),
            parent=None if parent is None else OrderView.of(parent),
            children=tuple(map(OrderView.of, children)),
            remark=remark,
        )

    async def _entries(self, order: Order) -> tuple[tuple[StoryEntry, ...], str]:
        try:
            story = await self._journal.story(order.client_order_id)
        except StoreError as error:
            return (), f"the journal cannot be asked, this is what the daemon remembers: {error}"
        entries = tuple(StoryEntry(ts_ns=each.ts_ns, kind=each.kind, body=each.body) for each in story)
        remark = f"nothing is in the journal ({self._facts.journal}), this is what the daemon remembers"
        return entries, "" if entries else remark

    def status(self) -> Status:
        """How the daemon is now."""
        orders, value = self._orders, self._portfolio.value()
        unknown = [order.client_order_id for order in unknown_orders(orders.cache)]
        return Status(
            version=VERSION,
            pid=os.getpid(),
            mode=self._facts.mode,
            execution=self._facts.execution,
            since_ns=self._since_ns,
            now_ns=self._clock.now_ns(),
            states=self._all_states(),
            open_orders=len(orders.open_orders()),
            unknown_orders=tuple(unknown[:_MAX_UNKNOWN]),
            counts=dict(orders.counts),
            journal=self._facts.journal,
            journal_available=self._journal.is_available,
            journal_counts=dict(self._journal.counts),
            reconciliation=self._reconciliation(),
            equity=value.total,
            unpriced=value.unpriced,
            currency=self._portfolio.base_currency,
            positions=tuple(self._positions()),
        )

    def _positions(self) -> Iterator[PositionView]:
        for (strategy, venue, symbol), position in self._portfolio.positions():
            if position.quantity:
                price = self._market.price(venue, symbol)
                yield PositionView(
                    strategy=strategy,
                    venue=venue,
                    symbol=symbol,
                    quantity=position.quantity,
                    average_price=position.average_price,
                    unrealized_pnl=None if price is None else position.unrealized_pnl(price),
                    currency=position.instrument.settlement_currency,
                )

    def _all_states(self) -> tuple[TradingStateView, ...]:
        found = sorted(self._states.all().items(), key=lambda each: each[0] or "")
        return tuple(
            TradingStateView(strategy=strategy, state=each.state, reason=each.reason, ts_ns=each.ts_ns)
            for strategy, each in found
        )

    async def set_state(self, state: TradingState, strategy: str | None, reason: str, who: str) -> StateChange:
        """Halt (all that is open is cancelled), restrict or resume, at once; then wait until that is durable. Raises
        `OrderError` for a strategy that is not there, and for resuming while positions are being flattened.
        """
        self._check_strategy(strategy)
        if state is TradingState.ACTIVE and self._flattener.is_running:
            raise OrderError("positions are being flattened: resume when that is done")
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._states.set(state, strategy, _said(reason, who), lambda is_durable: _answer(kept, is_durable))
        canceling = [
            order.client_order_id
            for order in (self._orders.open_orders(strategy) if state is TradingState.HALTED else ())
            if order.state is OrderState.PENDING_CANCEL
        ]
        not_kept = await self._why_not(kept)
        return StateChange(states=self._all_states(), canceling=tuple(canceling), not_kept=not_kept)

    async def _why_not(self, kept: asyncio.Future[bool]) -> str:
        """Why a restart would forget what is being written; empty once it is durable."""
        try:
            async with asyncio.timeout(self._patience_s):
                is_durable = await kept
        except TimeoutError:
            return f"the journal ({self._facts.journal}) did not say within {self._patience_s:g} s that it has it"
        trouble = self._journal.trouble
        return "" if is_durable else f"the journal ({self._facts.journal}) cannot be written{trouble and ': '}{trouble}"

    async def flatten(self, strategy: str | None, symbol: str | None, reason: str, who: str) -> FlattenReport:
        """Halt, cancel, close. Raises `OrderError` for a strategy that is not there, or a symbol nobody trades."""
        self._check_strategy(strategy)
        self._check_symbol(symbol)
        cause = _said(f"flatten: {reason}" if reason else "flatten", who)

        def halt() -> None:
            self._states.set(TradingState.HALTED, strategy, cause)

        return await self._flattener.flatten(Scope(strategy, symbol), cause, halt)

    async def cancel(self, order_id: str, who: str) -> Canceling:
        """Cancel one order. Raises `OrderError` where it is closed, or the id is not that of one order."""
        found = await self._finder.find(order_id)
        if len(found) > 1:
            names = ", ".join(order.client_order_id for order in found)
            raise OrderError(f"{order_id} may be any of {names}: say which")
        [order] = found
        if not order.is_open:
            raise OrderError(f"{order.client_order_id} is {order.state}: there is nothing to cancel")
        self._orders.cancel(order, _said("cancel", who))
        return Canceling(orders=(order.client_order_id,))

    def cancel_all(self, strategy: str | None, symbol: str | None, who: str) -> Canceling:
        """Cancel open orders. Raises `OrderError` for a strategy that is not there, or a symbol nobody trades."""
        self._check_strategy(strategy)
        self._check_symbol(symbol)
        orders = self._orders.cancel_all(strategy, symbol, _said("cancel all", who))
        return Canceling(orders=tuple(order.client_order_id for order in orders))

    def _check_strategy(self, strategy: str | None) -> None:
        if strategy is not None and strategy != EXTERNAL and strategy not in self._facts.strategies:
            raise OrderError(f"no strategy {strategy!r} runs here; {_hint(strategy, self._facts.strategies)}")

    def _check_symbol(self, symbol: str | None) -> None:
        known = {key[2] for key, _ in self._portfolio.positions()}
        known |= {order.symbol for order in self._orders.open_orders()}
        if symbol is not None and symbol not in known:
            raise OrderError(f"nothing is held or open of {symbol!r}; {_hint(symbol, known)}")


def _hint(name: str, known: Collection[str]) -> str:
    near = nearest(name, known)
    return f"did you mean {near!r}?" if near else f"there are {', '.join(sorted(known)) or 'none'}"


def _answer(kept: asyncio.Future[bool], is_durable: bool) -> None:
    if not kept.done():  # nobody waits any more
        kept.set_result(is_durable)


def _said(what: str, who: str) -> str:
    return f"{what}, by {who}" if what else f"by {who}"
