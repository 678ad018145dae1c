"""What Binance can be asked about the account.

Source: Binance Spot API, «Account endpoints»; USD-M Futures, «Account», «Query Order», «Query Algo Order».
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from quantai.core.numbers import ZERO
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.fills import FillHistory
from quantai.exchanges.binance.orders import ALGO_PREFIX
from quantai.exchanges.binance.rest_messages import RestAlgo, RestOrder, SpotAccount, UsdmBalance, UsdmPosition
from quantai.exchanges.binance.statuses import algo_status, order_status
from quantai.exchanges.execution import ExecutionReport, OrderStatus, VenuePosition
from quantai.exchanges.http_account import HttpAccount, checked
from quantai.exchanges.http_request import HttpRequest

T = TypeVar("T")

_BALANCES = "/fapi/v3/balance"
_POSITIONS = "/fapi/v3/positionRisk"


class BinanceAccount(HttpAccount):
    """The account on spot or USD-M. Orders and positions of symbols that the listing does not have keep Binance's name.

    `fills` asks for the symbols that are configured, and for those in which orders or positions were seen: Binance
    tells fills by symbol only.
    """

    _core: BinanceCore

    def __init__(self, core: BinanceCore, symbols: Sequence[str]) -> None:
        """`symbols` are the unified ones that are configured."""
        super().__init__(core)
        self._product = core.product
        self._configured = tuple(symbols)
        self._seen: set[str] = set()
        self._history = FillHistory(core)

    async def find_order(self, symbol: str, client_order_id: str, venue_order_id: str = "") -> OrderStatus | None:
        venue_symbol = self._core.mapper.to_venue(symbol)
        if venue_order_id.startswith(ALGO_PREFIX):
            algo = await self._find_algo(symbol, {"algoId": venue_order_id.removeprefix(ALGO_PREFIX)})
            if algo is not None or not client_order_id:
                return algo
            venue_order_id = ""  # the algo service forgets what it triggered; what that became has the same name
        name = {"orderId": venue_order_id} if venue_order_id else {"origClientOrderId": client_order_id}
        found = await self._find_regular(symbol, {"symbol": venue_symbol} | name)
        if found is None and self._product.is_futures and client_order_id:
            return await self._find_algo(symbol, {"clientAlgoId": client_order_id})
        return found

    async def _find_regular(self, symbol: str, params: Mapping[str, str]) -> OrderStatus | None:
        order = await self.find(self._request("order", self._product.weights.query_order, params), RestOrder)
        return None if order is None else order_status(order, symbol, is_futures=self._product.is_futures)

    async def _find_algo(self, symbol: str, params: Mapping[str, str]) -> OrderStatus | None:
        """The conditional order; once it was triggered, the order that it became."""
        algo = await self.find(self._request("algoOrder", self._product.weights.query_order, params), RestAlgo)
        if algo is None:
            return None
        if not algo.actual_order_id:
            return algo_status(algo, symbol, await self._closing(algo))
        params = {"symbol": self._core.mapper.to_venue(symbol), "orderId": str(algo.actual_order_id)}
        return await self._find_regular(symbol, params)

    async def _closing(self, algo: RestAlgo) -> Decimal:
        """What an order that closes the whole position would trade: Binance tells no quantity of it."""
        if not algo.close_position:
            return ZERO
        sizes = [each.position_amt for each in await self._venue_positions() if each.symbol == algo.symbol]
        return max((abs(size) for size in sizes), default=ZERO)

    async def open_orders(self) -> Sequence[OrderStatus]:
        """Conditional orders are asked for first: one that is triggered meanwhile is in both lists, and not in none."""
        weight = self._product.weights.all_open_orders
        algos = await self._get("openAlgoOrders", list[RestAlgo], weight) if self._product.is_futures else []
        orders = await self._get("openOrders", list[RestOrder], weight)
        self._seen.update(each.symbol for each in orders)
        found = [order_status(each, self.unified(each.symbol), is_futures=self._product.is_futures) for each in orders]
        known = {each.client_order_id for each in found}
        for algo in algos:
            if algo.client_algo_id not in known and not algo.actual_order_id:
                self._seen.add(algo.symbol)
                found.append(algo_status(algo, self.unified(algo.symbol), await self._closing(algo)))
        return found

    async def fills(self, since_ns: int) -> Sequence[ExecutionReport]:
        configured = {self._core.mapper.to_venue(symbol) for symbol in self._configured}
        return await self._history.since(since_ns, sorted(configured | self._seen))

    async def balances(self) -> Mapping[str, Decimal] | None:
        """Spot: free and locked. USD-M: the wallet, without what open positions would bring."""
        weights = self._product.weights
        if self._product.is_futures:
            wallet = await self._get(_BALANCES, list[UsdmBalance], weights.account)
            held = {each.asset: each.balance for each in wallet}
        else:
            asked = self._request("account", weights.account, {"omitZeroBalances": "true"})
            account = await self.ask(asked, SpotAccount)
            held = {each.asset: each.free + each.locked for each in account.balances}
        checked(*held.values())
        return held

    async def positions(self) -> Sequence[VenuePosition]:
        """None on spot. Two-way positions are listed side by side, the short one negative."""
        if not self._product.is_futures:
            return ()
        listed = [each for each in await self._venue_positions() if each.position_amt]
        self._seen.update(each.symbol for each in listed)
        return [VenuePosition(self.unified(each.symbol), each.position_amt, each.entry_price) for each in listed]

    async def _venue_positions(self) -> list[UsdmPosition]:
        listed = await self._get(_POSITIONS, list[UsdmPosition], self._product.weights.account)
        for each in listed:
            checked(each.position_amt, each.entry_price)
        return listed

    async def _get(self, name: str, type_: type[T], weight: int) -> T:
        return await self.ask(self._request(name, weight), type_)

    def _request(self, name: str, weight: int, params: Mapping[str, str] | None = None) -> HttpRequest:
        """`name` is below the product's prefix, or a whole path."""
        path = name if name.startswith("/") else self._product.path(name)
        costs = self._product.costs(weight)
        return HttpRequest(method="GET", path=path, params=params or {}, costs=costs, is_signed=True)
