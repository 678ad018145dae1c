"""What a strategy may reach: its own view of the daemon, handed to it by the runner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quantai.core.clock import Clock, Timer
from quantai.data.market import MarketView
from quantai.events import Event
from quantai.instruments import Instrument
from quantai.oms.contingent import ContingentOrders
from quantai.oms.orders import Orders
from quantai.oms.routing import Routing
from quantai.portfolio.portfolio import Portfolio


@dataclass(frozen=True)
class StrategyContext:
    """`contingent` places brackets and OCO pairs, None where another daemon executes. `cause` gives the event the
    strategy is handling now, `is_stopped` says that it may not trade any more; `set_timer` arms a timer that comes back
    as a `TimerEvent`.
    """

    name: str
    instruments: tuple[Instrument, ...]
    clock: Clock
    market: MarketView
    orders: Orders
    contingent: ContingentOrders | None
    routing: Routing
    portfolio: Portfolio
    cause: Callable[[], Event | None]
    is_stopped: Callable[[], bool]
    set_timer: Callable[[str, int], Timer]
