"""From commands to what Binance's order endpoints want to be told. Nothing here sends anything.

An order that Binance could only do otherwise than asked is refused here, with `OrderError`, before it is sent; what
makes no sense at any venue was refused before (`order_checks`).
Source: Binance Spot API, «New order», «Order Amend Keep Priority»; USD-M Futures, «New Order», «New Algo Order».
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.core.numbers import plain
from quantai.exchanges.binance.order_options import SPOT_OPTIONS, USDM_OPTIONS, read_options
from quantai.exchanges.execution import AmendOrder, CancelOrder, SubmitOrder
from quantai.exchanges.order_checks import refusal

ALGO_PREFIX = "algo-"
"""Begins the venue's ids of conditional USD-M orders that were not triggered: the algo service counts for itself."""

SPOT_IDS = re.compile(r"[a-zA-Z0-9_-]{1,36}")
FUTURES_IDS = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
"""What is taken as a client order id."""

_VENUE = "Binance"
_SIDES = {Side.BUY: "BUY", Side.SELL: "SELL"}
_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)
_TRAILING = "TRAILING_STOP_MARKET"


@dataclass(frozen=True, slots=True)
class Call:
    """An endpoint, by its name below the product's prefix, and what it is told."""

    method: str
    name: str
    params: Mapping[str, str] = field(repr=False)


def spot_order(command: SubmitOrder, symbol: str) -> Call:
    """A new order on spot. Raises `OrderError`."""
    options = read_options(command.options, SPOT_OPTIONS)
    if command.reduce_only and command.side is Side.BUY:
        raise _refusal(command, "a buy on spot reduces nothing: there are no short positions")
    kind = _spot_type(command, options)
    has_limit = command.order_type.has_limit
    params = {"symbol": symbol, "side": _SIDES[command.side], "type": kind}
    if has_limit and kind != "LIMIT_MAKER":
        params["timeInForce"] = _plain_time_in_force(command)
    params |= _spot_size(command, options)
    if command.price is not None:
        params["price"] = plain(command.price)
    if command.trigger_price is not None:
        params["stopPrice"] = plain(command.trigger_price)
    _check_spot_flags(command, options)
    return Call("POST", "order", params | options | _ending(command, "newClientOrderId"))


def _spot_type(command: SubmitOrder, options: dict[str, str]) -> str:
    asked = options.pop("type", "")
    if command.order_type not in _STOPS:
        if asked or "trailingDelta" in options:
            raise _refusal(command, "type and trailingDelta are for stops")
        is_maker = command.time_in_force is TimeInForce.POST_ONLY
        return "MARKET" if command.order_type is OrderType.MARKET else "LIMIT_MAKER" if is_maker else "LIMIT"
    if command.trigger_price is None and "trailingDelta" not in options:
        raise _refusal(command, "a stop needs a trigger price, or a trailingDelta")
    suffix = "_LIMIT" if command.order_type is OrderType.STOP_LIMIT else ""
    kind = asked or f"STOP_LOSS{suffix}"
    if kind.endswith("_LIMIT") is not bool(suffix):
        raise _refusal(command, f"type {kind} contradicts {command.order_type}")
    return kind


def _spot_size(command: SubmitOrder, options: dict[str, str]) -> dict[str, str]:
    if "quoteOrderQty" not in options:
        return {"quantity": plain(command.quantity)}
    if command.order_type is not OrderType.MARKET:
        raise _refusal(command, "quoteOrderQty is for market orders")
    return {}


def _check_spot_flags(command: SubmitOrder, options: Mapping[str, str]) -> None:
    if "icebergQty" in options:
        if not command.order_type.has_limit or command.time_in_force not in (TimeInForce.GTC, TimeInForce.POST_ONLY):
            raise _refusal(command, "icebergQty is for limit orders that are good till cancelled")
        if Decimal(options["icebergQty"]) > command.quantity:
            raise _refusal(command, "icebergQty is more than the whole")
    pegged = [name for name in options if name.startswith("peg")]
    if pegged and ("pegPriceType" not in options or not command.order_type.has_limit):
        raise _refusal(command, f"{', '.join(pegged)} need pegPriceType and a limit order")
    if ("pegOffsetType" in options) is not ("pegOffsetValue" in options):
        raise _refusal(command, "pegOffsetType and pegOffsetValue go together")


def usdm_order(command: SubmitOrder, symbol: str) -> Call:
    """A new order on USD-M: stops go to the algo service. Raises `OrderError`."""
    options = read_options(command.options, USDM_OPTIONS)
    is_stop = command.order_type in _STOPS
    kind = _usdm_type(command, options)
    params = {"algoType": "CONDITIONAL"} if is_stop else {}
    params |= {"symbol": symbol, "side": _SIDES[command.side], "type": kind}
    params |= _usdm_lifetime(command, options)
    params |= _usdm_size(command, options, kind)
    params |= _usdm_prices(command, options, kind)
    own_id = "clientAlgoId" if is_stop else "newClientOrderId"
    return Call("POST", "algoOrder" if is_stop else "order", params | options | _ending(command, own_id))


def _usdm_type(command: SubmitOrder, options: dict[str, str]) -> str:
    asked = options.pop("type", "")
    if command.order_type not in _STOPS:
        conditional = [name for name in _CONDITIONAL if name in options]
        if asked or conditional:
            raise _refusal(command, f"{', '.join(['type'] * bool(asked) + conditional)} are for stops")
        return "MARKET" if command.order_type is OrderType.MARKET else "LIMIT"
    has_limit = command.order_type is OrderType.STOP_LIMIT
    kind = asked or ("STOP" if has_limit else "STOP_MARKET")
    if (kind in ("STOP", "TAKE_PROFIT")) is not has_limit:
        raise _refusal(command, f"type {kind} contradicts {command.order_type}")
    if (kind == _TRAILING) is not ("callbackRate" in options):
        raise _refusal(command, "callbackRate and type TRAILING_STOP_MARKET go together")
    if "activatePrice" in options and (kind != _TRAILING or command.trigger_price is not None):
        raise _refusal(command, "activatePrice is for trailing stops, and is their trigger price: give one of them")
    if command.trigger_price is None and kind != _TRAILING:
        raise _refusal(command, "a stop needs a trigger price")
    return kind


