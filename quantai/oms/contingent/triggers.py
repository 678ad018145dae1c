"""Watches the market for the stops that wait in it.

A buy stop triggers when the ask, or a trade, is at its trigger price or above; a sell stop when the bid, or a trade, is
at it or below. The quote counts because it is what the order would trade at, the trade because it proves a price even
where the quote flickers: whichever shows it first. Where there are bars only, low and high of a bar count if it began
after the stop was armed, else its close. What is old, crossed or no number triggers nothing.

The bus is listened to where a stop waits, and only while it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol

from quantai.core.clock import NS_PER_SECOND, Clock
from quantai.core.enums import Side
from quantai.events import BarEvent, MarketEvent, TickEvent, TradeEvent
from quantai.events.bus import EventBus, Handler, Subscription
from quantai.oms.models import Order

Key = tuple[str, str]
Topics = Mapping[Key, Sequence[str]]
"""By venue and symbol: what shows the market of an instrument."""

MAX_AGE_NS = 10 * NS_PER_SECOND


class Market(Protocol):
    """What was seen last."""

    def tick(self, venue: str, symbol: str) -> TickEvent | None:
        """The newest best bid and ask."""
        ...

    def trade(self, venue: str, symbol: str) -> TradeEvent | None:
        """The newest trade."""
        ...


@dataclass(frozen=True, slots=True)
class Armed:
    """A stop that waits since `since_ns` for the market to reach `level`."""

    order: Order
    level: float
    since_ns: int

    def is_reached(self, low: float, high: float) -> bool:
        """Whether a market between `low` and `high` triggers it."""
        return high >= self.level if self.order.side is Side.BUY else low <= self.level


class Watch:
    """The stops of one instrument. Most events are over with a look at the two levels that are nearest."""

    __slots__ = ("_above", "_below", "_judge", "armed")

    def __init__(self, judge: Callable[[MarketEvent, float, float], None]) -> None:
        self.armed: dict[str, Armed] = {}
        self._judge = judge
        self._below, self._above = -inf, inf

    def set_levels(self) -> None:
        """Note the highest level of a sell and the lowest of a buy; called when `armed` has changed."""
        stops = self.armed.values()
        self._below = max((stop.level for stop in stops if stop.order.side is not Side.BUY), default=-inf)
        self._above = min((stop.level for stop in stops if stop.order.side is Side.BUY), default=inf)

    def on_tick(self, tick: TickEvent) -> None:
        """A new quote."""
        if tick.bid_price <= self._below or tick.ask_price >= self._above:
            self._judge(tick, tick.bid_price, tick.ask_price)

    def on_trade(self, trade: TradeEvent) -> None:
        """A print."""
        if trade.price <= self._below or trade.price >= self._above:
            self._judge(trade, trade.price, trade.price)

    def on_bar(self, bar: BarEvent) -> None:
        """A bar, which those that were armed before it began see whole."""
        if bar.low <= bar.close <= bar.high:
            self._judge(bar, bar.low, bar.high)


class Triggers:
    """Calls `on_trigger` with a stop, once, and why it triggered. `max_age_ns` is how old a quote may be."""

    def __init__(
        self,
        *,
        bus: EventBus,
        clock: Clock,
        market: Market,
        topics: Topics,
        on_trigger: Callable[[Order, str], None],
        max_age_ns: int = MAX_AGE_NS,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._market = market
        self._topics = topics
        self._on_trigger = on_trigger
        self._max_age_ns = max_age_ns
        self._watches: dict[Key, Watch] = {}
        self._fresh: dict[str, Armed] = {}  # not judged by what is shown already
        self._subscriptions: dict[Key, tuple[Watch, list[Subscription]]] = {}

    def arm(self, order: Order) -> None:
        """Watch the market for `order`, which has a trigger price."""
        watch = self._watches.get((order.venue, order.symbol))
        if watch is None:
            watch = self._watches[order.venue, order.symbol] = Watch(self._judge)
        if order.client_order_id not in watch.armed and order.trigger_price is not None:
            stop = Armed(order, float(order.trigger_price), self._clock.now_ns())
            watch.armed[order.client_order_id] = self._fresh[order.client_order_id] = stop
            watch.set_levels()

    def disarm(self, order: Order) -> None:
        """Watch for it no longer."""
        key = (order.venue, order.symbol)
        watch = self._watches.get(key)
        if watch is not None and watch.armed.pop(order.client_order_id, None) is not None:
            self._fresh.pop(order.client_order_id, None)
            watch.set_levels()
            if not watch.armed:
                del self._watches[key]

    @property
    def is_behind(self) -> bool:
        """Whether `follow` has something to do."""
        if not (self._watches or self._subscriptions or self._fresh):
            return False
        return bool(self._fresh) or any(self._is_new(key) for key in self._watches) or bool(self._ended())

    async def follow(self) -> None:
        """Listen where stops wait, and nowhere else; then judge new ones by what the market shows already."""
        for key in self._ended():
            for subscription in self._subscriptions.pop(key)[1]:
                await self._bus.unsubscribe(subscription)
        for key in list(filter(self._is_new, self._watches)):
            watch = self._watches[key]
            self._subscriptions[key] = (
                watch,
                [
                    await self._bus.subscribe(topic, _handler(watch, topic), name="stops")
                    for topic in self._topics.get(key, ())
                ],
            )
        fresh, self._fresh = self._fresh, {}
        for stop in fresh.values():
            self._judge_now(stop)

    async def close(self) -> None:
        """Listen no longer. Nothing is lost: the orders stay as they are."""
        self._watches.clear()
        self._fresh.clear()
        await self.follow()

    def _is_new(self, key: Key) -> bool:
        return key not in self._subscriptions

    def _ended(self) -> list[Key]:
        """Where is listened for a watch that is over."""
        return [key for key, (watch, _) in self._subscriptions.items() if self._watches.get(key) is not watch]

    def _judge_now(self, stop: Armed) -> None:
        """By the quote; the last trade says where the market was, and counts only where nothing is quoted."""
        venue, symbol = stop.order.venue, stop.order.symbol
        tick, trade = self._market.tick(venue, symbol), self._market.trade(venue, symbol)
        if tick is not None:
            self._judge(tick, tick.bid_price, tick.ask_price, stop)
        elif trade is not None:
            self._judge(trade, trade.price, trade.price, stop)

    def _judge(self, event: MarketEvent, low: float, high: float, stop: Armed | None = None) -> None:
        """Trigger what a market from `low` to `high` reaches: `stop`, or all that wait there."""
        watch = self._watches.get((event.venue, event.symbol))
        if watch is None or self._clock.now_ns() - event.ts_init > self._max_age_ns or not 0.0 < low <= high < inf:
            return
        for each in [stop] if stop is not None else list(watch.armed.values()):
            shown = (low, high)
            if isinstance(event, BarEvent) and event.ts_init - event.interval_ns < each.since_ns:
                shown = (event.close, event.close)
            if each.is_reached(*shown):
                self.disarm(each.order)
                self._on_trigger(each.order, f"{_text(*shown)}, the trigger price is {each.level!r}")


def _handler(watch: Watch, topic: str) -> Handler:
    if topic.startswith(TickEvent.topic_prefix):
        return watch.on_tick
    return watch.on_bar if topic.startswith(BarEvent.topic_prefix) else watch.on_trade


def _text(low: float, high: float) -> str:
    return f"the market is at {low!r}" if low == high else f"the market is at {low!r} to {high!r}"
