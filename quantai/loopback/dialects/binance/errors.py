"""Binance's error codes and messages. Source: Binance Spot API, «Errors»; USD-M Futures, «Error codes»."""

from __future__ import annotations

from collections.abc import Mapping

from quantai.core.errors import QuantAIError
from quantai.loopback.engine import Reason, Refused


class ApiError(QuantAIError):
    """A refusal in Binance's words. `retry_after_s` and `data` go into the answer."""

    def __init__(
        self, code: int, message: str, status: int = 400, *, retry_after_s: int | None = None, data: object = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.retry_after_s = retry_after_s
        self.data = data

    def body(self) -> dict[str, object]:
        """What is sent."""
        body: dict[str, object] = {"code": self.code, "msg": self.message}
        if self.data is not None:
            body["data"] = self.data
        return body


BAD_KEY_FORMAT = (-2014, "API-key format invalid.", 401)
REJECTED_KEY = (-2015, "Invalid API-key, IP, or permissions for action.", 401)
BAD_SIGNATURE = (-1022, "Signature for this request is not valid.")
OUTSIDE_WINDOW = (-1021, "Timestamp for this request is outside of the recvWindow.")
AHEAD = (-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
BAD_SYMBOL = (-1121, "Invalid symbol.")
NO_SUCH_ORDER = (-2013, "Order does not exist.")
UNKNOWN_ORDER = (-2011, "Unknown order sent.")
NO_LISTEN_KEY = (-1125, "This listenKey does not exist.")
DOWN = (-1016, "This service is no longer available.", 503)
UNKNOWN_OUTCOME = (-1006, "An unexpected response was received from the message bus. Execution status unknown.")
TIMEOUT = (-1007, "Timeout waiting for response from backend server. Send status unknown; execution status unknown.")

Refusals = Mapping[Reason, tuple[int, str]]


def _filter(name: str) -> tuple[int, str]:
    return -1013, f"Filter failure: {name}"


SPOT_REFUSALS: Refusals = {
    Reason.BAD_SYMBOL: BAD_SYMBOL,
    Reason.CLOSED: (-2010, "Market is closed."),
    Reason.PRICE_LOW: _filter("PRICE_FILTER"),
    Reason.PRICE_HIGH: _filter("PRICE_FILTER"),
    Reason.PRICE_STEP: _filter("PRICE_FILTER"),
    Reason.QUANTITY_LOW: _filter("LOT_SIZE"),
    Reason.QUANTITY_HIGH: _filter("LOT_SIZE"),
    Reason.QUANTITY_STEP: _filter("LOT_SIZE"),
    Reason.MARKET_QUANTITY: _filter("MARKET_LOT_SIZE"),
    Reason.NOTIONAL: _filter("NOTIONAL"),
    Reason.PRICE_BAND_HIGH: _filter("PERCENT_PRICE_BY_SIDE"),
    Reason.PRICE_BAND_LOW: _filter("PERCENT_PRICE_BY_SIDE"),
    Reason.ICEBERG: _filter("ICEBERG_PARTS"),
    Reason.TOO_MANY_ORDERS: _filter("MAX_NUM_ORDERS"),
    Reason.TOO_MANY_STOPS: _filter("MAX_NUM_ALGO_ORDERS"),
    Reason.TOO_MANY_AMENDS: _filter("MAX_NUM_ORDER_AMENDS"),
    Reason.INSUFFICIENT: (-2010, "Account has insufficient balance for requested action."),
    Reason.DUPLICATE: (-2010, "Duplicate order sent."),
    Reason.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Reason.WOULD_TRIGGER: (-2010, "Order would trigger immediately."),
    Reason.UNKNOWN_TO_CANCEL: UNKNOWN_ORDER,
    Reason.UNKNOWN_TO_AMEND: UNKNOWN_ORDER,
    Reason.UNKNOWN: NO_SUCH_ORDER,
    Reason.NOTHING_CHANGES: _filter("LOT_SIZE"),
    Reason.AMEND_NOT_SMALLER: _filter("LOT_SIZE"),
    Reason.BUSY: (-2010, "This action is disabled on this account."),
}

USDM_REFUSALS: Refusals = {
    Reason.BAD_SYMBOL: BAD_SYMBOL,
    Reason.CLOSED: (-4141, "Symbol is closed."),
    Reason.PRICE_LOW: (-4013, "Price less than min price."),
    Reason.PRICE_HIGH: (-4002, "Price greater than max price."),
    Reason.PRICE_STEP: (-4014, "Price not increased by tick size."),
    Reason.QUANTITY_LOW: (-4004, "Quantity less than min quantity."),
    Reason.QUANTITY_HIGH: (-4005, "Quantity greater than max quantity."),
    Reason.QUANTITY_STEP: (-1111, "Precision is over the maximum defined for this asset."),
    Reason.MARKET_QUANTITY: (-4005, "Quantity greater than max quantity."),
    Reason.NOTIONAL: (-4164, "Order's notional must be no smaller than the minimum (unless you choose reduce only)."),
    Reason.PRICE_BAND_HIGH: (-4016, "Limit price can't be higher than the price band."),
    Reason.PRICE_BAND_LOW: (-4024, "Limit price can't be lower than the price band."),
    Reason.ICEBERG: (-1130, "Data sent for parameter 'icebergQty' is not valid."),
    Reason.TOO_MANY_ORDERS: (-2025, "Reach max open order limit."),
    Reason.TOO_MANY_STOPS: (-4045, "Reach max stop order limit."),
    Reason.TOO_MANY_AMENDS: (-5026, "Exceed maximum modify order limit."),
    Reason.INSUFFICIENT: (-2019, "Margin is insufficient."),
    Reason.DUPLICATE: (-4116, "ClientOrderId is duplicated."),
    Reason.WOULD_TAKE: (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected. "
        "The order will not be recorded in the order history",
    ),
    Reason.WOULD_TRIGGER: (-2021, "Order would immediately trigger."),
    Reason.UNFILLABLE: (
        -5021,
        "Due to the order could not be filled immediately, the FOK order has been rejected. "
        "The order will not be recorded in the order history",
    ),
    Reason.REDUCE_ONLY: (-2022, "ReduceOnly Order is rejected."),
    Reason.WRONG_POSITION_SIDE: (-4061, "Order's position side does not match user's setting."),
    Reason.UNKNOWN_TO_CANCEL: UNKNOWN_ORDER,
    Reason.UNKNOWN_TO_AMEND: NO_SUCH_ORDER,
    Reason.UNKNOWN: NO_SUCH_ORDER,
    Reason.NOTHING_CHANGES: (-5027, "No need to modify the order."),
    Reason.BUSY: (-2010, "NEW_ORDER_REJECTED"),
}


def translated(refused: Refused, refusals: Refusals) -> ApiError:
    """The engine's refusal in Binance's words."""
    code, message = refusals.get(refused.reason, (-1000, "An unknown error occurred while processing the request."))
    return ApiError(code, message)
