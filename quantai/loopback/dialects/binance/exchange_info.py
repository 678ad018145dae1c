"""`exchangeInfo`: the markets and their filters. Source: Binance Spot API, «Exchange information», «Filters»; USD-M
Futures, «Exchange Information».
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quantai.core.numbers import ZERO
from quantai.loopback.dialects.binance import frames
from quantai.loopback.dialects.binance.endpoint import Call
from quantai.loopback.dialects.binance.spot_requests import TYPES
from quantai.loopback.dialects.binance.usdm_requests import ALL_TYPES
from quantai.loopback.dialects.binance.wording import e8, short
from quantai.loopback.dialects.binance.ws_api import interval_words
from quantai.loopback.engine import Market, MarketRules, SelfTrade

if TYPE_CHECKING:
    from quantai.loopback.dialects.binance.dialect import BinanceDialect

_PUBLISHED = frozenset({"REQUEST_WEIGHT", "ORDERS", "RAW_REQUESTS"})


class ExchangeInfo:
    """Answers about all markets, or on spot those that are asked for."""

    def __init__(self, dialect: BinanceDialect) -> None:
        self._dialect = dialect

    def show(self, call: Call) -> Any:
        markets = self._wanted(call)
        body: dict[str, Any] = {
            "timezone": "UTC",
            "serverTime": call.time(self._dialect.venue.now_ns()),
            "rateLimits": [
                {"rateLimitType": rule.name, **interval_words(rule.interval_ns), "limit": rule.limit}
                for rule in self._dialect.usage_rules
                if rule.name in _PUBLISHED
            ],
            "exchangeFilters": [],
        }
        if not self._dialect.is_futures:
            return body | {"symbols": [_spot_symbol(symbol, market) for symbol, market in markets]}
        currencies = sorted({market.rules.instrument.settlement_currency for _, market in markets})
        assets = [{"asset": code, "marginAvailable": True, "autoAssetExchange": "0"} for code in currencies]
        return body | {"assets": assets, "symbols": [_usdm_symbol(symbol, market) for symbol, market in markets]}

    def _wanted(self, call: Call) -> list[tuple[str, Market]]:
        one, many = call.params.values.get("symbol"), call.params.values.get("symbols")
        if self._dialect.is_futures or not (one or many):
            return self._dialect.markets()
        names = [one] if one else (many or "").strip("[]").replace('"', "").split(",")
        return [(name, self._dialect.market_of(name)) for name in names]


def _spot_symbol(symbol: str, market: Market) -> dict[str, Any]:
    instrument = market.rules.instrument
    quote = instrument.parts.quote
    allowed = [mode.value for mode in SelfTrade]
    flags = ("icebergAllowed", "allowTrailingStop", "cancelReplaceAllowed", "amendAllowed", "isSpotTradingAllowed")
    off = ("ocoAllowed", "otoAllowed", "opoAllowed", "pegInstructionsAllowed", "isMarginTradingAllowed")
    return {
        "symbol": symbol,
        "status": "TRADING" if market.is_open else "HALT",
        "baseAsset": instrument.base_currency,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(TYPES),
        "quoteOrderQtyMarketAllowed": True,
        **dict.fromkeys(flags, True),
        **dict.fromkeys(off, False),
        "filters": _spot_filters(market.rules),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": allowed,
    }


def _spot_filters(rules: MarketRules) -> list[dict[str, Any]]:
    instrument = rules.instrument
    up, down = short(rules.band_up), short(rules.band_down)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": e8(rules.min_price), "maxPrice": e8(rules.max_price),
         "tickSize": e8(instrument.tick_size)},
        {"filterType": "LOT_SIZE", "minQty": e8(rules.min_quantity), "maxQty": e8(rules.max_quantity),
         "stepSize": e8(instrument.lot_size)},
        {"filterType": "ICEBERG_PARTS", "limit": 100},
        {"filterType": "MARKET_LOT_SIZE", "minQty": e8(ZERO), "maxQty": e8(rules.max_market_quantity),
         "stepSize": e8(ZERO)},
        {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000,
         "minTrailingBelowDelta": 10, "maxTrailingBelowDelta": 2000},
        {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": up, "bidMultiplierDown": down,
         "askMultiplierUp": up, "askMultiplierDown": down, "avgPriceMins": 5},
        {"filterType": "NOTIONAL", "minNotional": e8(rules.min_notional), "applyMinToMarket": True,
         "maxNotional": e8(rules.max_notional), "applyMaxToMarket": False, "avgPriceMins": 5},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": rules.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": rules.max_stops},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": rules.max_amends},
    ]  # fmt: skip


def _usdm_symbol(symbol: str, market: Market) -> dict[str, Any]:
    rules, instrument = market.rules, market.rules.instrument
    settle = instrument.settlement_currency
    digits = (
        -int(instrument.tick_size.normalize().as_tuple().exponent),
        -int(instrument.lot_size.normalize().as_tuple().exponent),
    )
    return {
        "symbol": symbol,
        "pair": symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": frames.PERPETUAL_END_MS,
        "onboardDate": frames.ONBOARDED_MS,
        "status": frames.contract_status(market),
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base_currency,
        "quoteAsset": instrument.parts.quote,
        "marginAsset": settle,
        "pricePrecision": max(digits[0], 0),
        "quantityPrecision": max(digits[1], 0),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": f"{rules.liquidation_fee:.6f}",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": rules.max_amends,
        "filters": _usdm_filters(rules),
        "orderTypes": list(ALL_TYPES),
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def _usdm_filters(rules: MarketRules) -> list[dict[str, Any]]:
    instrument = rules.instrument
    step = short(instrument.lot_size)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": short(rules.min_price), "maxPrice": short(rules.max_price),
         "tickSize": short(instrument.tick_size)},
        {"filterType": "LOT_SIZE", "minQty": short(rules.min_quantity), "maxQty": short(rules.max_quantity),
         "stepSize": step},
        {"filterType": "MARKET_LOT_SIZE", "minQty": short(rules.min_quantity),
         "maxQty": short(rules.max_market_quantity), "stepSize": step},
        {"filterType": "MAX_NUM_ORDERS", "limit": rules.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": rules.max_stops},
        {"filterType": "MIN_NOTIONAL", "notional": short(rules.min_notional)},
        {"filterType": "PERCENT_PRICE", "multiplierUp": short(rules.band_up),
         "multiplierDown": short(rules.band_down), "multiplierDecimal": "4"},
    ]  # fmt: skip
