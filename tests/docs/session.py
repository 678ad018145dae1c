"""A recorded session to ask questions about, and the plain Python they are answered with."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from quantai.core.enums import Liquidity, Side
from quantai.events import (
    Event,
    FillEvent,
    GapEvent,
    OrderBookSnapshotEvent,
    OrderFilledEvent,
    OrderPartiallyFilledEvent,
    StartedEvent,
    TickEvent,
    TradeEvent,
)

FIRST_DAY = datetime(2026, 1, 5, tzinfo=UTC)
NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)
SECOND_NS = 1_000_000_000
SYMBOLS = ("BTC/USDT", "BTC/USDT:USDT")

Key = tuple[Any, ...]


def to_ns(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND_NS


def day_of(ts_ns: int) -> date:
    return datetime.fromtimestamp(ts_ns // SECOND_NS, UTC).date()


def floor(ts_ns: int, seconds: int) -> datetime:
    """The start of the whole `seconds` that `ts_ns` is in; without a zone, as all tools have it."""
    return datetime.fromtimestamp(ts_ns // SECOND_NS // seconds * seconds, UTC).replace(tzinfo=None)


class Session:
    """Three days of two instruments: an hour at noon and the last minutes before midnight of each, all times odd."""

    def __init__(self) -> None:
        self.random = random.Random(7)
        self.events: list[Event] = []
        for symbol in SYMBOLS:
            for day in range(3):
                self.hour(symbol, to_ns(FIRST_DAY + timedelta(days=day, hours=12)))
            self.hour(symbol, to_ns(FIRST_DAY + timedelta(days=1, minutes=-30)))
        self.gaps()

    def hour(self, symbol: str, start_ns: int) -> None:
        price = 40_000.0
        for second in range(0, 3_600, 30):
            price += self.random.choice((-0.5, 0.5, 1.0))
            ts = start_ns + second * SECOND_NS + self.random.randrange(SECOND_NS)
            arrival = ts + 3_000_001
            size = self.random.randrange(1, 10) / 8
            tick = TickEvent("binance", symbol, ts, arrival, price, size, price + self.random.choice((0.5, 1.0)), 2.0)
            self.events.append(tick)
            self.trades(tick)
            self.book(tick)
            if second % 600 == 0:
                self.fill(tick)

    def trades(self, tick: TickEvent) -> None:
        for number in range(self.random.randrange(3)):
            ts = tick.ts_event + number * 400_000_000 + 17
            size = self.random.randrange(1, 100) / 64
            side = self.random.choice((Side.BUY, Side.SELL))
            price = tick.ask_price if side is Side.BUY else tick.bid_price
            self.events.append(TradeEvent("binance", tick.symbol, ts, ts + 5_000_000, price, size, side, str(ts)))

    def book(self, tick: TickEvent) -> None:
        bids, asks = (
            tuple(
                (price + step * 0.5 * sign, self.random.randrange(1, 50) / 4)
                for step in range(self.random.randrange(1, 9))
            )
            for price, sign in ((tick.bid_price, -1), (tick.ask_price, 1))
        )
        at = tick.ts_event + 1
        self.events.append(OrderBookSnapshotEvent("binance", tick.symbol, at, at + 2_000_000, bids, asks, 0))

    def fill(self, tick: TickEvent) -> None:
        side = self.random.choice((Side.BUY, Side.SELL))
        price = Decimal(str(tick.ask_price if side is Side.BUY else tick.bid_price)) + Decimal("0.25")
        ts = tick.ts_event + 250_000_003
        is_last = self.random.random() < 0.5
        cls = OrderFilledEvent if is_last else OrderPartiallyFilledEvent
        quantity = Decimal(self.random.randrange(1, 10_000)).scaleb(-4)
        self.events.append(
            cls(
                f"o{len(self.events)}", self.random.choice(("ema", "maker")), "binance", tick.symbol,
                ts, ts + 1_000_000, tick.reference, f"t{ts}", side, price,
                quantity, quantity, Decimal(0 if is_last else 1), price * quantity / 1_000, "USDT", Liquidity.TAKER,
            )
        )  # fmt: skip

    def gaps(self) -> None:
        start_ns = to_ns(NOON) + 600 * SECOND_NS
        for symbol, lost in (("BTC/USDT", 12), ("BTC/USDT", 0), ("BTC/USDT:USDT", 3)):
            end_ns = start_ns + 120 * SECOND_NS
            self.events.append(
                GapEvent("binance", end_ns, end_ns, "binance", symbol, start_ns, end_ns, lost, "disconnected")
            )
            start_ns += 600 * SECOND_NS
        self.events.append(GapEvent("recorder", start_ns, start_ns, "", "", start_ns, start_ns, 1, "disk full"))
        self.events.append(StartedEvent("recorder", start_ns, start_ns))

    def of(self, *classes: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, classes)]

    def grouped(self, key: Callable[[Any], Key], *classes: type[Any]) -> dict[Key, list[Any]]:
        groups: defaultdict[Key, list[Any]] = defaultdict(list)
        for event in sorted(self.of(*classes), key=lambda event: event.ts_event):
            groups[key(event)].append(event)
        return dict(sorted(groups.items()))

    def fills(self) -> list[FillEvent]:
        return sorted(self.of(FillEvent), key=lambda fill: (fill.ts_event, fill.client_order_id))
