"""Lists of orders and fills, selected as both products let one ask."""

from __future__ import annotations

from collections.abc import Iterable

from quantai.core.clock import NS_PER_MS
from quantai.loopback.dialects.binance.errors import ApiError
from quantai.loopback.dialects.binance.params import Params
from quantai.loopback.engine import Account, Fill, Order, Status


def _window(params: Params, longest_ms: int) -> tuple[int, int]:
    """`startTime` and `endTime` in nanoseconds. Raises `ApiError` where they are too far apart."""
    start_ms, end_ms = params.integer("startTime"), params.integer("endTime")
    if start_ms is not None and end_ms is not None and end_ms - start_ms > longest_ms:
        raise ApiError(-1127, f"More than {longest_ms // 3_600_000} hours between startTime and endTime.")
    start_ns = 0 if start_ms is None else start_ms * NS_PER_MS
    if start_ms is not None and end_ms is None:
        return start_ns, start_ns + longest_ms * NS_PER_MS
    return start_ns, 2**63 - 1 if end_ms is None else (end_ms + 1) * NS_PER_MS - 1


def all_orders(account: Account, symbol: str, params: Params, longest_ms: int) -> list[Order]:
    """`allOrders`: from `orderId` on, or of a window of time, else the newest. Stops that wait are left in."""
    limit, first = params.limit(500, 1_000), params.integer("orderId")
    start_ns, end_ns = _window(params, longest_ms)
    orders = [
        order
        for order in account.orders.values()
        if order.symbol == symbol and start_ns <= order.created_ns <= end_ns and (first is None or order.id >= first)
    ]
    return orders[:limit] if first is not None or start_ns else orders[-limit:]


def fills(account: Account, symbol: str, params: Params, longest_ms: int) -> list[tuple[Order, Fill]]:
    """`myTrades` and `userTrades`: from `fromId` on, of an order, or of a window of time, else the newest."""
    limit, first, order_id = params.limit(500, 1_000), params.integer("fromId"), params.integer("orderId")
    if first is not None and (params.values.get("startTime") or params.values.get("endTime")):
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    start_ns, end_ns = _window(params, longest_ms)
    found = [
        (order, fill)
        for order, fill in account.fills
        if order.symbol == symbol
        and start_ns <= fill.ts_ns <= end_ns
        and (first is None or fill.trade_id >= first)
        and (order_id is None or order.id == order_id)
    ]
    return found[:limit] if first is not None or start_ns else found[-limit:]


def open_orders(account: Account, symbol: str | None, *, waiting: bool | None = None) -> Iterable[Order]:
    """Open orders, of one symbol or all; with `waiting` only stops that wait, or only the others."""
    for name, orders in account.open_orders.items():
        if symbol in (None, name):
            for order in orders.values():
                if waiting is None or waiting == (order.status is Status.WAITING):
                    yield order
