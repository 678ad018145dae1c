"""`/loopback/...`: faults on command over HTTP, and what the venue knows to be true."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from quantai.core.errors import ConfigError, NumberError
from quantai.core.numbers import plain, to_decimal
from quantai.loopback.engine import Account, FuturesAccount, Order, SpotAccount
from quantai.loopback.server.faults import Fault

if TYPE_CHECKING:
    from quantai.loopback.server.venue import LoopbackVenue


class _Status(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    is_open: bool


class _Deposit(msgspec.Struct, forbid_unknown_fields=True):
    asset: str
    amount: str
    account: str = "main"


def attach_control(app: web.Application, venue: LoopbackVenue) -> None:
    """Add the routes. Whoever reaches the port may use them: the venue listens to this machine only."""
    control = _Control(venue)
    app.router.add_post("/loopback/faults", control.inject)
    app.router.add_delete("/loopback/faults", control.clear)
    app.router.add_get("/loopback/state", control.state)
    app.router.add_get("/loopback/accounts", control.accounts)
    app.router.add_post("/loopback/deposit", control.deposit)
    app.router.add_post("/loopback/status", control.set_status)


class _Control:
    def __init__(self, venue: LoopbackVenue) -> None:
        self._venue = venue

    async def inject(self, request: web.Request) -> web.Response:
        try:
            self._venue.faults.inject(msgspec.json.decode(await request.read(), type=Fault))
        except (msgspec.MsgspecError, ConfigError) as error:
            return _json({"error": f"not a fault: {error}"}, 400)
        return _json({"ok": True})

    async def clear(self, request: web.Request) -> web.Response:
        self._venue.clear_faults()
        return _json({"ok": True})

    async def state(self, request: web.Request) -> web.Response:
        venue = self._venue
        markets = {
            symbol: {
                "last": _text(market.tape.last),
                "trades": len(market.tape.trades),
                "update_id": market.book.update_id,
            }
            for symbol, market in venue.engine.markets.items()
        }
        faults = {kind.value: count for kind, count in venue.faults.counts.items()}
        return _json({"now_ns": venue.now_ns(), "counts": dict(venue.counts), "faults": faults, "markets": markets})

    async def accounts(self, request: web.Request) -> web.Response:
        return _json({name: describe(account) for name, account in self._venue.engine.accounts.items()})

    async def deposit(self, request: web.Request) -> web.Response:
        try:
            wanted = msgspec.json.decode(await request.read(), type=_Deposit)
            amount = to_decimal(wanted.amount, "amount")
        except (msgspec.MsgspecError, NumberError) as error:
            return _json({"error": f"not a deposit: {error}"}, 400)
        account = self._venue.engine.accounts.get(wanted.account)
        if account is None:
            return _json({"error": f"there is no account {wanted.account}"}, 404)
        self._venue.engine.deposit(account, wanted.asset, amount)
        return _json({"ok": True})

    async def set_status(self, request: web.Request) -> web.Response:
        try:
            wanted = msgspec.json.decode(await request.read(), type=_Status)
        except msgspec.MsgspecError as error:
            return _json({"error": f"not a status: {error}"}, 400)
        market = self._venue.engine.markets.get(wanted.symbol)
        if market is None:
            return _json({"error": f"there is no market {wanted.symbol}"}, 404)
        self._venue.engine.set_open(market, wanted.is_open)
        return _json({"ok": True})


def describe(account: Account) -> dict[str, Any]:
    """Everything the venue knows of an account, amounts as plain text."""
    facts: dict[str, Any] = {
        "open_orders": [_order(order) for orders in account.open_orders.values() for order in orders.values()],
        "fills": [
            {
                "trade_id": fill.trade_id,
                "client_id": order.client_id,
                "symbol": order.symbol,
                "side": order.side.value,
                "price": plain(fill.price),
                "quantity": plain(fill.quantity),
                "fee": plain(fill.fee),
                "fee_asset": fill.fee_asset,
                "realized": plain(fill.realized),
            }
            for order, fill in account.fills
        ],
    }
    if isinstance(account, SpotAccount):
        facts["balances"] = {
            asset: {"free": plain(held.free), "locked": plain(held.locked)} for asset, held in account.balances.items()
        }
    elif isinstance(account, FuturesAccount):
        facts["wallet"] = {asset: plain(amount) for asset, amount in account.wallet.items()}
        facts["positions"] = [
            {"symbol": held.symbol, "side": held.side.value, "amount": plain(held.amount), "cost": plain(held.cost)}
            for held in account.positions.values()
        ]
    return facts


def _order(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "client_id": order.client_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "status": order.status.value,
        "price": plain(order.price),
        "quantity": plain(order.quantity),
        "filled": plain(order.filled),
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
