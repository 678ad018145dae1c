"""Binance's answers about orders, fills and accounts, as they come: the fields that are used, by names one can read.

Source: Binance Spot API, «Account endpoints»; USD-M Futures, «Trade» and «Account».
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from quantai.exchanges.binance.private_messages import VenueSide

_ZERO = Decimal(0)


class OrderAck(msgspec.Struct, frozen=True, rename="camel"):
    """A new order was taken. Times are milliseconds; which of them is there differs."""

    order_id: int = 0
    algo_id: int = 0
    transact_time: int = 0
    update_time: int = 0
    create_time: int = 0
    code: int = 0
    """In a batch: why this one was not taken; 0 where it was."""
    msg: str = ""


class Nothing(msgspec.Struct, frozen=True):
    """An answer of which only that it came matters."""


class RestOrder(msgspec.Struct, frozen=True, rename="camel"):
    """An order when asked for, on both products."""

    symbol: str
    order_id: int
    client_order_id: str
    side: VenueSide
    type: str
    status: str
    orig_qty: Decimal
    executed_qty: Decimal
    price: Decimal
    time_in_force: str = "GTC"
    time: int = 0
    update_time: int = 0
    transact_time: int = 0
    prevented_quantity: Decimal = _ZERO
    orig_quote_order_qty: Decimal = _ZERO


class RestAlgo(msgspec.Struct, frozen=True, rename="camel"):
    """A conditional USD-M order when asked for."""

    symbol: str
    algo_id: int
    client_algo_id: str
    side: VenueSide
    order_type: str
    algo_status: str
    quantity: str | None = None
    """Empty or 0 where it closes whatever the position is."""
    price: str | None = None
    time_in_force: str = "GTC"
    actual_order_id: str | int | None = None
    """Of the order that it became when it was triggered."""
    close_position: bool = False
    create_time: int = 0
    update_time: int = 0


class SpotFill(msgspec.Struct, frozen=True, rename="camel"):
    """One of `myTrades`."""

    symbol: str
    id: int
    order_id: int
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    time: int
    is_buyer: bool
    is_maker: bool


class UsdmFill(msgspec.Struct, frozen=True, rename="camel"):
    """One of `userTrades`."""

    symbol: str
    id: int
    order_id: int
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    time: int
    side: VenueSide
    maker: bool
    realized_pnl: Decimal | None = None
    """Of this trade, before its fee, in the asset that the contract is settled in."""

    @property
    def is_buyer(self) -> bool:
        """Whether it was bought."""
        return self.side == "BUY"

    @property
    def is_maker(self) -> bool:
        """Whether it rested."""
        return self.maker


class SpotBalance(msgspec.Struct, frozen=True):
    """What is held of an asset: `locked` is what orders reserve."""

    asset: str
    free: Decimal
    locked: Decimal


class SpotAccount(msgspec.Struct, frozen=True, rename="camel"):
    """`GET account`."""

    balances: list[SpotBalance]
    can_trade: bool = True


class UsdmBalance(msgspec.Struct, frozen=True):
    """One of `GET balance`: the wallet, without what open positions would bring."""

    asset: str
    balance: Decimal


class UsdmPosition(msgspec.Struct, frozen=True, rename="camel"):
    """One of `GET positionRisk`; with two-way positions there is one for each side."""

    symbol: str
    position_amt: Decimal
    entry_price: Decimal


class ListenKey(msgspec.Struct, frozen=True, rename="camel"):
    """The secret that opens the USD-M private stream."""

    listen_key: str

    def __repr__(self) -> str:
        return "ListenKey(...)"


class KeyPermissions(msgspec.Struct, frozen=True, rename="camel"):
    """What an API key may do."""

    enable_reading: bool = False
    enable_withdrawals: bool = False
    enable_spot_and_margin_trading: bool = False
    enable_futures: bool = False
    enable_internal_transfer: bool = False
    permits_universal_transfer: bool = False
    ip_restrict: bool = False
