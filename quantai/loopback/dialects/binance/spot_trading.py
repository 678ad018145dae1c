"""Orders on spot. Source: Binance Spot API, «Trading endpoints»."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quantai.loopback.dialects.binance import queries, spot_views
from quantai.loopback.dialects.binance.endpoint import Call
from quantai.loopback.dialects.binance.errors import SPOT_REFUSALS, UNKNOWN_ORDER, ApiError, translated
from quantai.loopback.dialects.binance.order_words import client_id_of, named_order
from quantai.loopback.dialects.binance.params import Params
from quantai.loopback.dialects.binance.spot_requests import spot_request
from quantai.loopback.engine import Order, Reason, Refused, SpotAccount, Status

if TYPE_CHECKING:
    from quantai.loopback.dialects.binance.dialect import BinanceDialect

_DAY_MS = 86_400_000
_RESTRICTIONS = {"ONLY_NEW": Status.NEW, "ONLY_PARTIALLY_FILLED": Status.PARTIALLY_FILLED}


class SpotTrading:
    """Places, cancels, amends and shows orders."""

    def __init__(self, dialect: BinanceDialect) -> None:
        self._dialect = dialect

    def place(self, call: Call) -> Any:
        order = self._dialect.engine.place(call.owner, spot_request(call.params, self._dialect.market(call)))
        default = "FULL" if order.request.tags["type"] in ("LIMIT", "MARKET") else "ACK"
        return spot_views.placed(
            order, self._symbol(order), call.time, call.params.values.get("newOrderRespType") or default
        )

    def test(self, call: Call) -> Any:
        self._dialect.engine.check(call.owner, spot_request(call.params, self._dialect.market(call)))
        return {}

    def show(self, call: Call) -> Any:
        market = self._dialect.market(call)
        order = named_order(self._dialect.engine, call.owner, market.symbol, call.params, Reason.UNKNOWN)
        return spot_views.shown(order, self._symbol(order), call.time)

    def cancel(self, call: Call) -> Any:
        order = self._to_change(call, Reason.UNKNOWN_TO_CANCEL)
        wanted = call.params.values.get("cancelRestrictions")
        if wanted and wanted not in _RESTRICTIONS:
            raise ApiError(-1145, "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`.")
        if wanted and order.status is not _RESTRICTIONS[wanted]:
            raise ApiError(-2011, "Order was not canceled due to cancel restrictions.")
        self._dialect.engine.cancel(order, client_id_of(call.params, is_futures=False))
        return spot_views.canceled(order, self._symbol(order), call.time)

    def cancel_all(self, call: Call) -> Any:
        orders = self._dialect.engine.cancel_all(call.owner, self._dialect.market(call).symbol)
        if not orders:
            raise ApiError(*UNKNOWN_ORDER)
        return [spot_views.canceled(order, self._symbol(order), call.time) for order in orders]

    def amend(self, call: Call) -> Any:
        order = self._to_change(call, Reason.UNKNOWN_TO_AMEND)
        engine = self._dialect.engine
        client_id = client_id_of(call.params, is_futures=False) or f"amend{order.id}x{order.amends + 1}"
        engine.amend(order, call.params.positive("newQty"), None, keeps_place=True, client_id=client_id)
        return {
            "transactTime": call.time(order.updated_ns),
            "executionId": order.id * 1_000 + order.amends,
            "amendedOrder": spot_views.shown(order, self._symbol(order), call.time),
        }

    def replace(self, call: Call) -> Any:
        mode = call.params.text("cancelReplaceMode")
        if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
            raise ApiError(-1102, "Mandatory parameter 'cancelReplaceMode' was not sent, was empty/null, or malformed.")
        canceled, cancel_error = self._attempt(lambda: self._cancel_old(call))
        if cancel_error is not None and mode == "STOP_ON_FAILURE":
            data = _replaced("FAILURE", "NOT_ATTEMPTED", cancel_error.body(), None)
            raise ApiError(-2022, "Order cancel-replace failed.", data=data)
        placed, place_error = self._attempt(lambda: self.place(call))
        data = _replaced(
            _word(cancel_error),
            _word(place_error),
            canceled if cancel_error is None else cancel_error.body(),
            placed if place_error is None else place_error.body(),
        )
        if cancel_error is not None and place_error is not None:
            raise ApiError(-2022, "Order cancel-replace failed.", data=data)
        if cancel_error is not None or place_error is not None:
            raise ApiError(-2021, "Order cancel-replace partially failed.", 409, data=data)
        return data

    def open_orders(self, call: Call) -> Any:
        symbol = self._dialect.market(call).symbol if call.params.values.get("symbol") else None
        found = queries.open_orders(call.owner, symbol)
        return [spot_views.shown(order, self._symbol(order), call.time) for order in found]

    def all_orders(self, call: Call) -> Any:
        found = queries.all_orders(call.owner, self._dialect.market(call).symbol, call.params, _DAY_MS)
        return [spot_views.shown(order, self._symbol(order), call.time) for order in found]

    def fills(self, call: Call) -> Any:
        found = queries.fills(call.owner, self._dialect.market(call).symbol, call.params, _DAY_MS)
        return [spot_views.fill(order, fill, self._symbol(order), call.time) for order, fill in found]

    def account(self, call: Call) -> Any:
        owner = call.owner
        assert isinstance(owner, SpotAccount)
        assert call.key is not None
        omits_zero = call.params.flag("omitZeroBalances")
        now_ns, can_trade = self._dialect.venue.now_ns(), "trade" in call.key.permissions
        return spot_views.account(owner, now_ns, call.time, can_trade=can_trade, omits_zero=omits_zero)

    def commission(self, call: Call) -> Any:
        fees = call.owner.fees
        rates = {
            "maker": f"{fees.maker:.8f}",
            "taker": f"{fees.taker:.8f}",
            "buyer": "0.00000000",
            "seller": "0.00000000",
        }
        none = dict.fromkeys(rates, "0.00000000")
        discount = {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": "0.75"}
        symbol = self._dialect.venue_symbol(self._dialect.market(call).symbol)
        return {
            "symbol": symbol,
            "standardCommission": rates,
            "specialCommission": none,
            "taxCommission": none,
            "discount": discount,
        }

    def _symbol(self, order: Order) -> str:
        return self._dialect.venue_symbol(order.symbol)

    def _to_change(self, call: Call, reason: Reason) -> Order:
        market = self._dialect.market(call)
        return named_order(self._dialect.engine, call.owner, market.symbol, call.params, reason)

    def _cancel_old(self, call: Call) -> Any:
        names = {"cancelOrderId": "orderId", "cancelOrigClientOrderId": "origClientOrderId", "symbol": "symbol"}
        names |= {"cancelNewClientOrderId": "newClientOrderId", "cancelRestrictions": "cancelRestrictions"}
        sent = {names[name]: value for name, value in call.params.values.items() if name in names}
        return self.cancel(Call(Params(sent), call.account, call.key, call.time))

    def _attempt(self, step: Any) -> tuple[Any, ApiError | None]:
        try:
            return step(), None
        except ApiError as error:
            return None, error
        except Refused as refused:
            return None, translated(refused, SPOT_REFUSALS)


def _word(error: ApiError | None) -> str:
    return "SUCCESS" if error is None else "FAILURE"


def _replaced(cancel: str, new: str, cancel_response: Any, new_response: Any) -> dict[str, Any]:
    return {
        "cancelResult": cancel,
        "newOrderResult": new,
        "cancelResponse": cancel_response,
        "newOrderResponse": new_response,
    }
