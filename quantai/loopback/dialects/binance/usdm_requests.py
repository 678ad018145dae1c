"""A new order on USD-M: its parameters by type. Source: USD-M Futures, «New Order», «New Algo Order»."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND
from quantai.core.enums import Side
from quantai.core.numbers import ZERO, ceil_to_step, floor_to_step
from quantai.loopback.dialects.binance.errors import ApiError
from quantai.loopback.dialects.binance.order_words import client_id_of, self_trade_of, side_of
from quantai.loopback.dialects.binance.params import Params, missing
from quantai.loopback.engine import Kind, Market, OrderRequest, PositionSide, SelfTrade, Tif, Trigger

ALGO_TYPES = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
ALL_TYPES = ("LIMIT", "MARKET", *ALGO_TYPES)
_TIFS = {"GTC": Tif.GTC, "IOC": Tif.IOC, "FOK": Tif.FOK, "GTX": Tif.GTC, "GTD": Tif.GTD, "RPI": Tif.GTC}
_MATCH_LEVELS = {"": 1, "5": 5, "10": 10, "20": 20}
_SHORTEST_GTD_NS = 600 * NS_PER_SECOND


def usdm_request(params: Params, market: Market, *, is_hedged: bool, now_ns: int) -> OrderRequest:
    """An ordinary order. Raises `ApiError`; conditional ones are refused with -4120."""
    word = params.text("type")
    if word in ALGO_TYPES:
        raise ApiError(-4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints "
                              "instead.")  # fmt: skip
    if word not in ("LIMIT", "MARKET"):
        raise ApiError(-1116, "Invalid orderType.")
    return _request(params, market, word, None, is_hedged=is_hedged, now_ns=now_ns, id_name="newClientOrderId")


def algo_request(params: Params, market: Market, *, is_hedged: bool, now_ns: int) -> OrderRequest:
    """A conditional order. Raises `ApiError`."""
    if params.text("algoType") != "CONDITIONAL":
        raise ApiError(-1130, "Data sent for parameter 'algoType' is not valid.")
    word = params.text("type")
    if word not in ALGO_TYPES:
        raise ApiError(-1116, "Invalid orderType.")
    trigger = _trigger(params, word, side_of(params), market)
    return _request(params, market, word, trigger, is_hedged=is_hedged, now_ns=now_ns, id_name="clientAlgoId")


def _request(
    params: Params, market: Market, word: str, trigger: Trigger | None, *, is_hedged: bool, now_ns: int, id_name: str
) -> OrderRequest:
    side, has_limit = side_of(params), word in ("LIMIT", "STOP", "TAKE_PROFIT")
    closes = params.flag("closePosition")
    if closes and (word not in ("STOP_MARKET", "TAKE_PROFIT_MARKET") or params.values.get("quantity")):
        raise ApiError(-1106, "Parameter 'closePosition' sent when not required.")
    tif = _tif(params, has_limit=has_limit)
    return OrderRequest(
        symbol=market.symbol,
        side=side,
        kind=Kind.LIMIT if has_limit else Kind.MARKET,
        quantity=ZERO if closes else params.positive("quantity"),
        price=_price(params, market, side) if has_limit else ZERO,
        tif=_TIFS[tif],
        client_id=client_id_of(params, is_futures=True, name=id_name),
        is_post_only=tif in ("GTX", "RPI"),
        trigger=trigger,
        is_reduce_only=_reduces(params, side, is_hedged=is_hedged),
        closes_position=closes,
        position_side=_position_side(params, is_hedged=is_hedged),
        self_trade=self_trade_of(params, SelfTrade.EXPIRE_MAKER),
        good_till_ns=_good_till(params, now_ns) if tif == "GTD" else 0,
        tags=_tags(params, word, tif),
    )


def _tags(params: Params, word: str, tif: str) -> dict[str, str]:
    tags = {"type": word, "tif": tif, "refuses_fok": "yes"}
    tags["workingType"] = params.values.get("workingType") or "CONTRACT_PRICE"
    tags["priceMatch"] = params.values.get("priceMatch") or "NONE"
    tags["reduceOnly"] = params.values.get("reduceOnly", "false").lower()
    return tags


def _tif(params: Params, *, has_limit: bool) -> str:
    text = params.values.get("timeInForce", "")
    if not has_limit:
        return "GTC"
    if not text:
        raise missing("timeInForce")
    if text not in _TIFS:
        raise ApiError(-1115, "Invalid timeInForce.")
    return text


def _price(params: Params, market: Market, side: Side) -> Decimal:
    match = params.values.get("priceMatch") or "NONE"
    if match == "NONE":
        return params.positive("price")
    if params.values.get("price"):
        raise ApiError(-1106, "Parameter 'price' sent when not required.")
    name, _, depth = match.partition("_")
    levels = _MATCH_LEVELS.get(depth, 0)
    quotes = market.book.quotes(side.opposite if name == "OPPONENT" else side, levels)
    if name not in ("OPPONENT", "QUEUE") or not quotes:
        raise ApiError(-1130, "Data sent for parameter 'priceMatch' is not valid.")
    return quotes[-1][0]


def _position_side(params: Params, *, is_hedged: bool) -> str:
    text = params.values.get("positionSide") or "BOTH"
    if text not in PositionSide.__members__ or (text != "BOTH") != is_hedged:
        raise ApiError(-4061, "Order's position side does not match user's setting.")
    return text


def _reduces(params: Params, side: Side, *, is_hedged: bool) -> bool:
    """In hedge mode what an order does follows from its side: a sell of the long position closes."""
    if not is_hedged:
        return params.flag("reduceOnly")
    if params.values.get("reduceOnly"):
        raise ApiError(-1106, "Parameter 'reduceOnly' sent when not required.")
    return (params.values.get("positionSide") == "LONG") == (side is Side.SELL)


def _good_till(params: Params, now_ns: int) -> int:
    stamp = params.integer("goodTillDate")
    if stamp is None:
        raise missing("goodTillDate")
    until_ns = stamp // 1_000 * NS_PER_SECOND
    if until_ns <= now_ns + _SHORTEST_GTD_NS:
        raise ApiError(-1130, "Data sent for parameter 'goodTillDate' is not valid.")
    return until_ns


def _trigger(params: Params, word: str, side: Side, market: Market) -> Trigger:
    uses_mark = params.values.get("workingType") == "MARK_PRICE"
    if word != "TRAILING_STOP_MARKET":
        # A stop sells below the market and buys above it, a profit the other way round.
        is_above = (side is Side.BUY) == word.startswith("STOP")
        return Trigger(params.positive("triggerPrice"), is_above, uses_mark=uses_mark)
    rate = params.positive("callbackRate") / 100
    activation = params.number("activatePrice", ZERO) or params.number("activationPrice", ZERO)
    reference, tick = market.reference or ZERO, market.rules.instrument.tick_size
    is_above = side is Side.BUY
    start = ceil_to_step(reference * (1 + rate), tick) if is_above else floor_to_step(reference * (1 - rate), tick)
    return Trigger(start, is_above, rate, activation or None, uses_mark, is_active=not activation)


def until_ms(request: OrderRequest) -> int:
    """`goodTillDate` of an order; 0 where it has none."""
    return request.good_till_ns // NS_PER_MS
