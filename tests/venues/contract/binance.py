"""Binance spot and USD-M futures, as the contract suite needs to know them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from quantai.exchanges.binance.exchange import BinanceSpot, BinanceUsdm
from quantai.exchanges.binance.execution import BinanceExecution
from quantai.exchanges.execution import ExecutionConnector
from quantai.loopback.server.faults import Fault, FaultKind
from tests.venues.contract.venue import VenueUnderTest

_BUDGETS = ("REQUEST_WEIGHT", "ORDERS")
_LATER = "no card reads it back: it only names the order for statistics"


def _stream_symbol(symbol: str) -> str:
    return symbol.partition(":")[0].replace("/", "").lower()


def _cancel_all(connector: ExecutionConnector, symbol: str) -> Any:
    return cast(BinanceExecution, connector).cancel_all(symbol)


SPOT = VenueUnderTest(
    name="binance",
    exchange=BinanceSpot,
    symbols=("BTC/USDT", "ETH/USDT"),
    balances={"USDT": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(10)},
    venue_symbol=_stream_symbol,
    requests={
        "submit": "POST /api/v3/order",
        "cancel": "DELETE /api/v3/order",
        "amend": "PUT /api/v3/order",
        "bars": "GET /api/v3/klines",
        "missed_trades": "GET /api/v3/historicalTrades",
        "book": "GET /api/v3/depth",
    },
    streams={"trade": "{}@trade", "tick": "{}@bookTicker", "book": "{}@depth", "bar": "{}@kline"},
    private_fill="private:executionReport",
    private_order="private:executionReport",
    no_private_stream=Fault(FaultKind.TRUNCATE, match="reply", count=1_000),
    budgets=_BUDGETS,
    options={
        "an iceberg": lambda shown: (("icebergQty", shown),),
        "take profit": lambda _: (("type", "TAKE_PROFIT"),),
        "take profit with a limit": lambda _: (("type", "TAKE_PROFIT_LIMIT"),),
        "a trailing stop": lambda percent: (("trailingDelta", str(int(Decimal(percent) * 100))),),
        "an amount of quote currency": lambda amount: (("quoteOrderQty", amount),),
        "self-trade prevention": lambda _: (("selfTradePreventionMode", "EXPIRE_TAKER"),),
    },
    params={
        "quick refresh": {"refresh": "50ms"},
        "whole books at a pace": {"market_data": {"book_interval": "500ms"}},
    },
    facts=frozenset({"tells before it disconnects", "orders have a least value"}),
    beyond={
        "pegPriceType": "the loopback venue has no pegged orders",
        "pegOffsetType": "the loopback venue has no pegged orders",
        "pegOffsetValue": "the loopback venue has no pegged orders",
        "strategyId": _LATER,
        "strategyType": _LATER,
    },
    cancel_all=_cancel_all,
)

USDM = VenueUnderTest(
    name="binance_usdm",
    exchange=BinanceUsdm,
    symbols=("BTC/USDT:USDT", "ETH/USDT:USDT"),
    balances={"USDT": Decimal(100_000)},
    venue_symbol=_stream_symbol,
    requests={
        "submit": "POST /fapi/v1/order",
        "cancel": "DELETE /fapi/v1/order",
        "amend": "PUT /fapi/v1/order",
        "batch": "POST /fapi/v1/batchOrders",
        "cancel batch": "DELETE /fapi/v1/batchOrders",
        "bars": "GET /fapi/v1/klines",
        "missed_trades": "GET /fapi/v1/aggTrades",
        "book": "GET /fapi/v1/depth",
        "countdown": "POST /fapi/v1/countdownCancelAll",
    },
    streams={
        "trade": "{}@aggTrade",
        "tick": "{}@bookTicker",
        "book": "{}@depth",
        "bar": "{}@kline",
        "mark_price": "{}@markPrice",
        "liquidation": "{}@forceOrder",
    },
    private_fill="private:ORDER_TRADE_UPDATE",
    private_order="private:ORDER_TRADE_UPDATE",
    no_private_stream=Fault(FaultKind.ERROR_BEFORE, match="POST /fapi/v1/listenKey", count=1_000),
    budgets=_BUDGETS,
    options={
        "an end in time": lambda until_ms: (("goodTillDate", until_ms),),
        "take profit": lambda _: (("type", "TAKE_PROFIT_MARKET"),),
        "take profit with a limit": lambda _: (("type", "TAKE_PROFIT"),),
        "a trailing stop": lambda percent: (("type", "TRAILING_STOP_MARKET"), ("callbackRate", percent)),
        "where a trailing stop begins": lambda price: (
            ("type", "TRAILING_STOP_MARKET"), ("callbackRate", "0.1"), ("activatePrice", price),
        ),
        "the mark price as trigger": lambda _: (("workingType", "MARK_PRICE"),),
        "closing the position": lambda _: (("closePosition", "true"),),
        "a price that the venue chooses": lambda _: (("priceMatch", "QUEUE_5"),),
        "self-trade prevention": lambda _: (("selfTradePreventionMode", "EXPIRE_TAKER"),),
        "two-way positions": lambda side: (("positionSide", side),),
    },
    params={
        "quick refresh": {"refresh": "50ms"},
        "whole books at a pace": {"market_data": {"book_interval": "500ms"}},
        "dead-man switch": {"countdown": "9s"},
    },
    facts=frozenset(
        {"amend to any price and quantity", "keys of private streams expire", "orders have a least value"}
    ),
    beyond={
        "timeInForce": "RPI: the loopback venue takes it, and makes no difference",
        "priceProtect": "the loopback venue does not compare mark and last price",
    },
    cancel_all=_cancel_all,
)  # fmt: skip

VENUES = (SPOT, USDM)
