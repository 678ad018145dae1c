"""A strategy on a stage: the whole trading half on a simulated clock, with a simulated venue that fills."""

from __future__ import annotations

from collections.abc import Iterable

from quantai.core.clock import SimulatedClock
from quantai.core.identifiers import ClientOrderIds
from quantai.data.market import MarketView
from quantai.events import BarEvent, Event, MarketEvent, TickEvent, TradeEvent
from quantai.events.bus import MemoryEventBus
from quantai.instruments import Instrument, InstrumentCatalogue
from quantai.oms.cache import OrderCache
from quantai.oms.contingent import ContingentOrders
from quantai.oms.journal import MemoryJournal
from quantai.oms.order_manager import OrderManager
from quantai.oms.risk import RiskCheck, RiskEngine, RiskView
from quantai.oms.routing import DirectOrders, Route, SimpleRouter
from quantai.portfolio.portfolio import Portfolio
from quantai.simulation.exchange import SimulatedExchange, VenueModel
from quantai.strategy import BaseStrategy, StrategyRunner
from tests.oms.world import BTC, PERP, SPOT, START_NS, D

LATENCY_NS = 5_000_000
WATCHED = (TickEvent, TradeEvent, BarEvent)


class Stage:
    """One strategy, `binance` with BTC/USDT, `okx` with BTC/USDT and its perpetual; `events` is what was published."""

    def __init__(
        self,
        strategy: BaseStrategy,
        instruments: tuple[Instrument, ...] = (SPOT,),
        *,
        checks: Iterable[RiskCheck] = (),
        routes: Iterable[Route] = (),
        max_errors: int = 3,
        bar_interval_ns: int | None = None,
        taker_fee: str = "0",
        executes: bool = True,
    ) -> None:
        self.strategy = strategy
        self.clock = SimulatedClock(START_NS)
        self.bus = MemoryEventBus(self.clock)
        self.market = MarketView()
        every = (SPOT, BTC, PERP)
        self.portfolio = Portfolio(
            bus=self.bus, clock=self.clock, market=self.market, catalogue=InstrumentCatalogue(every),
            base_currency="USDT", balances={"binance": {"USDT": D(10**6)}, "okx": {"USDT": D(10**6)}},
        )  # fmt: skip
        journal, cache, ids = MemoryJournal(), OrderCache(), ClientOrderIds("t")
        model = VenueModel(D(0), D(taker_fee), LATENCY_NS, LATENCY_NS)
        self.venues = {
            venue: SimulatedExchange(
                venue, [i for i in every if i.venue == venue], model, bus=self.bus, clock=self.clock, view=self.market
            )
            for venue in ("binance", "okx")
        }
        self.orders = OrderManager(
            bus=self.bus, clock=self.clock, risk=RiskEngine(checks, RiskView(self.portfolio, self.market, cache)),
            journal=journal, cache=cache, executors=self.venues, ids=ids, book_fill=self.portfolio.book_fill,
        )  # fmt: skip
        self.contingent = ContingentOrders(
            self.orders, bus=self.bus, clock=self.clock, market=self.market, ids=ids,
            topics={(i.venue, i.symbol): [f"{e.topic_prefix}.{i.venue}.{i.symbol}" for e in WATCHED] for i in every},
        )  # fmt: skip
        self.runner = StrategyRunner(
            strategy, name="alpha", instruments=instruments, max_errors=max_errors, bar_interval_ns=bar_interval_ns,
            bus=self.bus, clock=self.clock, market=self.market, orders=self.orders,
            routing=DirectOrders(SimpleRouter(tuple(routes)), self.orders, journal, self.clock),
            portfolio=self.portfolio, contingent=self.contingent if executes else None,
        )  # fmt: skip
        self.every = every
        self.events: list[Event] = []

    async def start(self) -> Stage:
        """Everything in the order of the daemon; the strategy last."""
        await self.bus.subscribe("*", self.events.append)
        for instrument in self.every:
            for event in WATCHED:
                await self.bus.subscribe(
                    f"{event.topic_prefix}.{instrument.venue}.{instrument.symbol}", self.market.update
                )
        for venue, exchange in self.venues.items():
            await exchange.watch(
                [f"{e.topic_prefix}.{venue}.{i.symbol}" for i in self.every if i.venue == venue for e in WATCHED[:2]]
            )
        await self.contingent.start()
        await self.runner.start()
        return self

    async def show(self, event: MarketEvent | None = None, wait_ns: int = 4 * LATENCY_NS) -> None:
        """Publish an event, then let time pass: timers fire and reports come."""
        if event is not None:
            await self.bus.publish(event)
        await self.bus.join()
        until_ns = self.clock.now_ns() + wait_ns
        while self.clock.next_due_ns <= until_ns:
            self.clock.fire_next()
            await self.bus.join()
        self.clock.set_time(until_ns)

    async def tick(self, bid: float, ask: float, instrument: Instrument = SPOT) -> None:
        """Show a quote, and let time pass."""
        now = self.clock.now_ns()
        await self.show(TickEvent(instrument.venue, instrument.symbol, now, now, bid, 100.0, ask, 100.0))

    def topics(self, prefix: str = "") -> list[str]:
        """The topics of what was published."""
        return [event.topic for event in self.events if event.topic.startswith(prefix)]
