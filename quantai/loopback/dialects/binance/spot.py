"""Binance spot: its table of requests and its limits. Source: Binance Spot API."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from quantai.core.clock import NS_PER_SECOND
from quantai.instruments import Instrument
from quantai.loopback.dialects.binance.dialect import BinanceDialect, StreamFacts
from quantai.loopback.dialects.binance.endpoint import Call, Endpoint, Security, by_limit, by_symbol
from quantai.loopback.dialects.binance.errors import SPOT_REFUSALS
from quantai.loopback.dialects.binance.exchange_info import ExchangeInfo
from quantai.loopback.dialects.binance.instruments import spot_instrument
from quantai.loopback.dialects.binance.market_data import MarketData
from quantai.loopback.dialects.binance.spot_events import SpotEvents
from quantai.loopback.dialects.binance.spot_trading import SpotTrading
from quantai.loopback.engine import Account, Listener, SpotAccount
from quantai.loopback.server.usage import UsageRule

_API = "/api/v3"
_MINUTE_NS = 60 * NS_PER_SECOND


class BinanceSpotDialect(BinanceDialect):
    """Speaks as Binance spot does."""

    name = "binance"
    refusals = SPOT_REFUSALS
    usage_rules = (
        UsageRule("REQUEST_WEIGHT", 6_000, _MINUTE_NS, "1M"),
        UsageRule("RAW_REQUESTS", 300_000, 5 * _MINUTE_NS, "5M"),
        UsageRule("ORDERS", 100, 10 * NS_PER_SECOND, "10S"),
        UsageRule("ORDERS", 160_000, 1_440 * _MINUTE_NS, "1D"),
        UsageRule("CONNECTS", 300, 5 * _MINUTE_NS, "5M"),
    )
    facts = StreamFacts(
        messages_per_second=5,
        streams_per_socket=1_024,
        ping_ns=20 * NS_PER_SECOND,
        pong_deadline_ns=60 * NS_PER_SECOND,
        routes=("",),
        ws_api_path="/ws-api/v3",
        connect_weight=2,
    )
    ws_methods = {
        "ping": ("GET", f"{_API}/ping"),
        "time": ("GET", f"{_API}/time"),
        "exchangeInfo": ("GET", f"{_API}/exchangeInfo"),
        "depth": ("GET", f"{_API}/depth"),
        "trades.recent": ("GET", f"{_API}/trades"),
        "trades.historical": ("GET", f"{_API}/historicalTrades"),
        "trades.aggregate": ("GET", f"{_API}/aggTrades"),
        "klines": ("GET", f"{_API}/klines"),
        "ticker.book": ("GET", f"{_API}/ticker/bookTicker"),
        "ticker.price": ("GET", f"{_API}/ticker/price"),
        "ticker.24hr": ("GET", f"{_API}/ticker/24hr"),
        "order.place": ("POST", f"{_API}/order"),
        "order.test": ("POST", f"{_API}/order/test"),
        "order.status": ("GET", f"{_API}/order"),
        "order.cancel": ("DELETE", f"{_API}/order"),
        "order.cancelReplace": ("POST", f"{_API}/order/cancelReplace"),
        "order.amend.keepPriority": ("PUT", f"{_API}/order/amend/keepPriority"),
        "openOrders.status": ("GET", f"{_API}/openOrders"),
        "openOrders.cancelAll": ("DELETE", f"{_API}/openOrders"),
        "allOrders": ("GET", f"{_API}/allOrders"),
        "myTrades": ("GET", f"{_API}/myTrades"),
        "account.status": ("GET", f"{_API}/account"),
        "account.commission": ("GET", f"{_API}/account/commission"),
    }

    def instrument(self, symbol: str) -> Instrument:
        return spot_instrument(symbol)

    def make_account(self, name: str, balances: Mapping[str, Decimal]) -> Account:
        return SpotAccount(name, balances)

    def make_listener(self) -> Listener:
        return SpotEvents(self)

    def hosts(self, address: str) -> dict[str, str]:
        ws_api = f"ws://{address}{self.facts.ws_api_path}"
        return {"rest": f"http://{address}", "public_ws": f"ws://{address}", "private_ws": ws_api, "ws_api": ws_api}

    def endpoints(self) -> list[Endpoint]:
        return [*self._public(), *self._private()]

    def _public(self) -> list[Endpoint]:
        data, info = MarketData(self), ExchangeInfo(self)
        return [
            Endpoint("GET", f"{_API}/ping", data.ping),
            Endpoint("GET", f"{_API}/time", data.time),
            Endpoint("GET", f"{_API}/exchangeInfo", info.show, 20),
            Endpoint("GET", f"{_API}/depth", data.depth, by_limit(100, (100, 5), (500, 25), (1_000, 50), (5_000, 250))),
            Endpoint("GET", f"{_API}/trades", data.trades, 25),
            Endpoint("GET", f"{_API}/historicalTrades", data.historical_trades, 25),
            Endpoint("GET", f"{_API}/aggTrades", data.agg_trades, 4),
            Endpoint("GET", f"{_API}/klines", data.klines, 2),
            Endpoint("GET", f"{_API}/avgPrice", data.average_price, 2),
            Endpoint("GET", f"{_API}/ticker/bookTicker", data.book_ticker, by_symbol(2, 4)),
            Endpoint("GET", f"{_API}/ticker/price", data.price_ticker, by_symbol(2, 4)),
            Endpoint("GET", f"{_API}/ticker/24hr", data.day_ticker, by_symbol(2, 80)),
        ]

    def _private(self) -> list[Endpoint]:
        trading, signed, trade = SpotTrading(self), Security.SIGNED, Security.TRADE
        return [
            Endpoint("POST", f"{_API}/order", trading.place, 1, trade, orders=1, is_free=True),
            Endpoint("POST", f"{_API}/order/test", trading.test, 1, trade),
            Endpoint("GET", f"{_API}/order", trading.show, 4, signed),
            Endpoint("DELETE", f"{_API}/order", trading.cancel, 1, trade, is_free=True),
            Endpoint("DELETE", f"{_API}/openOrders", trading.cancel_all, 1, trade, is_free=True),
            Endpoint("PUT", f"{_API}/order/amend/keepPriority", trading.amend, 4, trade),
            Endpoint("POST", f"{_API}/order/cancelReplace", trading.replace, 1, trade, orders=1, is_free=True),
            Endpoint("GET", f"{_API}/openOrders", trading.open_orders, by_symbol(6, 80), signed),
            Endpoint("GET", f"{_API}/allOrders", trading.all_orders, 20, signed),
            Endpoint("GET", f"{_API}/myTrades", trading.fills, 20, signed),
            Endpoint("GET", f"{_API}/account", trading.account, 20, signed),
            Endpoint("GET", f"{_API}/account/commission", trading.commission, 20, signed),
            Endpoint("GET", "/sapi/v1/account/apiRestrictions", restrictions, 1, signed),
        ]


def restrictions(call: Call) -> Any:
    """`apiRestrictions`: what the key may do. It is served on the spot host for both products."""
    assert call.key is not None
    permissions = call.key.permissions
    return {
        "ipRestrict": False,
        "createTime": 1_700_000_000_000,
        "enableReading": True,
        "enableWithdrawals": "withdraw" in permissions,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": "trade" in permissions,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableSpotAndMarginTrading": "trade" in permissions,
    }
