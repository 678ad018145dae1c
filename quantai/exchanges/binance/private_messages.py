"""What comes over Binance's private streams, as it comes: the fields that are used, by names one can read.

Numbers are exact; whether they are finite is looked at where they are used. Fields that Binance adds are passed over.
Source: Binance Spot API, «User data stream»; USD-M Futures, «User data streams».
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec
from msgspec import field

VenueSide = Literal["BUY", "SELL"]
_ZERO = Decimal(0)


NO_EVENT = msgspec.Raw()


class SpotFrame(msgspec.Struct, frozen=True):
    """Anything that comes over the spot WebSocket API: an event, or the answer to a request."""

    event: msgspec.Raw = NO_EVENT
    id: str | int | None = None
    status: int = 0
    error: dict[str, Any] | None = None


class EventKind(msgspec.Struct, frozen=True):
    """What an event is."""

    kind: str = field(name="e", default="")


class SpotOrder(msgspec.Struct, frozen=True):
    """`executionReport`. Times are milliseconds."""

    symbol: str = field(name="s")
    client_order_id: str = field(name="c")
    side: VenueSide = field(name="S")
    quantity: Decimal = field(name="q")
    price: Decimal = field(name="p")
    exec_type: str = field(name="x")
    status: str = field(name="X")
    order_id: int = field(name="i")
    last_quantity: Decimal = field(name="l")
    filled: Decimal = field(name="z")
    last_price: Decimal = field(name="L")
    ts_ms: int = field(name="T")
    trade_id: int = field(name="t", default=-1)
    is_maker: bool = field(name="m", default=False)
    original_id: str = field(name="C", default="")
    """That of the order, where `client_order_id` is that of the cancel or the change."""
    fee: Decimal = field(name="n", default=_ZERO)
    fee_currency: str | None = field(name="N", default=None)
    reject_reason: str | int = field(name="r", default="NONE")
    expiry_reason: str | int = field(name="eR", default="")
    quote_quantity: Decimal = field(name="Q", default=_ZERO)
    """Of a market order for an amount of quote currency; else 0."""
    prevented: Decimal = field(name="A", default=_ZERO)
    """What was taken off so that nobody trades with himself, in all."""
    execution_id: int = field(name="I", default=0)
    """Of this event; 0 where not told."""


class ListedOrder(msgspec.Struct, frozen=True):
    """One of an order list."""

    symbol: str = field(name="s")
    order_id: int = field(name="i")
    client_order_id: str = field(name="c", default="")


class SpotOrderList(msgspec.Struct, frozen=True):
    """`listStatus`: what became of an OCO, OTO..."""

    orders: list[ListedOrder] = field(name="O")
    ts_ms: int = field(name="T")
    list_status: str = field(name="L")


class UsdmOrder(msgspec.Struct, frozen=True):
    """The order in `ORDER_TRADE_UPDATE`."""

    symbol: str = field(name="s")
    client_order_id: str = field(name="c")
    side: VenueSide = field(name="S")
    quantity: Decimal = field(name="q")
    price: Decimal = field(name="p")
    exec_type: str = field(name="x")
    status: str = field(name="X")
    order_id: int = field(name="i")
    last_quantity: Decimal = field(name="l")
    filled: Decimal = field(name="z")
    last_price: Decimal = field(name="L")
    ts_ms: int = field(name="T")
    trade_id: int = field(name="t", default=0)
    is_maker: bool = field(name="m", default=False)
    fee: Decimal = field(name="n", default=_ZERO)
    fee_currency: str | None = field(name="N", default=None)
    realized_pnl: Decimal | None = field(name="rp", default=None)
    """Of this trade, before its fee, in the asset that the contract is settled in."""
    price_match: str = field(name="pm", default="NONE")
    closes_position: bool = field(name="cp", default=False)
    expiry_reason: str | int = field(name="er", default="")


class UsdmOrderEvent(msgspec.Struct, frozen=True):
    """`ORDER_TRADE_UPDATE`."""

    order: UsdmOrder = field(name="o")


class UsdmAlgo(msgspec.Struct, frozen=True):
    """The order in `ALGO_UPDATE`: one that waits for its trigger."""

    client_order_id: str = field(name="caid")
    algo_id: int = field(name="aid")
    symbol: str = field(name="s")
    side: VenueSide = field(name="S")
    status: str = field(name="X")
    order_id: str | int = field(name="ai", default="")
    """Of the order that it became; empty before it was triggered."""
    reason: str = field(name="rm", default="")


class UsdmAlgoEvent(msgspec.Struct, frozen=True):
    """`ALGO_UPDATE`."""

    ts_ms: int = field(name="T")
    order: UsdmAlgo = field(name="o")


class UsdmTriggerReject(msgspec.Struct, frozen=True):
    """The order in `CONDITIONAL_ORDER_TRIGGER_REJECT`."""

    symbol: str = field(name="s")
    order_id: int = field(name="i")
    reason: str = field(name="r", default="")


class UsdmTriggerRejectEvent(msgspec.Struct, frozen=True):
    """`CONDITIONAL_ORDER_TRIGGER_REJECT`."""

    ts_ms: int = field(name="T")
    order: UsdmTriggerReject = field(name="or")


class UsdmAccountChange(msgspec.Struct, frozen=True):
    """Why balances and positions changed: `ORDER`, `FUNDING_FEE`, `DEPOSIT`..."""

    reason: str = field(name="m", default="")


class UsdmAccountEvent(msgspec.Struct, frozen=True):
    """`ACCOUNT_UPDATE`."""

    change: UsdmAccountChange = field(name="a")
