"""Orders, fills and accounts as spot shows them. Source: Binance Spot API, «Trading endpoints», «Account endpoints»."""

from __future__ import annotations

from typing import Any

from quantai.core.numbers import ZERO
from quantai.loopback.dialects.binance.wording import STATUSES, TimeOf, e8
from quantai.loopback.engine import Fill, Order, SpotAccount, Status


def _head(order: Order, symbol: str) -> dict[str, Any]:
    return {"symbol": symbol, "orderId": order.id, "orderListId": -1, "clientOrderId": order.client_id}


def _numbers(order: Order) -> dict[str, Any]:
    return {
        "price": e8(order.price),
        "origQty": e8(order.quantity),
        "executedQty": e8(order.filled),
        "origQuoteOrderQty": e8(order.request.quote_quantity),
        "cummulativeQuoteQty": e8(order.quote_filled),
        "status": STATUSES[order.status],
        "timeInForce": order.request.tif.value,
        "type": order.request.tags["type"],
        "side": order.side.value.upper(),
    }


def _conditional(order: Order) -> dict[str, Any]:
    trigger, request = order.request.trigger, order.request
    extra: dict[str, Any] = {}
    if trigger is not None:
        extra["stopPrice"] = e8(trigger.price)
        if trigger.trail is not None:
            extra |= {"trailingDelta": int(trigger.trail * 10_000), "trailingTime": -1}
    if request.iceberg:
        extra["icebergQty"] = e8(request.iceberg)
    return extra


def placed(order: Order, symbol: str, time: TimeOf, kind: str) -> dict[str, Any]:
    """The answer to a new order: `kind` is ACK, RESULT or FULL."""
    body = _head(order, symbol) | {"transactTime": time(order.updated_ns)}
    if kind == "ACK":
        return body
    body |= _numbers(order) | _conditional(order)
    body |= {"workingTime": _working(order, time), "selfTradePreventionMode": order.request.self_trade.value}
    if kind == "FULL":
        body["fills"] = [
            {
                "price": e8(fill.price),
                "qty": e8(fill.quantity),
                "commission": e8(fill.fee),
                "commissionAsset": fill.fee_asset,
                "tradeId": fill.trade_id,
            }
            for fill in order.fills
        ]
    return body


def canceled(order: Order, symbol: str, time: TimeOf) -> dict[str, Any]:
    """The answer to a cancel."""
    head = {"symbol": symbol, "origClientOrderId": order.client_id, "orderId": order.id, "orderListId": -1}
    head |= {"clientOrderId": order.cancel_id, "transactTime": time(order.updated_ns)}
    return head | _numbers(order) | _conditional(order) | {"selfTradePreventionMode": order.request.self_trade.value}


def shown(order: Order, symbol: str, time: TimeOf) -> dict[str, Any]:
    """The answer to a query."""
    body = _head(order, symbol) | _numbers(order)
    body |= {"stopPrice": e8(ZERO), "icebergQty": e8(ZERO)} | _conditional(order)
    body |= {"time": time(order.created_ns), "updateTime": time(order.updated_ns)}
    body |= {"isWorking": order.status is not Status.WAITING, "workingTime": _working(order, time)}
    return body | {"selfTradePreventionMode": order.request.self_trade.value}


def fill(order: Order, made: Fill, symbol: str, time: TimeOf) -> dict[str, Any]:
    """A row of `myTrades`."""
    return {
        "symbol": symbol,
        "id": made.trade_id,
        "orderId": order.id,
        "orderListId": -1,
        "price": e8(made.price),
        "qty": e8(made.quantity),
        "quoteQty": e8(made.quote),
        "commission": e8(made.fee),
        "commissionAsset": made.fee_asset,
        "time": time(made.ts_ns),
        "isBuyer": order.side.sign > 0,
        "isMaker": made.is_maker,
        "isBestMatch": True,
    }


def account(owner: SpotAccount, now_ns: int, time: TimeOf, *, can_trade: bool, omits_zero: bool) -> dict[str, Any]:
    """`GET /account`."""
    maker, taker = owner.fees.maker, owner.fees.taker
    balances = [
        {"asset": asset, "free": e8(held.free), "locked": e8(held.locked)}
        for asset, held in owner.balances.items()
        if held.total or not omits_zero
    ]
    return {
        "makerCommission": int(maker * 10_000),
        "takerCommission": int(taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {"maker": e8(maker), "taker": e8(taker), "buyer": e8(ZERO), "seller": e8(ZERO)},
        "canTrade": can_trade,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": time(now_ns),
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": 354937868,
    }


def _working(order: Order, time: TimeOf) -> int:
    return time(order.working_ns) if order.working_ns else -1
