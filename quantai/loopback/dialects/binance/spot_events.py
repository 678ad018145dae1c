"""Private events of spot. Source: Binance Spot API, «User data streams»."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

from quantai.core.numbers import ZERO
from quantai.loopback.dialects.binance.wording import STATUSES, e8
from quantai.loopback.engine import (
    Account,
    Aggregate,
    Change,
    Fill,
    Listener,
    Market,
    Order,
    SpotAccount,
    Status,
    Trade,
)

if TYPE_CHECKING:
    from quantai.loopback.dialects.binance.dialect import BinanceDialect

_WORDS = {
    Change.NEW: "NEW",
    Change.TRADE: "TRADE",
    Change.CANCELED: "CANCELED",
    Change.EXPIRED: "EXPIRED",
    Change.AMENDED: "REPLACED",
    Change.PREVENTED: "TRADE_PREVENTION",
    Change.TRIGGERED: "NEW",
}


class SpotEvents(Listener):
    """Tells subscribers of their orders and balances, and everybody of the market."""

    def __init__(self, dialect: BinanceDialect) -> None:
        self._dialect = dialect
        self._execution_ids = count(1)

    def order_changed(self, order: Order, change: Change, fill: Fill | None = None) -> None:
        if order.account is not None:
            self._dialect.ws_api.publish(order.account, self._report(order, change, fill))

    def account_changed(self, account: Account, reason: str, assets: Iterable[str], symbol: str = "") -> None:
        assert isinstance(account, SpotAccount)
        now = self._dialect.venue.now_ms()
        held = [
            {"a": asset, "f": e8(account.balances[asset].free), "l": e8(account.balances[asset].locked)}
            for asset in assets
        ]
        self._dialect.ws_api.publish(account, {"e": "outboundAccountPosition", "E": now, "u": now, "B": held})

    def deposited(self, account: Account, asset: str, amount: Decimal) -> None:
        now = self._dialect.venue.now_ms()
        event = {"e": "balanceUpdate", "E": now, "a": asset, "d": e8(amount), "T": now}
        self._dialect.ws_api.publish(account, event)

    def traded(self, market: Market, trades: list[Trade], aggregates: list[Aggregate]) -> None:
        self._dialect.streams.traded(market, trades, aggregates)

    def quote_changed(self, market: Market) -> None:
        self._dialect.streams.quote_changed(market)

    def mark_changed(self, market: Market) -> None:
        """Spot has no mark price."""

    def _report(self, order: Order, change: Change, fill: Fill | None) -> dict[str, Any]:
        request, trigger = order.request, order.request.trigger
        is_end = change is Change.CANCELED
        now = self._dialect.venue.now_ms()
        event: dict[str, Any] = {
            "e": "executionReport",
            "E": now,
            "s": self._dialect.venue_symbol(order.symbol),
            "c": order.cancel_id if is_end else order.client_id,
            "S": order.side.value.upper(),
            "o": request.tags["type"],
            "f": request.tif.value,
            "q": e8(order.quantity),
            "p": e8(order.price),
            "P": e8(trigger.price if trigger is not None else ZERO),
            "F": e8(request.iceberg),
            "g": -1,
            "C": order.client_id if is_end else order.former_id if change is Change.AMENDED else "",
            "x": _WORDS[change],
            "X": STATUSES[order.status],
            "r": "NONE",
            "i": order.id,
            "l": e8(fill.quantity if fill else ZERO),
            "z": e8(order.filled),
            "L": e8(fill.price if fill else ZERO),
            "n": e8(fill.fee) if fill else "0",
            "N": fill.fee_asset if fill else None,
            "T": order.updated_ns // 1_000_000,
            "t": fill.trade_id if fill else -1,
            "I": next(self._execution_ids),
            "w": order.is_open and order.status is not Status.WAITING,
            "m": fill.is_maker if fill else False,
            "M": False,
            "O": order.created_ns // 1_000_000,
            "Z": e8(order.quote_filled),
            "Y": e8(fill.quote if fill else ZERO),
            "Q": e8(request.quote_quantity),
            "V": request.self_trade.value,
        }
        if order.status is not Status.WAITING:
            event["W"] = order.working_ns // 1_000_000
        if trigger is not None and trigger.trail is not None:
            event |= {"d": int(trigger.trail * 10_000), "D": -1}
        if order.prevented:
            event |= {"v": order.id, "A": e8(order.prevented), "B": e8(order.prevented), "u": order.id}
        return event
