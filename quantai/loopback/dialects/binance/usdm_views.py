"""Orders, conditional orders, fills and positions as USD-M shows them. Source: USD-M Futures, «Trade», «Account»."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from quantai.core.numbers import ZERO
from quantai.loopback.dialects.binance.usdm_requests import until_ms
from quantai.loopback.dialects.binance.wording import STATUSES, short, to_ms
from quantai.loopback.engine import Fill, FuturesAccount, Order, Position, Status

_PRICE_STEP = Decimal("1e-8")
_FIRST_ALGO_ID = 1_000_000_000_000
_ALGO_STATUSES = {Status.WAITING: "NEW", Status.CANCELED: "CANCELED", Status.EXPIRED: "EXPIRED"}


def rounded(value: Decimal) -> str:
    """A derived number, to 8 decimals."""
    return short(value.quantize(_PRICE_STEP))


def venue_type(order: Order) -> str:
    """What a conditional order is once it works: what it was before it says `origType`."""
    return "LIMIT" if order.request.kind.value == "limit" else "MARKET"


def order(made: Order, symbol: str) -> dict[str, Any]:
    """An order, in answers and queries."""
    request = made.request
    return {
        "orderId": made.id,
        "symbol": symbol,
        "status": STATUSES[made.status],
        "clientOrderId": made.client_id,
        "price": short(made.price),
        "avgPrice": rounded(made.average_price),
        "origQty": short(made.quantity),
        "executedQty": short(made.filled),
        "cumQty": short(made.filled),
        "cumQuote": short(made.quote_filled),
        "timeInForce": request.tags["tif"],
        "type": venue_type(made),
        "reduceOnly": request.tags["reduceOnly"] == "true",
        "closePosition": request.closes_position,
        "side": made.side.value.upper(),
        "positionSide": request.position_side,
        "stopPrice": "0",
        "workingType": request.tags["workingType"],
        "priceProtect": False,
        "origType": request.tags["type"],
        "priceMatch": request.tags["priceMatch"],
        "selfTradePreventionMode": request.self_trade.value,
        "goodTillDate": until_ms(request),
        "time": to_ms(made.created_ns),
        "updateTime": to_ms(made.updated_ns),
    }


def placed(made: Order, symbol: str, response: str) -> dict[str, Any]:
    """The answer to a new order: with `ACK`, the usual one, nothing of what has become of it by then."""
    shown = order(made, symbol)
    if response == "RESULT":
        return shown
    return shown | {"status": "NEW", "executedQty": "0", "cumQty": "0", "cumQuote": "0", "avgPrice": "0.00"}


def algo_id(made: Order) -> int:
    """What the algo service calls a conditional order: never what its order is called once it is triggered."""
    return _FIRST_ALGO_ID + made.id


def algo_status(made: Order) -> str:
    """The state of a conditional order: after it was triggered it is finished when its order is."""
    if made.status is Status.WAITING or not made.working_ns:
        return _ALGO_STATUSES[made.status]
    return "TRIGGERED" if made.is_open else "FINISHED"


def algo(made: Order, symbol: str) -> dict[str, Any]:
    """A conditional order, in answers and queries."""
    request, trigger = made.request, made.request.trigger
    assert trigger is not None
    is_triggered = made.status is not Status.WAITING and made.working_ns > 0
    return {
        "algoId": algo_id(made),
        "clientAlgoId": made.client_id,
        "algoType": "CONDITIONAL",
        "orderType": request.tags["type"],
        "symbol": symbol,
        "side": made.side.value.upper(),
        "positionSide": request.position_side,
        "timeInForce": request.tags["tif"],
        "quantity": short(made.quantity),
        "algoStatus": algo_status(made),
        "actualOrderId": str(made.id) if is_triggered else "",
        "actualPrice": rounded(made.average_price),
        "triggerPrice": short(trigger.price),
        "price": short(made.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": request.self_trade.value,
        "workingType": request.tags["workingType"],
        "priceMatch": request.tags["priceMatch"],
        "closePosition": request.closes_position,
        "priceProtect": False,
        "reduceOnly": request.tags["reduceOnly"] == "true",
        "activatePrice": short(trigger.activation) if trigger.activation else "",
        "callbackRate": short(trigger.trail * 100) if trigger.trail else "",
        "createTime": to_ms(made.created_ns),
        "updateTime": to_ms(made.updated_ns),
        "triggerTime": to_ms(made.working_ns) if is_triggered else 0,
        "goodTillDate": until_ms(request),
    }


def fill(of: Order, made: Fill, symbol: str) -> dict[str, Any]:
    """A row of `userTrades`."""
    return {
        "buyer": of.side.sign > 0,
        "commission": short(made.fee),
        "commissionAsset": made.fee_asset,
        "id": made.trade_id,
        "maker": made.is_maker,
        "orderId": of.id,
        "price": short(made.price),
        "qty": short(made.quantity),
        "quoteQty": short(made.quote),
        "realizedPnl": short(made.realized),
        "side": of.side.value.upper(),
        "positionSide": of.request.position_side,
        "symbol": symbol,
        "time": to_ms(made.ts_ns),
    }


def position(held: Position, owner: FuturesAccount, symbol: str) -> dict[str, Any]:
    """A row of `positionRisk`."""
    mark, leverage = owner.mark(held), owner.leverage[held.symbol]
    margin = owner.notional(held) / leverage
    return {
        "symbol": symbol,
        "positionSide": held.side.value,
        "positionAmt": short(held.amount),
        "entryPrice": rounded(held.entry_price),
        "breakEvenPrice": rounded(held.entry_price),
        "markPrice": rounded(mark),
        "unRealizedProfit": rounded(held.profit(mark)),
        "liquidationPrice": rounded(max(owner.liquidation_price(held), ZERO)) if held.amount else "0",
        "isolatedMargin": "0",
        "notional": rounded(held.amount * mark),
        "marginAsset": "USDT",
        "isolatedWallet": "0",
        "initialMargin": rounded(margin),
        "maintMargin": rounded(owner.notional(held) * owner.maintenance_rate),
        "positionInitialMargin": rounded(margin),
        "openOrderInitialMargin": "0",
        "leverage": str(leverage),
        "marginType": owner.margin_type[held.symbol],
        "maxNotionalValue": "100000000",
        "adl": 0,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": to_ms(held.updated_ns),
    }


def asset(owner: FuturesAccount, code: str, now_ms: int) -> dict[str, Any]:
    """A row of `assets` in `account`."""
    wallet, profit = owner.wallet[code], owner.profit(code)
    margin, orders, available = owner.position_margin(code), owner.order_margin(code), owner.available(code)
    return {
        "asset": code,
        "walletBalance": rounded(wallet),
        "unrealizedProfit": rounded(profit),
        "marginBalance": rounded(wallet + profit),
        "maintMargin": rounded(owner.maintenance_margin(code)),
        "initialMargin": rounded(margin + orders),
        "positionInitialMargin": rounded(margin),
        "openOrderInitialMargin": rounded(orders),
        "crossWalletBalance": rounded(wallet),
        "crossUnPnl": rounded(profit),
        "availableBalance": rounded(max(available, ZERO)),
        "maxWithdrawAmount": rounded(max(available, ZERO)),
        "marginAvailable": True,
        "updateTime": now_ms,
    }
