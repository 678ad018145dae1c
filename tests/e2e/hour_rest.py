"""What a Binance says when it is asked over REST with the account's keys, however often it takes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import aiohttp

from quantai.core.clock import NS_PER_MS, Clock
from tests.e2e.hour_books import Fill, Told
from tests.e2e.hour_store import Printed
from tests.e2e.hour_venues import MARKETS, USDM

_TRIES = 20
_TIMEOUT = aiohttp.ClientTimeout(10)
_MOST = 1_000
# Binance tells orders that expired in a match apart; here both are EXPIRED.
_STATES = {"EXPIRED_IN_MATCH": "EXPIRED"}


class VenueRest:
    """One venue. Its `printed` grows with each `read_prints`: the venue forgets old ones."""

    def __init__(self, name: str, address: str, key: str, secret: str, clock: Clock) -> None:
        self.name = name
        self._clock = clock
        self.printed: dict[str, Printed] = {symbol: {} for symbol in MARKETS[name]}
        self._base = f"http://{address}"
        self._api = "/fapi/v1" if name == USDM else "/api/v3"
        self._key, self._secret = key, secret.encode()

    async def inject(self, fault: bytes) -> None:
        """Have something go wrong."""
        await self._request("POST", "/loopback/faults", data=fault)

    async def clear(self) -> None:
        """Have nothing go wrong any more."""
        await self._request("DELETE", "/loopback/faults")

    async def state(self) -> dict[str, Any]:
        """What the venue counted."""
        state: dict[str, Any] = await self._request("GET", "/loopback/state")
        return state

    async def read_prints(self) -> None:
        """Take in what traded since the last time."""
        path = "/aggTrades" if self.name == USDM else "/historicalTrades"
        for symbol, printed in self.printed.items():
            rows: list[dict[str, Any]] = [{}] * _MOST
            while len(rows) == _MOST:
                first = max(map(int, printed), default=0) + 1
                rows = await self._get(path, {"symbol": _plain(symbol), "fromId": first, "limit": _MOST})
                printed.update(map(self._print, rows))

    def _print(self, row: Mapping[str, Any]) -> tuple[str, tuple[Decimal, Decimal, int]]:
        id_, price, quantity, ts_ms = ("a", "p", "q", "T") if self.name == USDM else ("id", "price", "qty", "time")
        return str(row[id_]), (Decimal(row[price]), Decimal(row[quantity]), row[ts_ms] * NS_PER_MS)

    async def account(self) -> Told:
        """All that the account did, and has."""
        orders: list[tuple[str, str, Decimal]] = []
        fills: set[Fill] = set()
        for symbol in map(_plain, self.printed):
            listed = await self._pages("/allOrders", "orderId", symbol)
            names = {row["orderId"]: row["clientOrderId"] for row in listed}
            orders += [
                (row["clientOrderId"], _STATES.get(row["status"], row["status"]), Decimal(row["executedQty"]))
                for row in listed
            ]
            path = "/userTrades" if self.name == USDM else "/myTrades"
            fills |= {_fill(row, names) for row in await self._pages(path, "id", symbol, asked="fromId")}
        if self.name == USDM:
            rows = await self._get("/fapi/v3/balance", {}, is_signed=True)
            held = {row["asset"]: Decimal(row["balance"]) for row in rows}
        else:
            account = await self._get("/account", {}, is_signed=True)
            held = {row["asset"]: Decimal(row["free"]) + Decimal(row["locked"]) for row in account["balances"]}
        money = {asset: amount for asset, amount in held.items() if amount}
        return Told(sorted(orders), fills, money, await self._positions() if self.name == USDM else None)

    async def _positions(self) -> dict[str, Decimal]:
        symbols = {_plain(symbol): symbol for symbol in self.printed}
        rows = await self._get("/fapi/v3/positionRisk", {}, is_signed=True)
        held = {symbols[row["symbol"]]: Decimal(row["positionAmt"]) for row in rows}
        return {symbol: amount for symbol, amount in held.items() if amount}

    async def _pages(self, path: str, id_: str, symbol: str, asked: str = "orderId") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        rows: list[dict[str, Any]] = [{}] * _MOST
        while len(rows) == _MOST:
            first = found[-1][id_] + 1 if found else 1
            rows = await self._get(path, {"symbol": symbol, asked: first, "limit": _MOST}, is_signed=True)
            found += rows
        return found

    async def _get(self, path: str, params: Mapping[str, Any], *, is_signed: bool = False) -> Any:
        path = path if path.startswith("/fapi") else self._api + path
        return await self._request("GET", path, params=params, is_signed=is_signed)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        data: bytes = b"",
        is_signed: bool = False,
    ) -> Any:
        """The answer, as JSON: faults hit these questions, too."""
        error: Exception | None = None
        async with aiohttp.ClientSession(timeout=_TIMEOUT, headers={"X-MBX-APIKEY": self._key}) as session:
            for number in range(_TRIES):
                await asyncio.sleep(number / 4)
                query = self._signed(params or {}) if is_signed else urlencode(params or {})
                try:
                    async with session.request(method, f"{self._base}{path}?{query}", data=data or None) as answer:
                        answer.raise_for_status()
                        return await answer.json()
                except (aiohttp.ClientError, ValueError, TimeoutError) as failed:
                    error = failed
        raise AssertionError(f"{self.name} {method} {path}: {error!r}")

    def _signed(self, params: Mapping[str, Any]) -> str:
        query = urlencode({**params, "timestamp": self._clock.now_ns() // NS_PER_MS})
        return f"{query}&signature={hmac.new(self._secret, query.encode(), hashlib.sha256).hexdigest()}"


def _fill(row: Mapping[str, Any], names: Mapping[int, str]) -> Fill:
    amounts = (Decimal(row["price"]), Decimal(row["qty"]), Decimal(row["commission"]))
    return names[row["orderId"]], str(row["id"]), *amounts, row["commissionAsset"]


def _plain(symbol: str) -> str:
    """`BTC/USDT:USDT` is BTCUSDT there."""
    return symbol.partition(":")[0].replace("/", "")
