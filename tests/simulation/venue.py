"""A simulated venue on a simulated clock, and a script of what happens to it."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.clock import NS_PER_MS, SimulatedClock
from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.data.market import MarketView
from quantai.events import BarEvent, MarketEvent, TickEvent, TradeEvent
from quantai.events.bus import MemoryEventBus
from quantai.exchanges.execution import AmendOrder, CancelOrder, ExecType, ExecutionReport, SubmitOrder
from quantai.instruments import Instrument
from quantai.simulation.exchange import SimulatedExchange, VenueModel
from tests.oms.world import START_NS, D, finish

SECOND_NS = 1_000_000_000
LATENCY_NS = 5 * NS_PER_MS
COIN = Instrument(venue="okx", symbol="BTC/USDT", tick_size=D("0.5"), lot_size=D("0.1"))
FINE = (TickEvent, TradeEvent)


class Venue:
    """Sends orders to a simulated venue and shows it a market; `reports` are what comes back, `at_ns` when."""

    def __init__(
        self,
        *,
        instrument: Instrument = COIN,
        maker_fee: str = "0",
        taker_fee: str = "0",
        behind_queue: bool = True,
        latency_ns: int = LATENCY_NS,
        streams: tuple[type[MarketEvent], ...] = FINE,
        run: str = "",
    ) -> None:
        self.instrument = instrument
        self.clock = SimulatedClock(START_NS)
        self.bus = MemoryEventBus(self.clock)
        self.view = MarketView()
        model = VenueModel(
            maker_fee=D(maker_fee),
            taker_fee=D(taker_fee),
            order_latency_ns=latency_ns,
            report_latency_ns=latency_ns,
            behind_queue=behind_queue,
            run=run,
        )
        self.exchange = SimulatedExchange(
            instrument.venue, [instrument], model, bus=self.bus, clock=self.clock, view=self.view
        )
        self.reports: list[ExecutionReport] = []
        self.at_ns: list[int] = []
        self.exchange.on_report(self._report)
        topics = [f"{stream.topic_prefix}.{instrument.venue}.{instrument.symbol}" for stream in streams]
        for topic in topics:
            finish(self.bus.subscribe(topic, self.view.update))
        finish(self.exchange.watch(topics))
        self._sent = 0

    def _report(self, report: ExecutionReport) -> None:
        self.reports.append(report)
        self.at_ns.append(self.clock.now_ns())

    def send(
        self,
        side: Side,
        quantity: str,
        price: str | None = None,
        time_in_force: TimeInForce = TimeInForce.GTC,
        *,
        reduce_only: bool = False,
    ) -> str:
        """Send an order; its id."""
        command = self.command(side, quantity, price, time_in_force, reduce_only=reduce_only)
        self.exchange.submit(command)
        return command.client_order_id

    def command(
        self,
        side: Side,
        quantity: str,
        price: str | None = None,
        time_in_force: TimeInForce = TimeInForce.GTC,
        *,
        reduce_only: bool = False,
    ) -> SubmitOrder:
        """An order that is not sent yet."""
        self._sent += 1
        return SubmitOrder(
            f"o{self._sent}", self.instrument.symbol, side, OrderType.MARKET if price is None else OrderType.LIMIT,
            D(quantity), None if price is None else D(price), time_in_force, reduce_only,
        )  # fmt: skip

    def place(
        self,
        side: Side,
        quantity: str,
        price: str | None = None,
        time_in_force: TimeInForce = TimeInForce.GTC,
        *,
        reduce_only: bool = False,
    ) -> str:
        """Send an order and wait until its answer is back."""
        name = self.send(side, quantity, price, time_in_force, reduce_only=reduce_only)
        self.wait(2 * LATENCY_NS)
        return name

    def cancel(self, name: str) -> None:
        """Ask for a cancel."""
        self.exchange.cancel(CancelOrder(name, self.instrument.symbol))

    def amend(self, name: str, quantity: str, price: str | None = None) -> None:
        """Ask for a change, and wait until its answer is back."""
        limit = None if price is None else D(price)
        self.exchange.amend(AmendOrder(name, self.instrument.symbol, "", Side.BUY, D(quantity), limit))
        self.wait()

    def wait(self, duration_ns: int = 2 * LATENCY_NS) -> None:
        """Let time pass."""
        self.clock.advance_to(self.clock.now_ns() + duration_ns)

    def tick(self, bid: float, ask: float, bid_size: float = 10.0, ask_size: float = 10.0) -> None:
        """Show a quote, and wait for what comes of it."""
        now = self.clock.now_ns()
        venue, symbol = self.instrument.venue, self.instrument.symbol
        self.show(TickEvent(venue, symbol, now, now, bid, bid_size, ask, ask_size))

    def trade(self, price: float, size: float, side: Side) -> None:
        """Print a trade, and wait for what comes of it."""
        now = self.clock.now_ns()
        self.show(TradeEvent(self.instrument.venue, self.instrument.symbol, now, now, price, size, side, ""))

    def bar(self, prices: tuple[float, float, float, float], volume: float = 100.0) -> None:
        """Let the second end, and give its bar (open, high, low, close); what comes of it comes later."""
        self.clock.advance_to((self.clock.now_ns() // SECOND_NS + 1) * SECOND_NS)
        now = self.clock.now_ns()
        venue, symbol = self.instrument.venue, self.instrument.symbol
        assert self.bus.dispatch(BarEvent(venue, symbol, now, now, SECOND_NS, *prices, volume)) is None

    def show(self, event: MarketEvent) -> None:
        """Publish an event, and wait for what comes of it."""
        assert self.bus.dispatch(event) is None
        self.wait()

    def kinds(self, name: str) -> list[str]:
        """What was reported of an order, in order."""
        return [report.exec_type.value for report in self.reports if report.client_order_id == name]

    def fills(self, name: str = "") -> list[tuple[Decimal, Decimal]]:
        """Price and quantity of every fill (of an order)."""
        return [
            (report.price, report.quantity)
            for report in self.reports
            if report.exec_type is ExecType.TRADE and name in ("", report.client_order_id)
        ]
