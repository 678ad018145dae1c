"""Private events of USD-M. Source: USD-M Futures, «User Data Streams»."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from quantai.core.numbers import ZERO
from quantai.loopback.dialects.binance.listen_keys import ListenKeys
from quantai.loopback.dialects.binance.usdm_requests import until_ms
from quantai.loopback.dialects.binance.usdm_views import algo_id, algo_status, rounded, venue_type
from quantai.loopback.dialects.binance.wording import STATUSES, short, to_ms
from quantai.loopback.engine import (
    LIQUIDATED,
    Account,
    Aggregate,
    Change,
    Fill,
    FuturesAccount,
    Kind,
    Liquidation,
    Listener,
    Market,
    Order,
    Status,
    Tif,
    Trade,
)

if TYPE_CHECKING:
    from quantai.loopback.dialects.binance.dialect import BinanceDialect

_WORDS = {
    Change.NEW: "NEW",
    Change.TRADE: "TRADE",
    Change.CANCELED: "CANCELED",
    Change.EXPIRED: "EXPIRED",
    Change.AMENDED: "AMENDMENT",
    Change.PREVENTED: "EXPIRED",
    Change.TRIGGERED: "NEW",
}
_REASONS = {"deposit": "DEPOSIT", "funding": "FUNDING_FEE", "insurance": "INSURANCE_CLEAR"}


class UsdmEvents(Listener):
    """Tells listen keys of orders, balances and positions, and everybody of the market."""

    def __init__(self, dialect: BinanceDialect, keys: ListenKeys) -> None:
        self._dialect = dialect
        self._keys = keys
        self._wallets: dict[tuple[str, str], Decimal] = {}

    def order_changed(self, order: Order, change: Change, fill: Fill | None = None) -> None:
        if order.account is None:
            return
        is_algo = order.request.trigger is not None
        if is_algo and (order.status is Status.WAITING or not _was_triggered(order)):
            self._keys.publish(order.account, self._algo_update(order, algo_status(order)))
            return
        if change is Change.TRIGGERED:
            for status in ("TRIGGERING", "TRIGGERED"):
                self._keys.publish(order.account, self._algo_update(order, status))
        if fill is not None:
            if not order.request.is_forced:
                self._keys.publish(order.account, self._trade_lite(order, fill))
            self._tell_account(order.account, "ORDER", order.account.assets_of(order), order)
        self._keys.publish(order.account, self._order_update(order, change, fill))
        if is_algo and not order.is_open:
            self._keys.publish(order.account, self._algo_update(order, "FINISHED"))

    def account_changed(self, account: Account, reason: str, assets: Iterable[str], symbol: str = "") -> None:
        # Of orders only fills change the account, and what they made of it is told before they are.
        if reason != "order":
            self._tell_account(account, _REASONS[reason], assets, symbol=symbol)

    def deposited(self, account: Account, asset: str, amount: Decimal) -> None:
        assert isinstance(account, FuturesAccount)
        self._wallets[account.name, asset] = account.wallet[asset] - amount

    def traded(self, market: Market, trades: list[Trade], aggregates: list[Aggregate]) -> None:
        self._dialect.streams.traded(market, trades, aggregates)

    def quote_changed(self, market: Market) -> None:
        self._dialect.streams.quote_changed(market)

    def mark_changed(self, market: Market) -> None:
        """Streams of mark prices have a pace of their own."""

    def liquidated(self, market: Market, liquidation: Liquidation) -> None:
        self._dialect.streams.liquidated(market, liquidation)

    def status_changed(self, market: Market) -> None:
        self._dialect.streams.status_changed(market)

    def _tell_account(
        self, account: Account, reason: str, assets: Iterable[str], order: Order | None = None, symbol: str = ""
    ) -> None:
        assert isinstance(account, FuturesAccount)
        now = self._dialect.venue.now_ms()
        balances = []
        for code in assets:
            wallet = account.wallet[code]
            # What changed other than by profit and fees: transfers, funding.
            change = wallet - self._wallets.get((account.name, code), wallet) if order is None else ZERO
            self._wallets[account.name, code] = wallet
            balances.append({"a": code, "wb": rounded(wallet), "cw": rounded(wallet), "bc": rounded(change)})
        positions = [] if order is None else [self._position(account, order)]
        body = {"m": reason, "B": balances, "P": positions}
        if reason == "FUNDING_FEE":
            body["S"] = self._dialect.venue_symbol(symbol)
        self._keys.publish(account, {"e": "ACCOUNT_UPDATE", "E": now, "T": now, "a": body})

    def _position(self, account: FuturesAccount, order: Order) -> dict[str, Any]:
        held = account.position(order.symbol, order.request.position_side)
        return {
            "s": self._dialect.venue_symbol(order.symbol),
            "pa": short(held.amount),
            "ep": rounded(held.entry_price),
            "bep": rounded(held.entry_price),
            "cr": rounded(held.realized),
            "up": rounded(held.profit(account.mark(held))),
            "mt": account.margin_type[order.symbol],
            "iw": "0",
            "ps": held.side.value,
        }

    def _order_update(self, order: Order, change: Change, fill: Fill | None) -> dict[str, Any]:
        request, trigger, ts_ms = order.request, order.request.trigger, to_ms(order.updated_ns)
        body: dict[str, Any] = {
            "s": self._dialect.venue_symbol(order.symbol),
            "c": order.client_id,
            "S": order.side.value.upper(),
            "o": "LIQUIDATION" if request.is_forced else venue_type(order),
            "f": request.tags["tif"],
            "q": short(order.quantity),
            "p": short(order.price),
            "ap": rounded(order.average_price),
            "sp": short(trigger.price) if trigger is not None else "0",
            "x": "CALCULATED" if request.is_forced and fill else _WORDS[change],
            "X": STATUSES[order.status],
            "i": order.id,
            "l": short(fill.quantity) if fill else "0",
            "z": short(order.filled),
            "L": short(fill.price) if fill else "0",
            "n": short(fill.fee) if fill else "0",
            "N": fill.fee_asset if fill else "USDT",
            "T": ts_ms,
            "t": fill.trade_id if fill else 0,
            "b": "0",
            "a": "0",
            "m": fill.is_maker if fill else False,
            "R": request.tags["reduceOnly"] == "true",
            "wt": request.tags["workingType"],
            "ot": "LIQUIDATION" if request.is_forced else request.tags["type"],
            "ps": request.position_side,
            "cp": request.closes_position,
            "rp": short(fill.realized) if fill else "0",
            "pP": False,
            "si": 0,
            "ss": 0,
            "V": request.self_trade.value,
            "pm": request.tags["priceMatch"],
            "gtd": until_ms(request),
            "er": _expiry_reason(order, change),
        }
        if trigger is not None and trigger.trail is not None:
            body |= {"AP": short(trigger.activation or ZERO), "cr": short(trigger.trail * 100)}
        return {"e": "ORDER_TRADE_UPDATE", "E": self._dialect.venue.now_ms(), "T": ts_ms, "o": body}

    def _trade_lite(self, order: Order, fill: Fill) -> dict[str, Any]:
        head = {"e": "TRADE_LITE", "E": self._dialect.venue.now_ms(), "T": to_ms(fill.ts_ns)}
        head |= {"s": self._dialect.venue_symbol(order.symbol), "q": short(order.quantity), "p": short(order.price)}
        head |= {"m": fill.is_maker, "c": order.client_id, "S": order.side.value.upper(), "L": short(fill.price)}
        return head | {"l": short(fill.quantity), "t": fill.trade_id, "i": order.id}

    def _algo_update(self, order: Order, status: str) -> dict[str, Any]:
        request, trigger = order.request, order.request.trigger
        assert trigger is not None
        is_triggered = _was_triggered(order)
        ts_ms = to_ms(order.updated_ns)
        body = {
            "caid": order.client_id,
            "aid": algo_id(order),
            "at": "CONDITIONAL",
            "o": request.tags["type"],
            "s": self._dialect.venue_symbol(order.symbol),
            "S": order.side.value.upper(),
            "ps": request.position_side,
            "f": request.tags["tif"],
            "q": short(order.quantity),
            "X": status,
            "ai": str(order.id) if is_triggered else "",
            "ap": rounded(order.average_price),
            "aq": short(order.filled),
            "act": "0",
            "tp": short(trigger.price),
            "p": short(order.price),
            "V": request.self_trade.value,
            "wt": request.tags["workingType"],
            "pm": request.tags["priceMatch"],
            "cp": request.closes_position,
            "pP": False,
            "R": request.tags["reduceOnly"] == "true",
            "tt": to_ms(order.working_ns) if is_triggered else 0,
            "gtd": until_ms(request),
            "rm": order.reason,
        }
        return {"e": "ALGO_UPDATE", "T": ts_ms, "E": self._dialect.venue.now_ms(), "o": body}


def _expiry_reason(order: Order, change: Change) -> str:
    if change is Change.PREVENTED:
        return "1"
    if change is not Change.EXPIRED:
        return "0"
    if order.reason == LIQUIDATED:
        return "5"
    is_immediate = order.request.kind is Kind.MARKET or order.request.tif in (Tif.IOC, Tif.FOK)
    return "2" if is_immediate else "0"


def _was_triggered(order: Order) -> bool:
    return order.status is not Status.WAITING and order.working_ns > 0
