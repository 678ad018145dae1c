"""A small trading world for tests: a clock, a bus, prices, a portfolio and an OMS in front of a silent venue."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from quantai.core.clock import SimulatedClock
from quantai.core.enums import Liquidity, OrderType, Side, TimeInForce
from quantai.core.identifiers import ClientOrderIds
from quantai.data.market import MarketView
from quantai.events import Event, TickEvent, TradeEvent
from quantai.events.bus import Handler, MemoryEventBus
from quantai.exchanges.base import Capabilities
from quantai.exchanges.execution import (
    AmendOrder,
    CancelOrder,
    ExecType,
    ExecutionConnector,
    ExecutionReport,
    ReportSink,
    SubmitOrder,
)
from quantai.instruments import Instrument, InstrumentCatalogue
from quantai.oms.cache import OrderCache
from quantai.oms.journal import Journal, MemoryJournal
from quantai.oms.models import Order, OrderRequest
from quantai.oms.order_manager import OrderManager
from quantai.oms.risk import RiskCheck, RiskEngine, RiskView
from quantai.portfolio.portfolio import Portfolio

D = Decimal
START_NS = 1_767_261_600_000_000_000

SPOT = Instrument(venue="binance", symbol="BTC/USDT", tick_size=D("0.01"), lot_size=D("0.001"))
PERP = Instrument(venue="okx", symbol="BTC/USDT:USDT", tick_size=D("0.1"), lot_size=D("0.01"), multiplier=D("0.01"))
INVERSE = Instrument(
    venue="okx", symbol="BTC/USD:BTC", tick_size=D("0.1"), lot_size=D(1), multiplier=D(100), inverse=True
)
OPTION = Instrument(venue="okx", symbol="BTC/USDT:USDT-261225-100000-C", tick_size=D("0.1"), lot_size=D("0.1"))
BTC = Instrument(venue="okx", symbol="BTC/USDT", tick_size=D("0.1"), lot_size=D("0.0001"))
EVERY = (SPOT, PERP, INVERSE, OPTION, BTC)


def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits, where there is no event loop."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


def tick(
    instrument: Instrument,
    bid: float,
    ask: float,
    bid_size: float = 10.0,
    ask_size: float = 10.0,
    ts_ns: int = START_NS,
) -> TickEvent:
    """A quote."""
    return TickEvent(instrument.venue, instrument.symbol, ts_ns, ts_ns, bid, bid_size, ask, ask_size)


def trade(instrument: Instrument, price: float, size: float, side: Side, ts_ns: int = START_NS) -> TradeEvent:
    """A print."""
    return TradeEvent(instrument.venue, instrument.symbol, ts_ns, ts_ns, price, size, side, "t")


class SilentVenue(ExecutionConnector):
    """Remembers what it is told; answers only when a test says what."""

    def __init__(self) -> None:
        self.submitted: list[SubmitOrder] = []
        self.amends: list[AmendOrder] = []
        self.batches: list[list[SubmitOrder]] = []
        self.cancel_batches: list[list[CancelOrder]] = []
        self.cancels: list[CancelOrder] = []
        self.error: Exception | None = None
        self.sink: ReportSink

    def on_report(self, sink: ReportSink) -> None:
        self.sink = sink

    def submit(self, command: SubmitOrder) -> None:
        self.submitted.append(command)
        if self.error is not None:
            raise self.error

    def submit_batch(self, commands: Sequence[SubmitOrder]) -> None:
        self.batches.append(list(commands))
        super().submit_batch(commands)

    def cancel_batch(self, commands: Sequence[CancelOrder]) -> None:
        self.cancel_batches.append(list(commands))
        super().cancel_batch(commands)

    def amend(self, command: AmendOrder) -> None:
        self.amends.append(command)
        if self.error is not None:
            raise self.error

    def cancel(self, command: CancelOrder) -> None:
        self.cancels.append(command)
        if self.error is not None:
            raise self.error


class World:
    """Everything between a strategy and a venue, with prices at 100."""

    def __init__(
        self,
        checks: Iterable[RiskCheck] = (),
        *,
        balances: dict[str, dict[str, Decimal]] | None = None,
        journal: Journal | None = None,
        price: float = 100.0,
        base_currency: str = "USDT",
        capabilities: Mapping[str, Capabilities] | None = None,
    ) -> None:
        self.clock = SimulatedClock(START_NS)
        self.bus = MemoryEventBus(self.clock)
        self.market = MarketView()
        self.catalogue = InstrumentCatalogue(EVERY)
        self.portfolio = Portfolio(
            bus=self.bus,
            clock=self.clock,
            market=self.market,
            catalogue=self.catalogue,
            base_currency=base_currency,
            balances=balances or {"binance": {"USDT": D(1000)}, "okx": {"USDT": D(1000)}},
        )
        self.journal = journal or MemoryJournal()
        self.cache = OrderCache()
        self.venues = {"binance": SilentVenue(), "okx": SilentVenue()}
        self.risk = RiskEngine(checks, RiskView(self.portfolio, self.market, self.cache))
        self.orders = OrderManager(
            bus=self.bus,
            clock=self.clock,
            risk=self.risk,
            journal=self.journal,
            cache=self.cache,
            executors=self.venues,
            ids=ClientOrderIds("t"),
            book_fill=self.portfolio.book_fill,
            capabilities=capabilities,
        )
        self.events: list[Event] = []
        self.subscribe("*", self.events.append)
        if price:
            for instrument in EVERY:
                self.quote(instrument, price, price)

    def subscribe(self, pattern: str, handler: Handler) -> None:
        """Listen on the bus."""
        finish(self.bus.subscribe(pattern, handler))

    def quote(self, instrument: Instrument, bid: float, ask: float) -> None:
        """Set what the market view shows."""
        self.market.update(tick(instrument, bid, ask, ts_ns=self.clock.now_ns()))

    def submit(
        self,
        side: Side = Side.BUY,
        quantity: str = "1",
        price: str | None = "100",
        *,
        instrument: Instrument = SPOT,
        strategy: str = "alpha",
        time_in_force: TimeInForce = TimeInForce.GTC,
    ) -> Order:
        """Ask for an order as a strategy would."""
        return self.orders.submit(request(side, quantity, price, instrument, strategy, time_in_force))

    def report(self, order: Order, exec_type: ExecType, **fields: Any) -> None:
        """Let the venue speak."""
        self.orders.apply(
            order.venue,
            ExecutionReport(
                exec_type=exec_type, client_order_id=order.client_order_id, ts_event=self.clock.now_ns(), **fields
            ),
        )

    def fill(
        self, order: Order, quantity: str, price: str = "100", *, trade_id: str = "1", fee: str = "0", **fields: Any
    ) -> None:
        """Let an order trade."""
        self.report(
            order,
            ExecType.TRADE,
            trade_id=trade_id,
            quantity=D(quantity),
            price=D(price),
            fee=D(fee),
            fee_currency=order.instrument.settlement_currency,
            liquidity=Liquidity.TAKER,
            **fields,
        )

    def traded(
        self, side: Side, quantity: str, price: str = "100", *, instrument: Instrument = SPOT, strategy: str = "alpha"
    ) -> Order:
        """An order that was filled at once, whatever risk says."""
        order = self.submit(side, quantity, None, instrument=instrument, strategy=strategy)
        self.fill(order, quantity, price, trade_id=order.client_order_id)
        return order

    def topics(self) -> list[str]:
        """What was published so far, without the strategy: `order.submitted`, `position.opened`..."""
        return [event.topic_prefix for event in self.events]


def request(
    side: Side = Side.BUY,
    quantity: str = "1",
    price: str | None = "100",
    instrument: Instrument = SPOT,
    strategy: str = "alpha",
    time_in_force: TimeInForce = TimeInForce.GTC,
) -> OrderRequest:
    """What a strategy asks for."""
    return OrderRequest(
        strategy=strategy,
        instrument=instrument,
        side=side,
        order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
        quantity=D(quantity),
        price=None if price is None else D(price),
        time_in_force=time_in_force,
    )