_CONDITIONAL = ("workingType", "priceProtect", "closePosition", "callbackRate", "activatePrice")


def _usdm_lifetime(command: SubmitOrder, options: dict[str, str]) -> dict[str, str]:
    asked = options.pop("timeInForce", "")
    if not command.order_type.has_limit:
        if asked or "goodTillDate" in options:
            raise _refusal(command, "timeInForce and goodTillDate are for limit orders")
        return {}
    if asked or "goodTillDate" in options:
        if command.time_in_force is not TimeInForce.GTC or (asked and "goodTillDate" in options):
            raise _refusal(command, "timeInForce, goodTillDate and the order's own time in force contradict each other")
        return {"timeInForce": asked or "GTD"}
    is_maker = command.time_in_force is TimeInForce.POST_ONLY
    return {"timeInForce": "GTX" if is_maker else _plain_time_in_force(command)}


def _usdm_size(command: SubmitOrder, options: dict[str, str], kind: str) -> dict[str, str]:
    """Quantity, and whether it may only reduce: with two-way positions their side says that."""
    position = options.get("positionSide", "BOTH")
    if options.get("closePosition") == "true":
        if kind not in ("STOP_MARKET", "TAKE_PROFIT_MARKET"):
            raise _refusal(command, "closePosition is for STOP_MARKET and TAKE_PROFIT_MARKET")
        return {}
    size = {"quantity": plain(command.quantity)}
    if not command.reduce_only:
        return size
    if position == "BOTH":
        return size | {"reduceOnly": "true"}
    if (position == "LONG") is not (command.side is Side.SELL):
        raise _refusal(command, f"a {command.side} on the {position} side reduces nothing")
    return size


def _usdm_prices(command: SubmitOrder, options: dict[str, str], kind: str) -> dict[str, str]:
    prices = {}
    if "priceMatch" in options:
        if not command.order_type.has_limit:
            raise _refusal(command, "priceMatch is for orders with a limit")
    elif command.price is not None:
        prices["price"] = plain(command.price)
    if command.trigger_price is not None:
        prices["activatePrice" if kind == _TRAILING else "triggerPrice"] = plain(command.trigger_price)
    return prices


def spot_amendment(command: AmendOrder, symbol: str) -> Call:
    """Spot makes an order smaller and leaves it its place. Whether its price is to stay must be known before.

    Anything else would be a cancel and a new order, between which the old one may still trade: twice the quantity, or
    none at all. So that is not done here (`POST order/cancelReplace`).
    """
    same_id = {"newClientOrderId": command.client_order_id} if command.client_order_id else {}
    name = _name_of(command.client_order_id, command.venue_order_id)
    params = {"symbol": symbol} | name | {"newQty": plain(command.quantity)} | same_id
    return Call("PUT", "order/amend/keepPriority", params)


def usdm_amendment(command: AmendOrder, symbol: str) -> Call:
    """USD-M changes quantity and price of a limit order, which loses its place. Raises `OrderError`."""
    if command.price is None:
        raise OrderError(f"order {command.client_order_id} has no limit: Binance amends limit orders only")
    if command.venue_order_id.startswith(ALGO_PREFIX):
        raise OrderError(f"order {command.client_order_id} waits for its trigger: cancel it and place anew")
    name = _name_of(command.client_order_id, command.venue_order_id)
    params = {"symbol": symbol, "side": _SIDES[command.side], "quantity": plain(command.quantity)}
    return Call("PUT", "order", params | {"price": plain(command.price)} | name)


def cancellations(command: CancelOrder, symbol: str, *, is_futures: bool) -> tuple[Call, ...]:
    """What to ask, one after the other while the venue says that it knows no such order: a conditional USD-M order has
    other names before and after it was triggered.
    """
    own, theirs = command.client_order_id, command.venue_order_id
    if theirs.startswith(ALGO_PREFIX):
        algo = Call("DELETE", "algoOrder", {"algoId": _digits(theirs.removeprefix(ALGO_PREFIX))})
        return (algo, Call("DELETE", "order", {"symbol": symbol} | _name_of(own, ""))) if own else (algo,)
    order = Call("DELETE", "order", {"symbol": symbol} | _name_of(own, theirs))
    if theirs or not is_futures:
        return (order,)
    return order, Call("DELETE", "algoOrder", {"clientAlgoId": own})


def _name_of(client_order_id: str, venue_order_id: str) -> dict[str, str]:
    """What an order is found by: the venue's own id is the fastest."""
    if venue_order_id:
        return {"orderId": _digits(venue_order_id)}
    if client_order_id:
        return {"origClientOrderId": client_order_id}
    raise OrderError("an order without any id cannot be named to Binance")


def _digits(text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise OrderError(f"{text!r} is no order id of Binance's: they are whole numbers")
    return text


def _ending(command: SubmitOrder, own_id: str) -> dict[str, str]:
    return {own_id: command.client_order_id, "newOrderRespType": "ACK"}


def _plain_time_in_force(command: SubmitOrder) -> str:
    if command.time_in_force is TimeInForce.POST_ONLY:
        raise _refusal(command, "a stop on spot cannot be post-only")
    return str(command.time_in_force)


def _refusal(command: SubmitOrder, why: str) -> OrderError:
    return refusal(command, _VENUE, why)
