"""Risk as a whole, on a bus."""

from __future__ import annotations

from quantai.core.enums import TradingState
from quantai.core.numbers import ZERO
from quantai.events import DisconnectedEvent, Event, PortfolioValueEvent
from quantai.events.bus import MemoryEventBus
from quantai.oms.models import Order
from quantai.oms.risk import RiskCheck, RiskView
from tests.oms.risk.desk import Desk, check
from tests.oms.world import START_NS, D


class Listener(RiskCheck):
    """Remembers what it hears."""

    topics = ("system.disconnected.*", "portfolio.value")

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Event] = []
        self.resumed: list[str | None] = []
        self.kept: list[str] = []

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        return None

    def on_event(self, event: Event, view: RiskView) -> None:
        view.put("heard", type(event).__name__)
        self.heard.append(event)

    def on_resume(self, strategy: str | None) -> None:
        self.resumed.append(strategy)

    def recall(self, kept: str) -> None:
        self.kept.append(kept)


async def test_checks_hear_what_they_want_from_the_bus() -> None:
    listener = Listener()
    desk = Desk(listener, check("unknown_order"))
    bus = MemoryEventBus(desk.clock)
    await desk.risk.start(bus)
    events = [
        DisconnectedEvent("okx", START_NS, START_NS),
        PortfolioValueEvent(START_NS, START_NS, "USDT", D(1), ZERO, ZERO),
    ]
    for event in events:
        await bus.publish(event)
    assert listener.heard == events
    assert desk.settings["heard"] == "PortfolioValueEvent"


async def test_a_market_that_fell_blocks_and_a_loss_halts_through_the_bus() -> None:
    desk = Desk(check("stale_market"), check("daily_loss", max_loss=10, on_breach="halt"))
    bus = MemoryEventBus(desk.clock)
    await desk.risk.start(bus)
    await bus.publish(DisconnectedEvent("binance", START_NS, START_NS))
    assert desk.no(desk.order()).startswith("STALE_MARKET")
    for equity in (100, 89):
        desk.books.equity.total = D(equity)
        await bus.publish(PortfolioValueEvent(START_NS, START_NS, "USDT", D(equity), ZERO, ZERO))
    assert desk.states.of("alpha")[0] is TradingState.HALTED


def test_checks_are_told_of_a_resume() -> None:
    listener = Listener()
    desk = Desk(listener)
    desk.states.set(TradingState.ACTIVE, "alpha")
    assert listener.resumed == ["alpha"]


def test_checks_get_back_what_they_gave_to_keep_and_states_are_restored() -> None:
    desk = Desk()
    desk.states.set(TradingState.HALTED)
    listener = Listener()
    listener.bind("ears")
    after = Desk(listener)
    after.risk.restore(desk.settings | {"risk.ears": "all", "risk.Listener": "nothing"})
    assert listener.kept == ["all"]
    assert after.states.of("alpha")[0] is TradingState.HALTED


def test_hooks_of_a_check_that_has_none_do_nothing() -> None:
    plain = RiskCheck()
    desk = Desk(plain)
    order = desk.order()
    plain.on_approved(order, desk.view)
    plain.on_event(DisconnectedEvent("okx", 1, 1), desk.view)
    plain.on_resume(None)
    plain.recall("")
    assert (plain.name, plain.scope, plain.topics) == ("RiskCheck", None, ())


def test_a_view_of_its_own_tells_nobody() -> None:
    desk = Desk()
    view = RiskView(desk.books, desk.market, desk.cache)
    view.put("key", "value")
    assert desk.settings == {}
