"""What venues say about markets. Prices and sizes are `float64`: lossless for the 15 digits venues send."""

from __future__ import annotations

from quantai.core.enums import InstrumentStatus, Side
from quantai.events.base import Count, Event, Level, Nanoseconds, Price, Quantity, Size, Timestamp


class MarketEvent(Event, frozen=True, gc=False):
    """Base of the market data family, published at `market.<kind>.<venue>.<symbol>`."""

    topic_fields = ("venue", "symbol")

    venue: str
    """The configured name of the exchange."""
    symbol: str
    """The ccxt-unified symbol, such as `BTC/USDT` or `BTC/USDT:USDT`."""
    ts_event: Timestamp
    """The venue's time, nanoseconds UTC since 1970."""
    ts_init: Timestamp
    """When this process learned of it, nanoseconds UTC since 1970."""


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
    """A trade happened."""

    topic_prefix = "market.trade"
    own_field = "trade_id"

    price: Price
    size: Size
    side: Side
    """Which way the taker went."""
    trade_id: str
    """The venue's; empty where it has none."""


class OrderBookSnapshotEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """The whole book to some depth."""

    topic_prefix = "market.book"

    bids: tuple[Level, ...]
    """Price in quote currency and size in base currency or contracts, from the highest price."""
    asks: tuple[Level, ...]
    """As `bids`, from the lowest price."""
    sequence: Count = 0
    """The venue's last update id that the snapshot contains; 0 where it has none."""


class OrderBookDeltaEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """Levels of the book that changed."""

    topic_prefix = "market.book_delta"

    bids: tuple[Level, ...]
    """Price in quote currency and new size in base currency or contracts; size 0 removes the level."""
    asks: tuple[Level, ...]
    """As `bids`."""
    sequence: Count = 0
    """The venue's last update id; 0 where it has none."""


class BarEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """A finished bar; `ts_event` is its end."""

    topic_prefix = "market.bar"
    own_field = "interval_ns"

    interval_ns: Nanoseconds
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size


class FundingRateEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """The funding rate of a perpetual."""

    topic_prefix = "market.funding_rate"

    rate: Price
    """The fraction of notional that longs pay to shorts at the next funding: 0.0001 is one basis point."""
    next_funding_ns: Timestamp = 0
    """When, nanoseconds UTC since 1970; 0 where not known."""


class MarkPriceEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """The price a venue marks positions at, and the index behind it."""

    topic_prefix = "market.mark_price"

    mark_price: Price
    index_price: Price | None = None
    """In quote currency; None where the venue does not send it."""


class OpenInterestEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """What is open at the venue."""

    topic_prefix = "market.open_interest"

    open_interest: Size
    """In contracts."""


class LiquidationEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """A position was liquidated."""

    topic_prefix = "market.liquidation"

    price: Price
    size: Size
    side: Side
    """That of the liquidating order: a long is sold."""


class InstrumentStatusEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """An instrument's trading status at its venue changed."""

    topic_prefix = "market.status"

    status: InstrumentStatus
    reason: str = ""
    """What the venue says of it, if anything."""


class InstrumentEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """A venue lists an instrument anew, or with another grid or other limits than before. `ts_event` is when it was
    asked.
    """

    topic_prefix = "market.instrument"

    tick_size: Quantity
    """The price grid, in quote currency."""
    lot_size: Quantity
    """The quantity grid, in base currency or contracts."""
    min_quantity: Quantity
    """The least of an order, in base currency or contracts."""
    max_quantity: Quantity | None
    """The most of an order, in base currency or contracts; None where there is no limit."""
    min_notional: Quantity
    """The least an order must be worth, in settlement currency."""
    multiplier: Quantity
    """Base units in a contract (quote units where it is inverse)."""
