"""What Binance's public streams say, as it comes: numbers are texts on the wire and floats here.

Decoded with `strict=False`, which reads a float from its text exactly as `float(text)` does; the bounds refuse NaN,
infinity, negative and absurd numbers. Fields that nothing uses are skipped.

Source: Binance Spot API, «WebSocket Streams»; USD-M and COIN-M Futures API, «WebSocket Market Streams».
"""

from __future__ import annotations

import msgspec
from msgspec import field

from quantai.exchanges.wire import Id, Levels, Ms, NotNegative, Positive


class Message(msgspec.Struct, frozen=True, gc=False):
    """Base of all."""


class Trade(Message, frozen=True, gc=False):
    """`@trade`. On futures `kind` is `MARKET`, or says that insurance fund or auto-deleveraging traded."""

    id: Id = field(name="t")
    price: NotNegative = field(name="p")
    size: NotNegative = field(name="q")
    time: Ms = field(name="T")
    is_buyer_maker: bool = field(name="m")
    kind: str = field(name="X", default="MARKET")


class AggTrade(Message, frozen=True, gc=False):
    """`@aggTrade` and `GET aggTrades`: the fills of one taker at one price, under an id of their own (-1: recorded in
    2019, when there was none).
    """

    price: NotNegative = field(name="p")
    size: NotNegative = field(name="q")
    time: Ms = field(name="T")
    is_buyer_maker: bool = field(name="m")
    id: Id = field(name="a", default=-1)
    kind: str = "MARKET"


class PastTrade(Message, frozen=True, gc=False):
    """`GET historicalTrades`."""

    id: Id
    price: NotNegative
    size: NotNegative = field(name="qty")
    time: Ms
    is_buyer_maker: bool = field(name="isBuyerMaker")
    kind: str = "MARKET"


class BookTicker(Message, frozen=True, gc=False):
    """`@bookTicker`. A side without orders has the price 0. On spot there is no time."""

    id: Id = field(name="u")
    bid_price: NotNegative = field(name="b")
    bid_size: NotNegative = field(name="B")
    ask_price: NotNegative = field(name="a")
    ask_size: NotNegative = field(name="A")
    time: Ms = field(name="T", default=0)


class DepthUpdate(Message, frozen=True, gc=False):
    """`@depth`: levels that changed. `previous_id` and `time` are of futures, where `@depth5` and the like look the
    same but have whole levels.
    """

    event_time: Ms = field(name="E")
    first_id: Id = field(name="U")
    last_id: Id = field(name="u")
    bids: Levels = field(name="b")
    asks: Levels = field(name="a")
    previous_id: Id = field(name="pu", default=0)
    time: Ms = field(name="T", default=0)


class DepthSnapshot(Message, frozen=True, gc=False):
    """`GET depth`, and `@depth5` and the like on spot. The times are of futures."""

    last_id: Id = field(name="lastUpdateId")
    bids: Levels
    asks: Levels
    event_time: Ms = field(name="E", default=0)
    time: Ms = field(name="T", default=0)


class Bar(Message, frozen=True, gc=False):
    """What a kline has inside."""

    start: Ms = field(name="t")
    end: Ms = field(name="T")
    """The last millisecond that belongs to it."""
    open: Positive = field(name="o")
    high: Positive = field(name="h")
    low: Positive = field(name="l")
    close: Positive = field(name="c")
    volume: NotNegative = field(name="v")
    is_final: bool = field(name="x")


class Kline(Message, frozen=True, gc=False):
    """`@kline_1m` and the like: the bar as it is now."""

    bar: Bar = field(name="k")


class MarkPrice(Message, frozen=True, gc=False):
    """`@markPrice`. Contracts without funding have no rate, or one of 0 with the next time 0."""

    event_time: Ms = field(name="E")
    price: Positive = field(name="p")
    index_price: Positive | None = field(name="i", default=None)
    rate: str = field(name="r", default="")
    next_funding: Ms = field(name="T", default=0)


class LiquidationOrder(Message, frozen=True, gc=False):
    """What a liquidation has inside."""

    side: str = field(name="S")
    size: NotNegative = field(name="q")
    price: NotNegative = field(name="p")
    average_price: NotNegative = field(name="ap")
    filled: NotNegative = field(name="z")
    time: Ms = field(name="T")


class Liquidation(Message, frozen=True, gc=False):
    """`@forceOrder`: the newest liquidation order of a second."""

    order: LiquidationOrder = field(name="o")


class ContractInfo(Message, frozen=True, gc=False):
    """`!contractInfo`: a contract was listed, settled or got other brackets. `section` is 1 for USD-M, 2 for COIN-M,
    and 0 where it is not told, as before 2026.
    """

    event_time: Ms = field(name="E")
    symbol: str = field(name="s")
    status: str = field(name="cs")
    section: int = field(name="st", default=0)


class OpenInterest(Message, frozen=True, gc=False):
    """`GET openInterest`."""

    open_interest: NotNegative = field(name="openInterest")
    time: Ms = 0
