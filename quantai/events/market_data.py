"""What venues say about markets. Prices and sizes are `float64`: lossless for the 15 digits venues send.

`venue` is the configured name of the exchange, `symbol` the ccxt-unified one (`BTC/USDT`, `BTC/USDT:USDT`).
"""

from __future__ import annotations

from quantai.core.enums import InstrumentStatus, Side
from quantai.events.base import Count, Event, Level, Nanoseconds, Price, Size, Timestamp


class MarketEvent(Event, frozen=True, gc=False):
    """Base of the market data family, published at `market.<kind>.<venue>.<symbol>`."""

    topic_fields = ("venue", "symbol")

    venue: str
    symbol: str
    ts_event: Timestamp
    ts_init: Timestamp


class TickEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """The best bid and ask changed."""

    topic_prefix = "market.tick"

    bid_price: Price
    bid_size: Size
    ask_price: Price
    ask_size: Size

    @property
    def mid(self) -> float:
        """Halfway between bid and ask."""
        return (self.bid_price + self.ask_price) / 2

    @property
    def spread(self) -> float:
        """Ask less bid, in quote currency."""
        return self.ask_price - self.bid_price


class TradeEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """A trade happened. `side` is the taker's; `trade_id` is the venue's, empty where it has none."""

    topic_prefix = "market.trade"

    price: Price
    size: Size
    side: Side
    trade_id: str


class OrderBookSnapshotEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """The whole book to some depth: `bids` from the highest, `asks` from the lowest, each `(price, size)`.

    `sequence` is the venue's update id that the snapshot contains, 0 where it has none.
    """

    topic_prefix = "market.book"

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    sequence: Count = 0


class OrderBookDeltaEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """Levels that changed, as `(price, new size)`; size 0 removes the level. `sequence` is the venue's last update
    id.
    """

    topic_prefix = "market.book_delta"

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    sequence: Count = 0


class BarEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """A finished bar of `interval_ns`; `ts_event` is its end. `volume` is in base currency or contracts."""

    topic_prefix = "market.bar"

    interval_ns: Nanoseconds
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size


class FundingRateEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """The funding rate of a perpetual: `rate` is the fraction paid by longs at `next_funding_ns` (0 where not
    known).
    """

    topic_prefix = "market.funding_rate"

    rate: Price
    next_funding_ns: Timestamp = 0


class MarkPriceEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """The price a venue marks positions at, and the index behind it (None where the venue does not send it)."""

    topic_prefix = "market.mark_price"

    mark_price: Price
    index_price: Price | None = None


class OpenInterestEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """Contracts open at the venue, in contracts."""

    topic_prefix = "market.open_interest"

    open_interest: Size


class LiquidationEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """A position was liquidated; `side` is that of the liquidating order."""

    topic_prefix = "market.liquidation"

    price: Price
    size: Size
    side: Side


class InstrumentStatusEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """An instrument's trading status at its venue changed."""

    topic_prefix = "market.status"

    status: InstrumentStatus
    reason: str = ""
