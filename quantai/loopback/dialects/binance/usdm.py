"""Binance USD-M futures: its table of requests and its limits. Source: USD-M Futures API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from aiohttp import web

from quantai.core.clock import NS_PER_SECOND
from quantai.instruments import Instrument
from quantai.loopback.dialects.binance.dialect import BinanceDialect, StreamFacts
from quantai.loopback.dialects.binance.endpoint import Endpoint, Security, by_limit, by_symbol
from quantai.loopback.dialects.binance.errors import USDM_REFUSALS
from quantai.loopback.dialects.binance.exchange_info import ExchangeInfo
from quantai.loopback.dialects.binance.instruments import usdm_instrument
from quantai.loopback.dialects.binance.listen_keys import ListenKeys
from quantai.loopback.dialects.binance.market_data import MarketData
from quantai.loopback.dialects.binance.spot import restrictions
from quantai.loopback.dialects.binance.stream_client import StreamClient
from quantai.loopback.dialects.binance.usdm_account import UsdmAccount
from quantai.loopback.dialects.binance.usdm_events import UsdmEvents
from quantai.loopback.dialects.binance.usdm_trading import UsdmTrading
from quantai.loopback.engine import Account, ForcedWords, FuturesAccount, Listener
from quantai.loopback.server.usage import UsageRule

_API, _V2, _V3 = "/fapi/v1", "/fapi/v2", "/fapi/v3"
_MINUTE_NS = 60 * NS_PER_SECOND
_FORCED = ForcedWords(
    "autoclose-",
    {"type": "LIMIT", "tif": "IOC", "workingType": "CONTRACT_PRICE", "priceMatch": "NONE", "reduceOnly": "false"},
)


class BinanceUsdmDialect(BinanceDialect):
    """Speaks as Binance USD-M does."""

    name = "binance_usdm"
    refusals = USDM_REFUSALS
    usage_rules = (
        UsageRule("REQUEST_WEIGHT", 2_400, _MINUTE_NS, "1M"),
        UsageRule("ORDERS", 300, 10 * NS_PER_SECOND, "10S"),
        UsageRule("ORDERS", 1_200, _MINUTE_NS, "1M"),
        UsageRule("CONNECTS", 300, 5 * _MINUTE_NS, "5M"),
    )
    facts = StreamFacts(
        messages_per_second=10,
        streams_per_socket=1_024,
        ping_ns=180 * NS_PER_SECOND,
        pong_deadline_ns=600 * NS_PER_SECOND,
        routes=("", "public", "market", "private"),
        ws_api_path="/ws-fapi/v1",
        connect_weight=5,
    )
    ws_methods = {
        "ping": ("GET", f"{_API}/ping"),
        "time": ("GET", f"{_API}/time"),
        "depth": ("GET", f"{_API}/depth"),
        "ticker.price": ("GET", f"{_API}/ticker/price"),
        "ticker.book": ("GET", f"{_API}/ticker/bookTicker"),
        "order.place": ("POST", f"{_API}/order"),
        "order.modify": ("PUT", f"{_API}/order"),
        "order.status": ("GET", f"{_API}/order"),
        "order.cancel": ("DELETE", f"{_API}/order"),
        "algoOrder.place": ("POST", f"{_API}/algoOrder"),
        "algoOrder.cancel": ("DELETE", f"{_API}/algoOrder"),
        "account.balance": ("GET", f"{_V3}/balance"),
        "v2/account.balance": ("GET", f"{_V3}/balance"),
        "account.status": ("GET", f"{_V3}/account"),
        "v2/account.status": ("GET", f"{_V3}/account"),
        "account.position": ("GET", f"{_V2}/positionRisk"),
        "v2/account.position": ("GET", f"{_V3}/positionRisk"),
        "userDataStream.start": ("POST", f"{_API}/listenKey"),
        "userDataStream.ping": ("PUT", f"{_API}/listenKey"),
        "userDataStream.stop": ("DELETE", f"{_API}/listenKey"),
    }

    @property
    def is_futures(self) -> bool:
        return True

    def instrument(self, symbol: str) -> Instrument:
        return usdm_instrument(symbol)

    def make_account(self, name: str, balances: Mapping[str, Decimal]) -> Account:
        return FuturesAccount(name, balances, self.engine.mark_price, forced=_FORCED)

    def make_listener(self) -> Listener:
        return UsdmEvents(self, self._keys)

    def hosts(self, address: str) -> dict[str, str]:
        streams = f"ws://{address}"
        ws_api = f"{streams}{self.facts.ws_api_path}"
        return {"rest": f"http://{address}", "public_ws": streams, "private_ws": streams, "ws_api": ws_api}

    def join_private(self, request: web.Request, client: StreamClient) -> Callable[[], None] | None:
        key = request.query.get("listenKey") or request.match_info.get("streams") or ""
        return self._keys.join(key, request.query.get("events", ""), client)

    def expire_keys(self) -> None:
        self._keys.expire_all()

    def cut(self, match: str) -> None:
        super().cut(match)
        if match and "private".startswith(match):
            self._keys.cut()

    def stop(self) -> None:
        super().stop()
        self._keys.stop()

    def endpoints(self) -> list[Endpoint]:
        self._keys = ListenKeys(self)
        return [*self._public(), *self._trading(), *self._account()]

    def _public(self) -> list[Endpoint]:
        data, info, account = MarketData(self), ExchangeInfo(self), UsdmAccount(self)
        depth = by_limit(500, (50, 2), (100, 5), (500, 10), (1_000, 20))
        return [
            Endpoint("GET", f"{_API}/ping", data.ping),
            Endpoint("GET", f"{_API}/time", data.time),
            Endpoint("GET", f"{_API}/exchangeInfo", info.show),
            Endpoint("GET", f"{_API}/depth", data.depth, depth),
            Endpoint("GET", f"{_API}/trades", data.trades, 5),
            Endpoint("GET", f"{_API}/historicalTrades", data.historical_trades, 200, Security.KEY),
            Endpoint("GET", f"{_API}/aggTrades", data.agg_trades, 20),
            Endpoint("GET", f"{_API}/klines", data.klines, by_limit(500, (99, 1), (499, 2), (1_000, 5), (1_500, 10))),
            Endpoint("GET", f"{_API}/ticker/bookTicker", data.book_ticker, by_symbol(2, 5)),
            Endpoint("GET", f"{_API}/ticker/price", data.price_ticker, by_symbol(1, 2)),
            Endpoint("GET", f"{_V2}/ticker/price", data.price_ticker, by_symbol(1, 2)),
            Endpoint("GET", f"{_API}/ticker/24hr", data.day_ticker, by_symbol(1, 40)),
            Endpoint("GET", f"{_API}/premiumIndex", account.premium_index, by_symbol(1, 10)),
            Endpoint("GET", f"{_API}/fundingRate", account.funding_rates),
            Endpoint("GET", f"{_API}/fundingInfo", account.funding_info),
            Endpoint("GET", f"{_API}/openInterest", account.open_interest),
        ]

    def _trading(self) -> list[Endpoint]:
        trading, signed, trade = UsdmTrading(self), Security.SIGNED, Security.TRADE
        return [
            Endpoint("POST", f"{_API}/order", trading.place, 0, trade, orders=1),
            Endpoint("POST", f"{_API}/order/test", trading.test, 1, trade),
            Endpoint("GET", f"{_API}/order", trading.show, 1, signed),
            Endpoint("PUT", f"{_API}/order", trading.amend, 1, trade, orders=1),
            Endpoint("DELETE", f"{_API}/order", trading.cancel, 1, trade),
            Endpoint("POST", f"{_API}/batchOrders", trading.place_batch, 5, trade, orders=5),
            Endpoint("PUT", f"{_API}/batchOrders", trading.amend_batch, 5, trade, orders=5),
            Endpoint("DELETE", f"{_API}/batchOrders", trading.cancel_batch, 1, trade),
            Endpoint("DELETE", f"{_API}/allOpenOrders", trading.cancel_all, 1, trade),
            Endpoint("POST", f"{_API}/countdownCancelAll", trading.count_down, 10, trade),
            Endpoint("GET", f"{_API}/openOrder", trading.show_open, 1, signed),
            Endpoint("GET", f"{_API}/openOrders", trading.open_orders, by_symbol(1, 40), signed),
            Endpoint("GET", f"{_API}/allOrders", trading.all_orders, 5, signed),
            Endpoint("GET", f"{_API}/userTrades", trading.fills, 5, signed),
            Endpoint("POST", f"{_API}/algoOrder", trading.place_algo, 1, trade, orders=1),
            Endpoint("GET", f"{_API}/algoOrder", trading.show_algo, 1, signed),
            Endpoint("DELETE", f"{_API}/algoOrder", trading.cancel_algo, 1, trade),
            Endpoint("DELETE", f"{_API}/algoOpenOrders", trading.cancel_all_algo, 1, trade),
            Endpoint("GET", f"{_API}/openAlgoOrders", trading.open_algos, by_symbol(1, 40), signed),
            Endpoint("GET", f"{_API}/allAlgoOrders", trading.all_algos, 5, signed),
        ]

    def _account(self) -> list[Endpoint]:
        account, keys, signed, trade = UsdmAccount(self), self._keys, Security.SIGNED, Security.TRADE
        return [
            *(Endpoint("GET", f"{version}/balance", account.balance, 5, signed) for version in (_V2, _V3)),
            *(Endpoint("GET", f"{version}/account", account.account, 5, signed) for version in (_V2, _V3)),
            Endpoint("GET", f"{_V2}/positionRisk", account.positions, 5, signed),
            Endpoint("GET", f"{_V3}/positionRisk", account.open_positions, 5, signed),
            Endpoint("POST", f"{_API}/leverage", account.set_leverage, 1, trade),
            Endpoint("POST", f"{_API}/marginType", account.set_margin_type, 1, trade),
            Endpoint("GET", f"{_API}/positionSide/dual", account.position_mode, 30, signed),
            Endpoint("POST", f"{_API}/positionSide/dual", account.set_position_mode, 1, trade),
            Endpoint("GET", f"{_API}/multiAssetsMargin", account.assets_mode, 30, signed),
            Endpoint("GET", f"{_API}/accountConfig", account.config, 5, signed),
            Endpoint("GET", f"{_API}/symbolConfig", account.symbol_config, 5, signed),
            Endpoint("GET", f"{_API}/leverageBracket", account.brackets, 1, signed),
            Endpoint("GET", f"{_API}/commissionRate", account.commission, 20, signed),
            Endpoint("POST", f"{_API}/listenKey", keys.create, 1, Security.KEY),
            Endpoint("PUT", f"{_API}/listenKey", keys.keep, 1, Security.KEY),
            Endpoint("DELETE", f"{_API}/listenKey", keys.close, 1, Security.KEY),
            Endpoint("GET", "/sapi/v1/account/apiRestrictions", restrictions, 1, signed),
        ]
