"""What orders are called on both products, and the checks of words that both make."""

from __future__ import annotations

import re
from enum import StrEnum

from quantai.core.enums import Side
from quantai.loopback.dialects.binance.errors import ApiError
from quantai.loopback.dialects.binance.params import Params, missing
from quantai.loopback.engine import Account, Engine, Order, Reason, Refused, SelfTrade

_SPOT_ID = re.compile(r"[a-zA-Z0-9_-]{1,36}")
_USDM_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")


class VenueSide(StrEnum):
    """`side`."""

    BUY = "BUY"
    SELL = "SELL"


def side_of(params: Params) -> Side:
    """`side`, which must be there."""
    text = params.text("side")
    if text not in VenueSide.__members__:
        raise ApiError(-1117, "Invalid side.")
    return Side.BUY if text == "BUY" else Side.SELL


def client_id_of(params: Params, *, is_futures: bool, name: str = "newClientOrderId") -> str:
    """A client id; empty where it was not sent."""
    text = params.values.get(name, "")
    pattern = _USDM_ID if is_futures else _SPOT_ID
    if text and not pattern.fullmatch(text):
        legal = "^[\\.A-Z\\:/a-z0-9_-]{1,36}$" if is_futures else "^[a-zA-Z0-9-_]{1,36}$"
        raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")
    return text


def self_trade_of(params: Params, default: SelfTrade) -> SelfTrade:
    """`selfTradePreventionMode`."""
    return params.choice(
        "selfTradePreventionMode", SelfTrade, default, -1130,
        "Data sent for parameter 'selfTradePreventionMode' is not valid.",
    )  # fmt: skip


def named_order(engine: Engine, account: Account, symbol: str, params: Params, reason: Reason) -> Order:
    """The order that `orderId` or `origClientOrderId` name. Raises `Refused` with `reason` where there is none.

    To be cancelled or amended it must be open, and the open one of a client id is meant.
    """
    order_id, client_id = params.integer("orderId"), params.values.get("origClientOrderId", "")
    if order_id is None and not client_id:
        raise missing("orderId")
    if order_id is None and (found := account.open_with(symbol, client_id)) is not None:
        return found
    order = engine.find(account, symbol, order_id, client_id)
    if order is None or (client_id and order.client_id != client_id):
        raise Refused(reason)
    if reason is not Reason.UNKNOWN and not order.is_open:
        raise Refused(reason)
    return order
