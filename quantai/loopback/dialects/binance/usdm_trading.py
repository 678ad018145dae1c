"""Orders on USD-M, ordinary and conditional. Source: USD-M Futures, «Trade»."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from quantai.core.clock import NS_PER_MS
from quantai.loopback.dialects.binance import queries, usdm_views
from quantai.loopback.dialects.binance.endpoint import Call
from quantai.loopback.dialects.binance.errors import USDM_REFUSALS, ApiError, translated
from quantai.loopback.dialects.binance.order_words import named_order
from quantai.loopback.dialects.binance.params import Params, missing
from quantai.loopback.dialects.binance.usdm_requests import algo_request, usdm_request
from quantai.loopback.engine import FuturesAccount, Order, Reason, Refused, Status

if TYPE_CHECKING:
    from quantai.loopback.dialects.binance.dialect import BinanceDialect

_WEEK_MS = 7 * 86_400_000
_DONE_ALL = {"code": 200, "msg": "The operation of cancel all open order is done."}
_MOST_PLACED, _MOST_CANCELED = 5, 10


class UsdmTrading:
    """Places, cancels, amends and shows orders."""

    def __init__(self, dialect: BinanceDialect) -> None:
        self._dialect = dialect

    def place(self, call: Call) -> Any:
        order = self._dialect.engine.place(call.owner, self._request(call))
        response = call.params.values.get("newOrderRespType") or "ACK"
        return usdm_views.placed(order, self._dialect.venue_symbol(order.symbol), response)

    def test(self, call: Call) -> Any:
        self._dialect.engine.check(call.owner, self._request(call))
        return {}

    def show(self, call: Call) -> Any:
        return self._view(self._named(call, Reason.UNKNOWN))

    def show_open(self, call: Call) -> Any:
        order = self._named(call, Reason.UNKNOWN)
        if not order.is_open:
            raise Refused(Reason.UNKNOWN)
        return self._view(order)

    def cancel(self, call: Call) -> Any:
        order = self._named(call, Reason.UNKNOWN_TO_CANCEL)
        self._dialect.engine.cancel(order)
        return self._view(order)

    def cancel_all(self, call: Call) -> Any:
        self._dialect.engine.cancel_all(call.owner, self._dialect.market(call).symbol, waiting=False)
        return _DONE_ALL

    def amend(self, call: Call) -> Any:
        order = self._named(call, Reason.UNKNOWN_TO_AMEND)
        price, quantity = call.params.positive("price"), call.params.positive("quantity")
        if order.side.value.upper() != call.params.text("side"):
            raise ApiError(-1117, "Invalid side.")
        if order.request.is_post_only and self._dialect.market(call).is_crossing(order.side, price):
            raise Refused(Reason.WOULD_TAKE, f"{price}")
        self._dialect.engine.amend(order, quantity, price, keeps_place=False)
        return self._view(order)

    def place_batch(self, call: Call) -> Any:
        return [self._each(self.place, one) for one in self._items(call)]

    def amend_batch(self, call: Call) -> Any:
        return [self._each(self.amend, one) for one in self._items(call)]

    def cancel_batch(self, call: Call) -> Any:
        symbol, values = call.params.text("symbol"), call.params.values
        for name, single in (("orderIdList", "orderId"), ("origClientOrderIdList", "origClientOrderId")):
            if values.get(name):
                wanted = _decoded(values[name], name)
                if not 0 < len(wanted) <= _MOST_CANCELED:
                    raise ApiError(-4083, f"The batch must have 1 to {_MOST_CANCELED} orders.")
                items = ({"symbol": symbol, single: str(one)} for one in wanted)
                return [self._each(self.cancel, Call(Params(item), call.account, call.key)) for item in items]
        raise missing("orderIdList")

    def count_down(self, call: Call) -> Any:
        market, delay_ms = self._dialect.market(call), call.params.integer("countdownTime")
        if delay_ms is None or delay_ms < 0:
            raise missing("countdownTime")
        self._dialect.engine.count_down(call.owner, market.symbol, delay_ms * NS_PER_MS)
        return {"symbol": call.params.values["symbol"], "countdownTime": str(delay_ms)}

    def open_orders(self, call: Call) -> Any:
        return [self._view(order) for order in queries.open_orders(call.owner, self._symbol(call), waiting=False)]

    def all_orders(self, call: Call) -> Any:
        found = queries.all_orders(call.owner, self._dialect.market(call).symbol, call.params, _WEEK_MS)
        return [self._view(order) for order in found if order.status is not Status.WAITING]

    def fills(self, call: Call) -> Any:
        found = queries.fills(call.owner, self._dialect.market(call).symbol, call.params, _WEEK_MS)
        return [usdm_views.fill(order, fill, self._dialect.venue_symbol(order.symbol)) for order, fill in found]

    def place_algo(self, call: Call) -> Any:
        market = self._dialect.market(call)
        request = algo_request(call.params, market, is_hedged=self._is_hedged(call), now_ns=self._now_ns())
        return self._algo(self._dialect.engine.place(call.owner, request))

    def cancel_algo(self, call: Call) -> Any:
        order = self._named_algo(call)
        if order.status is not Status.WAITING:
            raise Refused(Reason.UNKNOWN_TO_CANCEL)
        self._dialect.engine.cancel(order)
        return {"algoId": usdm_views.algo_id(order), "clientAlgoId": order.client_id, "code": "200", "msg": "success"}

    def cancel_all_algo(self, call: Call) -> Any:
        self._dialect.engine.cancel_all(call.owner, self._dialect.market(call).symbol, waiting=True)
        return _DONE_ALL

    def show_algo(self, call: Call) -> Any:
        return self._algo(self._named_algo(call))

    def open_algos(self, call: Call) -> Any:
        return [self._algo(order) for order in queries.open_orders(call.owner, self._symbol(call), waiting=True)]

    def all_algos(self, call: Call) -> Any:
        found = queries.all_orders(call.owner, self._dialect.market(call).symbol, call.params, _WEEK_MS)
        return [self._algo(order) for order in found if order.request.trigger is not None]

    def _request(self, call: Call) -> Any:
        market = self._dialect.market(call)
        return usdm_request(call.params, market, is_hedged=self._is_hedged(call), now_ns=self._now_ns())

    def _is_hedged(self, call: Call) -> bool:
        owner = call.owner
        return isinstance(owner, FuturesAccount) and owner.is_hedged

    def _now_ns(self) -> int:
        return self._dialect.venue.clock.now_ns()

    def _symbol(self, call: Call) -> str | None:
        return self._dialect.market(call).symbol if call.params.values.get("symbol") else None

    def _view(self, order: Order) -> dict[str, Any]:
        return usdm_views.order(order, self._dialect.venue_symbol(order.symbol))

    def _algo(self, order: Order) -> dict[str, Any]:
        return usdm_views.algo(order, self._dialect.venue_symbol(order.symbol))

    def _named(self, call: Call, reason: Reason) -> Order:
        """An ordinary order: conditional ones are not known here before they are triggered."""
        market = self._dialect.market(call)
        order = named_order(self._dialect.engine, call.owner, market.symbol, call.params, reason)
        if order.status is Status.WAITING or not order.working_ns:
            raise Refused(reason)
        return order

    def _named_algo(self, call: Call) -> Order:
        number, client_id = call.params.integer("algoId"), call.params.values.get("clientAlgoId", "")
        if number is None and not client_id:
            raise missing("algoId")
        for order in reversed(call.owner.orders.values()):
            is_named = order.client_id == client_id if number is None else usdm_views.algo_id(order) == number
            if order.request.trigger is not None and is_named:
                return order
        raise Refused(Reason.UNKNOWN_TO_CANCEL)

    def _items(self, call: Call) -> list[Call]:
        wanted = _decoded(call.params.text("batchOrders"), "batchOrders")
        if not 0 < len(wanted) <= _MOST_PLACED or not all(isinstance(item, dict) for item in wanted):
            raise ApiError(-4082, f"The batch must have 1 to {_MOST_PLACED} orders.")
        texts = ({name: _text(value) for name, value in item.items()} for item in wanted)
        return [Call(Params(values), call.account, call.key, call.time) for values in texts]

    def _each(self, do: Any, call: Call) -> Any:
        try:
            return do(call)
        except ApiError as error:
            return error.body()
        except Refused as refused:
            return translated(refused, USDM_REFUSALS).body()


def _decoded(text: str, name: str) -> list[Any]:
    try:
        return msgspec.json.decode(text, type=list)
    except msgspec.DecodeError:
        raise ApiError(-1130, f"Data sent for parameter '{name}' is not valid.") from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
