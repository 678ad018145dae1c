"""The words of the trade, shared by events, orders and wires. Values are what is stored and shown."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """Which way an order goes; of a trade, which way the taker went (`UNKNOWN` where the source does not say)."""

    BUY = "buy"
    SELL = "sell"
    UNKNOWN = "unknown"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell, 0 where unknown."""
        return _SIGNS[self]

    @property
    def opposite(self) -> Side:
        """The other way; unknown stays unknown."""
        return _OPPOSITES[self]


_SIGNS = {Side.BUY: 1, Side.SELL: -1, Side.UNKNOWN: 0}
_OPPOSITES = {Side.BUY: Side.SELL, Side.SELL: Side.BUY, Side.UNKNOWN: Side.UNKNOWN}


class OrderType(StrEnum):
    """How an order is priced (FIX OrdType). Stops become `MARKET` or `LIMIT` at their trigger price."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"

    @property
    def has_limit(self) -> bool:
        """Whether it has a limit price."""
        return self in _WITH_LIMIT

    @property
    def has_trigger(self) -> bool:
        """Whether it waits for a trigger price."""
        return self in _WITH_TRIGGER


# Sets: looking a member up in its class takes longer than all else here.
_WITH_LIMIT = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_WITH_TRIGGER = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})


class TimeInForce(StrEnum):
    """How long an order works (FIX TimeInForce). `POST_ONLY` is a GTC order that must not take liquidity."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    POST_ONLY = "POST_ONLY"


class OrderState(StrEnum):
    """FIX OrdStatus in one-L spelling, plus `DENIED` (risk said no) and `UNKNOWN` (sent, no proof what became
    of it).

    `SUSPENDED` is an order that is kept here until its trigger price, or its parent, releases it.
    """

    SUSPENDED = "SUSPENDED"
    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    PENDING_REPLACE = "PENDING_REPLACE"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    DENIED = "DENIED"
    UNKNOWN = "UNKNOWN"

    @property
    def is_open(self) -> bool:
        """Whether the order may still trade."""
        return self not in CLOSED_STATES


CLOSED_STATES = frozenset(
    {OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED, OrderState.EXPIRED, OrderState.DENIED}
)


class Liquidity(StrEnum):
    """Whether a fill added liquidity or took it (FIX LastLiquidityInd)."""

    MAKER = "maker"
    TAKER = "taker"


class InstrumentStatus(StrEnum):
    """Whether an instrument trades at its venue (FIX SecurityTradingStatus)."""

    TRADING = "trading"
    HALTED = "halted"
    CLOSED = "closed"
    DELISTED = "delisted"


class TradingState(StrEnum):
    """What may be traded now. Cancels, and orders that only reduce a position, always pass."""

    ACTIVE = "ACTIVE"
    """Everything that risk lets pass."""
    REDUCING = "REDUCING"
    """Only what reduces a position; orders that rest stay."""
    HALTED = "HALTED"
    """The same, and what rests at the venues was cancelled when the halt came: the kill switch."""
