"""What Binance's order events mean, in FIX's words.

Fills come with the venue's trade id and in order; what an event does not say is asked for by an `UNKNOWN` report.
Source: Binance Spot API, «User data stream», «STP FAQ»; USD-M Futures, «User data streams».
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from quantai.core.enums import Liquidity, Side
from quantai.core.errors import NumberError
from quantai.core.numbers import ZERO
from quantai.exchanges.binance.orders import ALGO_PREFIX
from quantai.exchanges.binance.private_messages import (
    SpotOrder,
    SpotOrderList,
    UsdmAlgoEvent,
    UsdmOrder,
    UsdmTriggerRejectEvent,
)
from quantai.exchanges.execution import ExecType, ExecutionReport
from quantai.exchanges.wire import check_numbers, ts_ns

SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_MADE_BY_VENUE = ("autoclose-", "adl_autoclose", "settlement_autoclose-", "delivery_autoclose-")
_PREVENTED = "prevented from trading with an order of the same account"
_SAYS_NOTHING = ("", "NONE", "0", 0)


def own_id(client_order_id: str) -> str:
    """The client order id, empty for orders that the venue itself made: those of liquidations, deleveraging and
    settlement share their names, so that only the venue's order id tells them apart.
    """
    return "" if client_order_id.startswith(_MADE_BY_VENUE) else client_order_id


def spot_reports(order: SpotOrder, symbol: str) -> Iterator[ExecutionReport]:
    """What an `executionReport` tells. Raises `NumberError`."""
    check_numbers(order.quantity, order.price, order.filled, order.prevented, order.quote_quantity)
    base = ExecutionReport(
        exec_type=ExecType.NEW, client_order_id=order.original_id or order.client_order_id,
        ts_event=ts_ns(order.ts_ms), venue_order_id=str(order.order_id), symbol=symbol, side=SIDES[order.side],
        filled_quantity=order.filled,
    )  # fmt: skip
    match order.exec_type:
        case "NEW":
            yield base
        case "TRADE":
            if order.quote_quantity and order.status == "FILLED":  # it is as large as what it bought
                yield replace(base, exec_type=ExecType.REPLACED, order_quantity=order.filled, filled_quantity=None)
            yield _trade(base, order)
        case "REPLACED":
            yield _replaced(base, order.quantity - order.prevented, order.price)
        case "TRADE_PREVENTION":
            yield _prevented(base, order)
        case _:
            yield _ending(base, order.exec_type, order.expiry_reason, order.reject_reason)


def _prevented(base: ExecutionReport, order: SpotOrder) -> ExecutionReport:
    """The order ended, or became smaller by what would have traded with an order of its own account."""
    if order.status == "EXPIRED_IN_MATCH":
        return replace(base, exec_type=ExecType.EXPIRED, reason=_PREVENTED)
    return _replaced(base, order.quantity - order.prevented, ZERO)


def spot_list_reports(event: SpotOrderList, symbol: str) -> Iterator[ExecutionReport]:
    """Orders of a list report for themselves, unless the list was refused."""
    if event.list_status != "REJECT":
        return
    for order in event.orders:
        yield ExecutionReport(
            exec_type=ExecType.UNKNOWN, client_order_id=order.client_order_id, ts_event=ts_ns(event.ts_ms),
            venue_order_id=str(order.order_id), symbol=symbol, reason="its order list was refused",
        )  # fmt: skip


def usdm_reports(order: UsdmOrder, symbol: str) -> Iterator[ExecutionReport]:
    """What an `ORDER_TRADE_UPDATE` tells. Raises `NumberError`."""
    check_numbers(order.quantity, order.price, order.filled)
    base = ExecutionReport(
        exec_type=ExecType.NEW, client_order_id=own_id(order.client_order_id), ts_event=ts_ns(order.ts_ms),
        venue_order_id=str(order.order_id), symbol=symbol, side=SIDES[order.side], filled_quantity=order.filled,
    )  # fmt: skip
    match order.exec_type:
        case "NEW":
            yield base
            if order.price_match != "NONE" or order.closes_position:  # the venue chose price or quantity
                yield _replaced(replace(base, filled_quantity=None), order.quantity, order.price)
        case "TRADE" | "CALCULATED":  # the latter is a liquidation
            yield _trade(base, order) if order.last_quantity else base
        case "AMENDMENT":
            yield _replaced(base, order.quantity, order.price)
        case _:
            reason = _PREVENTED if order.status == "EXPIRED_IN_MATCH" else order.expiry_reason
            yield _ending(base, order.exec_type, reason)


def algo_reports(event: UsdmAlgoEvent, symbol: str) -> Iterator[ExecutionReport]:
    """What an `ALGO_UPDATE` tells: until it is triggered, an order is known by the algo service's id. What became of it
    afterwards its order tells, which has the same client order id.
    """
    order = event.order
    base = ExecutionReport(
        exec_type=ExecType.NEW, client_order_id=order.client_order_id, ts_event=ts_ns(event.ts_ms),
        venue_order_id=f"{ALGO_PREFIX}{order.algo_id}", symbol=symbol, side=SIDES[order.side],
    )  # fmt: skip
    match order.status:
        case "NEW":
            yield base
        case "TRIGGERING" | "TRIGGERED" | "FINISHED":
            if order.order_id:
                yield replace(base, exec_type=ExecType.REPLACED, venue_order_id=str(order.order_id))
        case "CANCELED" | "EXPIRED":
            yield replace(base, exec_type=ExecType(order.status), reason=order.reason)
        case "REJECTED":  # when triggered: it was accepted before, so FIX does not let it be rejected
            yield replace(base, exec_type=ExecType.CANCELED, reason=f"refused when triggered: {order.reason}")
        case _:
            yield replace(base, exec_type=ExecType.UNKNOWN, reason=f"Binance tells the algo status {order.status}")


def trigger_reject_reports(event: UsdmTriggerRejectEvent, symbol: str) -> Iterator[ExecutionReport]:
    """A stop that was triggered and refused then: what it is now is asked for."""
    yield ExecutionReport(
        exec_type=ExecType.UNKNOWN, client_order_id="", ts_event=ts_ns(event.ts_ms),
        venue_order_id=str(event.order.order_id), symbol=symbol, reason=f"refused when triggered: {event.order.reason}",
    )  # fmt: skip


def _trade(base: ExecutionReport, order: SpotOrder | UsdmOrder) -> ExecutionReport:
    """A fill; one that cannot be told from others is asked for, as it could be booked twice."""
    realized = order.realized_pnl if isinstance(order, UsdmOrder) else None
    check_numbers(order.last_quantity, order.last_price, order.fee, realized or ZERO)
    if order.last_quantity <= ZERO:
        raise NumberError(f"Binance sent a fill of {order.last_quantity}")
    if order.trade_id <= 0 and (isinstance(order, UsdmOrder) or order.trade_id < 0):
        return replace(base, exec_type=ExecType.UNKNOWN, reason="Binance told a fill without a trade id")
    return replace(
        base, exec_type=ExecType.TRADE, trade_id=str(order.trade_id), price=order.last_price,
        quantity=order.last_quantity, fee=order.fee, fee_currency=order.fee_currency or "",
        liquidity=Liquidity.MAKER if order.is_maker else Liquidity.TAKER, realized_pnl=realized,
    )  # fmt: skip


def _replaced(base: ExecutionReport, quantity: Decimal, price: Decimal) -> ExecutionReport:
    return replace(
        base, exec_type=ExecType.REPLACED, order_quantity=quantity if quantity > ZERO else None,
        order_price=price if price > ZERO else None,
    )  # fmt: skip


_ENDINGS = {"CANCELED": ExecType.CANCELED, "EXPIRED": ExecType.EXPIRED, "REJECTED": ExecType.REJECTED}


def _ending(base: ExecutionReport, exec_type: str, *reasons: str | int) -> ExecutionReport:
    reason = next((str(each) for each in reasons if each not in _SAYS_NOTHING), "")
    if exec_type not in _ENDINGS:
        return replace(base, exec_type=ExecType.UNKNOWN, reason=f"Binance tells the execution type {exec_type}")
    return replace(base, exec_type=_ENDINGS[exec_type], reason=reason)
