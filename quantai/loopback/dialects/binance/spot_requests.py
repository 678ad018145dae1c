"""A new order on spot: its parameters by type. Source: Binance Spot API, «New order» and «Filters»."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.enums import Side
from quantai.core.numbers import ZERO
from quantai.loopback.dialects.binance.errors import ApiError
from quantai.loopback.dialects.binance.order_words import client_id_of, self_trade_of, side_of
from quantai.loopback.dialects.binance.params import Params, missing
from quantai.loopback.engine import Kind, Market, OrderRequest, SelfTrade, Tif, Trigger

TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
_BASIS_POINT = Decimal("0.0001")


def spot_request(params: Params, market: Market) -> OrderRequest:
    """What the parameters ask for. Raises `ApiError`."""
    side, word = side_of(params), params.text("type")
    if word not in TYPES:
        raise ApiError(-1116, "Invalid orderType.")
    has_limit = word in ("LIMIT", "LIMIT_MAKER") or word.endswith("_LIMIT")
    quote_quantity = params.number("quoteOrderQty", ZERO)
    if quote_quantity and word != "MARKET":
        raise ApiError(-1106, "Parameter 'quoteOrderQty' sent when not required.")
    if quote_quantity and params.values.get("quantity"):
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    return OrderRequest(
        symbol=market.symbol,
        side=side,
        kind=Kind.LIMIT if has_limit else Kind.MARKET,
        quantity=ZERO if quote_quantity else params.positive("quantity"),
        price=_price(params, has_limit=has_limit),
        quote_quantity=quote_quantity,
        tif=_tif(params, word, has_limit=has_limit),
        client_id=client_id_of(params, is_futures=False),
        is_post_only=word == "LIMIT_MAKER",
        iceberg=_iceberg(params, word, has_limit=has_limit),
        trigger=_trigger(params, word, side, market),
        self_trade=self_trade_of(params, SelfTrade.EXPIRE_MAKER),
        tags={"type": word},
    )


def _price(params: Params, *, has_limit: bool) -> Decimal:
    if not has_limit:
        if params.values.get("price"):
            raise ApiError(-1106, "Parameter 'price' sent when not required.")
        return ZERO
    return params.positive("price")


def _tif(params: Params, word: str, *, has_limit: bool) -> Tif:
    text = params.values.get("timeInForce", "")
    if not has_limit or word == "LIMIT_MAKER":
        if text:
            raise ApiError(-1106, "Parameter 'timeInForce' sent when not required.")
        return Tif.GTC
    if not text:
        raise missing("timeInForce")
    if text not in ("GTC", "IOC", "FOK"):
        raise ApiError(-1115, "Invalid timeInForce.")
    return Tif(text)


def _iceberg(params: Params, word: str, *, has_limit: bool) -> Decimal:
    shown = params.number("icebergQty", ZERO)
    if shown and (not has_limit or params.values.get("timeInForce", "GTC") != "GTC"):
        raise ApiError(-1106, "Parameter 'icebergQty' sent when not required.")
    return shown


def _trigger(params: Params, word: str, side: Side, market: Market) -> Trigger | None:
    stop, delta = params.number("stopPrice", ZERO), params.integer("trailingDelta")
    if not word.startswith(("STOP_LOSS", "TAKE_PROFIT")):
        if stop or delta:
            raise ApiError(-1106, f"Parameter '{'stopPrice' if stop else 'trailingDelta'}' sent when not required.")
        return None
    if not stop and delta is None:
        raise missing("stopPrice")
    # A stop sells below the market and buys above it, a profit the other way round.
    is_above = (side is Side.BUY) == word.startswith("STOP_LOSS")
    if delta is None:
        return Trigger(stop, is_above)
    last = market.tape.last or market.reference or ZERO
    trail = delta * _BASIS_POINT
    start = last * (1 + trail) if side is Side.BUY else last * (1 - trail)
    return Trigger(start, side is Side.BUY, trail, stop or None, is_active=not stop)
