"""What Binance can be asked about the account.

Source: Binance Spot API, «Account endpoints»; USD-M Futures, «Account», «Query Order», «Query Algo Order».
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from quantai.core.errors import NumberError
from quantai.core.numbers import ZERO
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.fills import FillHistory
from quantai.exchanges.binance.orders import ALGO_PREFIX
from quantai.exchanges.binance.rest_messages import RestAlgo, RestOrder, SpotAccount, UsdmBalance, UsdmPosition
from quantai.exchanges.binance.statuses import algo_status, order_status
from quantai.exchanges.errors import MalformedReply, OrderNotFound
from quantai.exchanges.execution import ExecutionReport, OrderStatus, VenueAccount, VenuePosition
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.rate_limiter import Priority
from quantai.exchanges.wire import check_numbers

T = TypeVar("T")

_BALANCES = "/fapi/v3/balance"
_POSITIONS = "/fapi/v3/positionRisk"


class BinanceAccount(VenueAccount):
    """The account on spot or USD-M. Orders and positions of symbols that the listing does not have keep Binance's name.

    `fills` asks for the symbols that are configured, and for those in which orders or positions were seen: Binance
    tells fills by symbol only.
    """

    def __init__(self, core: BinanceCore, symbols: Sequence[str]) -> None:
        """`symbols` are the unified ones that are configured."""
        self._core = core
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
            venue_order_id = (
                ""  # the algo service forgets what it triggered; the order that it became has the same name
            )
        name = {"orderId": venue_order_id} if venue_order_id else {"origClientOrderId": client_order_id}
        found = await self._find_regular(symbol, {"symbol": venue_symbol} | name)
        if found is None and self._product.is_futures and client_order_id:
            return await self._find_algo(symbol, {"clientAlgoId": client_order_id})
        return found

    async def _find_regular(self, symbol: str, params: Mapping[str, str]) -> OrderStatus | None:
        try:
            order = await self._get("order", RestOrder, self._product.weights.query_order, params)
        except OrderNotFound:
            return None
        return order_status(order, symbol, is_futures=self._product.is_futures)

    async def _find_algo(self, symbol: str, params: Mapping[str, str]) -> OrderStatus | None:
        """The conditional order; once it was triggered, the order that it became."""
        try:
            algo = await self._get("algoOrder", RestAlgo, self._product.weights.query_order, params)
        except OrderNotFound:
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
        found = [order_status(each, self._unified(each.symbol), is_futures=self._product.is_futures) for each in orders]
        known = {each.client_order_id for each in found}
        for algo in algos:
            if algo.client_algo_id not in known and not algo.actual_order_id:
                self._seen.add(algo.symbol)
                found.append(algo_status(algo, self._unified(algo.symbol), await self._closing(algo)))
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
            account = await self._get("account", SpotAccount, weights.account, {"omitZeroBalances": "true"})
            held = {each.asset: each.free + each.locked for each in account.balances}
        _check(*held.values())
        return held

    async def positions(self) -> Sequence[VenuePosition]:
        """None on spot. Two-way positions are listed side by side, the short one negative."""
        if not self._product.is_futures:
            return ()
        listed = [each for each in await self._venue_positions() if each.position_amt]
        self._seen.update(each.symbol for each in listed)
        return [VenuePosition(self._unified(each.symbol), each.position_amt, each.entry_price) for each in listed]

    async def _venue_positions(self) -> list[UsdmPosition]:
        listed = await self._get(_POSITIONS, list[UsdmPosition], self._product.weights.account)
        for each in listed:
            _check(each.position_amt, each.entry_price)
        return listed

    def _unified(self, venue_symbol: str) -> str:
        return self._core.mapper.to_unified(venue_symbol) or venue_symbol

    async def _get(self, name: str, type_: type[T], weight: int, params: Mapping[str, str] | None = None) -> T:
        """Ask; `name` is below the product's prefix, or a whole path."""
        request = HttpRequest(
            method="GET", path=name if name.startswith("/") else self._product.path(name), params=params or {},
            costs=self._product.costs(weight), is_signed=True, priority=Priority.QUERY,
        )  # fmt: skip
        return await self._core.http.call(request, type_)


def _check(*numbers: Decimal) -> None:
    try:
        check_numbers(*numbers)
    except NumberError as error:
        raise MalformedReply(str(error)) from None
