"""One run of the trading core, from what the journal kept to the moment it is killed."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from quantai.assembly.reconciliation import build_reconciler
from quantai.config.schema.reconciliation import ReconciliationSection
from quantai.core.clock import SimulatedClock
from quantai.core.enums import OrderState, Side, TradingState
from quantai.core.identifiers import ClientOrderIds, base36
from quantai.core.numbers import plain
from quantai.data.market import MarketView
from quantai.events import BalanceAdjustedEvent, ErrorEvent, Event, FillEvent, MismatchEvent, OrderEvent, TickEvent
from quantai.events.bus import MemoryEventBus
from quantai.instruments import InstrumentCatalogue
from quantai.oms.cache import OrderCache
from quantai.oms.contingent import ContingentOrders
from quantai.oms.inferred import confirmed_trades
from quantai.oms.models import Order
from quantai.oms.order_manager import OrderManager
from quantai.oms.parents import RoutedOrders
from quantai.oms.risk import RiskEngine, RiskView, TradingStates
from quantai.oms.risk.capital import SufficientCapital
from quantai.oms.risk.standard import (
    ExposureLimit,
    MaxOpenOrders,
    PositionLimit,
    PriceValidity,
    QuantityValidity,
)
from quantai.oms.risk.states import SETTING
from quantai.oms.routing import FeeRates, RoutingView
from quantai.oms.routing.books import BookView
from quantai.oms.routing.smart import SmartRouter
from quantai.portfolio.portfolio import Portfolio
from tests.torture.oms.disk import Disk, DurableModel
from tests.torture.oms.exchange import Exchange
from tests.torture.oms.life import Life, LivingClock
from tests.torture.oms.limits import MAX_OPEN, MAX_POSITION
from tests.torture.oms.log import Log
from tests.torture.oms.trader import STRATEGIES
from tests.torture.oms.venue import FaultyVenue, Line
from tests.torture.oms.watch import Watch

_WATCHED = ["order.*", "position.*", "portfolio.*", "system.*"]
# Less patience than in earnest: nobody waits here, but a seed should see more than one reconciliation.
_IN_HASTE = ReconciliationSection.model_validate(
    {
        "answer_timeout": "2500ms", "settle": "500ms", "query_timeout": "2s", "backoff": "200ms", "max_backoff": "2s",
        "start_timeout": "2m",
    }
)  # fmt: skip
_ON_THE_WAY = (OrderState.PENDING_NEW, OrderState.PENDING_CANCEL, OrderState.PENDING_REPLACE, OrderState.UNKNOWN)


@dataclass
class Surroundings:
    """What is there before a daemon, and after it. `max_closed` is how many closed orders stay in memory."""

    clock: SimulatedClock
    lines: list[Line]
    disk: Disk
    dice: random.Random
    log: Log
    max_closed: int
    runs: int = 0


class Daemon:
    """Everything between a strategy and the venues. `problems` is what it must not have done."""

    def __init__(self, around: Surroundings, life: Life) -> None:
        around.runs += 1
        self.life = life
        self.problems: list[str] = []
        self.is_ready = False
        self.starting: asyncio.Task[None] | None = None
        self._log = around.log
        self._watch = Watch(self.problems.append)
        self.clock = clock = LivingClock(around.clock, life)
        self.bus = MemoryEventBus(clock)
        self.market = MarketView()
        instruments = [each for line in around.lines for each in line.exchange.instruments.values()]
        self.catalogue = InstrumentCatalogue(instruments)
        self.portfolio = Portfolio(
            bus=self.bus, clock=clock, market=self.market, catalogue=self.catalogue, base_currency="USDT", balances={}
        )
        self.journal = DurableModel(around.disk, clock, around.dice, life)
        self.cache = OrderCache(around.max_closed)
        self.venues: Mapping[str, FaultyVenue] = {line.exchange.name: FaultyVenue(line, life) for line in around.lines}
        self.states = TradingStates(
            clock, post=self.bus.post, put=self.journal.put,
            cancel_all=lambda strategy, reason: self.orders.cancel_all(strategy, cause=reason),
        )  # fmt: skip
        self.risk = RiskEngine(
            [
                SufficientCapital(),
                PositionLimit(max_notional=MAX_POSITION),
                MaxOpenOrders(per_strategy=MAX_OPEN),
                PriceValidity(),
                QuantityValidity(),
                ExposureLimit(max_gross=Decimal(4_000)),
            ],
            RiskView(self.portfolio, self.market, self.cache, clock),
            self.states,
        )
        ids = ClientOrderIds(f"t{base36(around.runs)}")
        self.orders = OrderManager(
            bus=self.bus, clock=clock, risk=self.risk, journal=self.journal, cache=self.cache, executors=self.venues,
            ids=ids, book_fill=self.portfolio.book_fill,
        )  # fmt: skip
        topics = {(each.venue, each.symbol): [f"market.tick.{each.venue}.{each.symbol}"] for each in instruments}
        self.contingent = ContingentOrders(
            self.orders, bus=self.bus, clock=clock, market=self.market, ids=ids, topics=topics
        )
        self.routed = self._routing(clock)
        self.reconciler = build_reconciler(
            _IN_HASTE, orders=self.orders, books=self.portfolio, journal=self.journal, executors=self.venues,
            catalogue=self.catalogue, market=self.market, clock=clock, post=self.bus.post,
        )  # fmt: skip

    def _routing(self, clock: LivingClock) -> RoutedOrders:
        instruments = list(self.catalogue)
        view = RoutingView(
            clock=clock, market=self.market, books=BookView(), account=self.portfolio, orders=self.cache,
            fees=dict.fromkeys(self.venues, FeeRates(0.0002, 0.001)), health=lambda venue: self.venues[venue].health(),
        )  # fmt: skip
        router = SmartRouter()
        router.bind(view)
        return RoutedOrders(
            router, self.orders, self.journal, clock, instruments=dict.fromkeys(STRATEGIES, instruments), max_reroutes=2
        )

    async def start(self) -> None:
        """Recover, reconcile, and only then trade."""
        await self.bus.subscribe(_WATCHED, self._hear)
        recovered = await self.journal.start()
        self._watch.begin(recovered.orders)
        self.portfolio.restore(recovered.account)
        self.orders.recover(recovered.orders)
        self.states.restore(recovered.settings)
        if sorted(name or "" for name in self.states.all()) != sorted(
            json.loads(recovered.settings.get(SETTING, "{}"))
        ):
            self.problems.append(f"trading is {self.states.all()}, it was {recovered.settings}")
        self.reconciler.restore(recovered.settings)
        await self.routed.start(self.bus)
        await self.reconciler.start()
        self.states.enforce()
        await self.contingent.start()
        self.routed.resume()
        self.is_ready = True

    def show(self, exchange: Exchange) -> None:
        """The market at a venue, as it is now."""
        now_ns = self.clock.now_ns()
        for symbol in exchange.instruments:
            bid, ask = (float(exchange.price(symbol, side)) for side in (Side.SELL, Side.BUY))
            event = TickEvent(exchange.name, symbol, now_ns, now_ns, bid, 10.0, ask, 10.0)
            self.market.update(event)
            self.bus.post(event)

    def trades_of(self, client_order_id: str) -> set[str]:
        """The trades of an order that are booked."""
        order = self.cache.get(client_order_id)
        return set() if order is None else told_trades(order)

    def resume(self) -> None:
        """Everybody may trade."""
        for strategy in list(self.states.all()):
            self.states.set(TradingState.ACTIVE, strategy, "somebody said so")

    def forbids(self, order: Order) -> bool:
        """Whether trading is restricted to less than what this order, which leaves now, would do. A halt stops what
        waits for the journal too; any other restriction counts for what is asked for later.
        """
        state = self.states.of(order.strategy)[0]
        since_ns = max((each.ts_ns for each in self.states.all().values()), default=0)
        is_restricted = state is TradingState.HALTED or (
            state is TradingState.REDUCING and order.ts_submitted > since_ns
        )
        held = self.portfolio.position(order.venue, order.symbol, order.strategy) * order.side.sign
        return is_restricted and not order.reduce_only and order.quantity > -held

    def _hear(self, event: Event) -> None:
        if not self.life.is_alive:
            return
        match event:
            case OrderEvent():
                order = self.cache.get(event.client_order_id)
                state = order.state if order else "?"
                reason = getattr(event, "reason", "")
                self._log(f"  {type(event).__name__} {event.client_order_id} {state} {reason}".rstrip())
            case ErrorEvent() | MismatchEvent() | BalanceAdjustedEvent():
                self._log(f"  {event}")
            case _:
                self._log(f"  {event.topic}")
        if isinstance(event, FillEvent):
            self._check_booked(event)
        self._watch.handle(event)

    def _check_booked(self, fill: FillEvent) -> None:
        """No more is on the books of an order than it has traded, at any time."""
        order = self.cache.get(fill.client_order_id)
        name = "" if order is None else order.venue_order_id
        theirs = self.venues[fill.venue].exchange.find(fill.client_order_id, name)
        if theirs is not None and fill.cumulative_quantity > theirs.filled:
            self.problems.append(f"{fill.client_order_id} traded {theirs.filled}, {fill.cumulative_quantity} is booked")

    def unsettled(self) -> str:
        """What is on its way, as far as the daemon knows; empty where nothing is."""
        waiting = [f"{self.journal.waiting} writes"] if self.journal.waiting else []
        orders = [describe(order) for order in self.cache.open_orders() if order.state in _ON_THE_WAY]
        return ", ".join(waiting + orders)

    def picture(self) -> list[str]:
        """All that must be the same after a restart: who works, what has traded, and the account.

        Not how much an order is for: what an exit could not be changed to, while the venue or the journal was gone, is
        asked for once more by the next run.
        """
        orders = [f"{order.client_order_id} {order.state} {traded(order)}" for order in self.cache.open_orders()]
        held = ((key, position.quantity) for key, position in self.portfolio.positions())
        positions = [f"{key} {plain(quantity)}" for key, quantity in held if quantity]
        balances = [f"{key} {plain(amount)}" for key, amount in self.portfolio.balances().items() if amount]
        return sorted(orders) + sorted(positions) + sorted(balances)

    def full_picture(self) -> list[str]:
        """And that too, which a second restart leaves as it is."""
        return [*self.picture(), *sorted(describe(order) for order in self.cache.open_orders())]


def told_trades(order: Order) -> set[str]:
    """The venue's ids of what has traded of an order, what was inferred first included."""
    own = {name for name in order.trade_ids if not name.startswith(("inferred-", "confirms-"))}
    return own | confirmed_trades(order)


def traded(order: Order) -> str:
    """What has traded of an order."""
    return f"{plain(order.filled_quantity)} {sorted(order.trade_ids)}"


def describe(order: Order) -> str:
    """An order, as far as it must survive."""
    return (
        f"{order.client_order_id} {order.state} {order.filled_quantity}/{order.quantity} @{order.price}"
        f" {order.venue_order_id} {sorted(order.trade_ids)}"
    )
