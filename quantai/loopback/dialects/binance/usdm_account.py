"""Balances, positions and settings of a USD-M account, and rates of its markets. Source: USD-M Futures, «Account»,
«Market data».
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quantai.core.numbers import ZERO
from quantai.loopback.dialects.binance import usdm_views
from quantai.loopback.dialects.binance.endpoint import Call
from quantai.loopback.dialects.binance.errors import ApiError
from quantai.loopback.dialects.binance.wording import short, to_ms
from quantai.loopback.engine import FuturesAccount, Market, PositionSide

if TYPE_CHECKING:
    from quantai.loopback.dialects.binance.dialect import BinanceDialect

_MOST_LEVERAGE = 125
_TOTALS = (
    "initialMargin", "maintMargin", "walletBalance", "unrealizedProfit", "marginBalance", "positionInitialMargin",
    "openOrderInitialMargin", "crossWalletBalance", "crossUnPnl",
)  # fmt: skip


class UsdmAccount:
    """Shows and sets."""

    def __init__(self, dialect: BinanceDialect) -> None:
        self._dialect = dialect

    def balance(self, call: Call) -> Any:
        owner, now_ms = _owner(call), self._dialect.venue.now_ms()
        names = (
            "asset",
            "crossWalletBalance",
            "crossUnPnl",
            "availableBalance",
            "maxWithdrawAmount",
            "marginAvailable",
        )
        rows = [usdm_views.asset(owner, code, now_ms) for code in list(owner.wallet)]
        return [
            {
                "accountAlias": "loop",
                "balance": row["walletBalance"],
                "updateTime": now_ms,
                **{n: row[n] for n in names},
            }
            for row in rows
        ]

    def account(self, call: Call) -> Any:
        owner, now_ms = _owner(call), self._dialect.venue.now_ms()
        assets = [usdm_views.asset(owner, code, now_ms) for code in list(owner.wallet)]
        first = assets[0] if assets else usdm_views.asset(owner, "USDT", now_ms)
        body: dict[str, Any] = {"feeTier": 0, "canTrade": True, "canDeposit": False, "canWithdraw": False}
        body |= {"updateTime": 0, "multiAssetsMargin": False, "tradeGroupId": -1}
        body |= {f"total{name[0].upper()}{name[1:]}": first[name] for name in _TOTALS}
        body |= {name: first[name] for name in ("availableBalance", "maxWithdrawAmount")}
        positions = [self._position(owner, market, side) for market, side in self._sides(owner)]
        for row in positions:
            row |= {"unrealizedProfit": row["unRealizedProfit"], "isolated": False, "maxNotional": "100000000"}
        return body | {"assets": assets, "positions": positions}

    def positions(self, call: Call) -> Any:
        owner = _owner(call)
        wanted = self._dialect.market(call) if call.params.values.get("symbol") else None
        return [self._position(owner, market, side) for market, side in self._sides(owner) if wanted in (None, market)]

    def open_positions(self, call: Call) -> Any:
        """As version 3 does: only what is held, or has open orders."""
        owner, rows = _owner(call), self.positions(call)
        busy = {self._dialect.venue_symbol(symbol) for symbol, orders in owner.open_orders.items() if orders}
        return [row for row in rows if row["positionAmt"] != "0" or row["symbol"] in busy]

    def set_leverage(self, call: Call) -> Any:
        market, leverage = self._dialect.market(call), call.params.integer("leverage")
        if leverage is None or not 1 <= leverage <= _MOST_LEVERAGE:
            raise ApiError(-4028, f"Leverage {leverage} is not valid")
        _owner(call).leverage[market.symbol] = leverage
        return {"leverage": leverage, "maxNotionalValue": "100000000", "symbol": call.params.values["symbol"]}

    def set_margin_type(self, call: Call) -> Any:
        market, owner = self._dialect.market(call), _owner(call)
        wanted = {"CROSSED": "cross", "ISOLATED": "isolated"}.get(call.params.text("marginType"))
        if wanted is None:
            raise ApiError(-4047, "Margin type is not valid.")
        if wanted == owner.margin_type[market.symbol]:
            raise ApiError(-4046, "No need to change margin type.")
        owner.margin_type[market.symbol] = wanted
        return {"code": 200, "msg": "success"}

    def position_mode(self, call: Call) -> Any:
        return {"dualSidePosition": _owner(call).is_hedged}

    def set_position_mode(self, call: Call) -> Any:
        owner, wanted = _owner(call), call.params.flag("dualSidePosition")
        if wanted == owner.is_hedged:
            raise ApiError(-4059, "No need to change position side.")
        if any(held.amount for held in owner.positions.values()):
            raise ApiError(-4068, "Position side cannot be changed if there exists position.")
        if any(owner.open_orders.values()):
            raise ApiError(-4067, "Position side cannot be changed if there exists open orders.")
        owner.is_hedged = wanted
        return {"code": 200, "msg": "success"}

    def assets_mode(self, call: Call) -> Any:
        return {"multiAssetsMargin": False}

    def config(self, call: Call) -> Any:
        body = {"feeTier": 0, "canTrade": True, "canDeposit": False, "canWithdraw": False}
        return body | {"dualSidePosition": _owner(call).is_hedged, "multiAssetsMargin": False, "tradeGroupId": -1}

    def symbol_config(self, call: Call) -> Any:
        owner = _owner(call)
        return [
            {
                "symbol": symbol,
                "marginType": "CROSSED" if owner.margin_type[market.symbol] == "cross" else "ISOLATED",
                "isAutoAddMargin": False,
                "leverage": owner.leverage[market.symbol],
                "maxNotionalValue": "100000000",
            }
            for symbol, market in self._dialect.markets()
            if call.params.values.get("symbol", symbol) == symbol
        ]

    def brackets(self, call: Call) -> Any:
        bracket: dict[str, float] = {
            "bracket": 1,
            "initialLeverage": _MOST_LEVERAGE,
            "notionalCap": 100_000_000,
            "notionalFloor": 0,
        }
        bracket |= {"maintMarginRatio": float(_owner(call).maintenance_rate), "cum": 0.0}
        return [{"symbol": symbol, "brackets": [bracket]} for symbol, _ in self._dialect.markets()]

    def commission(self, call: Call) -> Any:
        self._dialect.market(call)
        fees = _owner(call).fees
        rates = {"makerCommissionRate": short(fees.maker), "takerCommissionRate": short(fees.taker)}
        return {"symbol": call.params.values["symbol"], **rates}

    def premium_index(self, call: Call) -> Any:
        if call.params.values.get("symbol"):
            return self._premium(call.params.values["symbol"], self._dialect.market(call))
        return [self._premium(symbol, market) for symbol, market in self._dialect.markets()]

    def funding_rates(self, call: Call) -> Any:
        """The rate that is due next is the only one that this venue knows."""
        rows = [
            {
                "symbol": symbol,
                "fundingTime": to_ms(market.next_funding_ns),
                "fundingRate": f"{market.funding_rate:.8f}",
                "markPrice": short(market.mark or ZERO),
            }
            for symbol, market in self._dialect.markets()
            if call.params.values.get("symbol", symbol) == symbol
        ]
        start, end = call.params.integer("startTime", 0) or 0, call.params.integer("endTime", 2**62) or 2**62
        return [row for row in rows if start <= int(str(row["fundingTime"])) <= end]

    def funding_info(self, call: Call) -> Any:
        caps = {"adjustedFundingRateCap": "0.02000000", "adjustedFundingRateFloor": "-0.02000000"}
        return [
            {"symbol": symbol, **caps, "fundingIntervalHours": 8, "disclaimer": False}
            for symbol, _ in self._dialect.markets()
        ]

    def open_interest(self, call: Call) -> Any:
        market = self._dialect.market(call)
        held = self._dialect.engine.open_interest(market)
        now = call.time(self._dialect.venue.now_ns())
        return {"symbol": call.params.values["symbol"], "openInterest": short(held), "time": now}

    def _premium(self, symbol: str, market: Market) -> dict[str, Any]:
        mark = market.mark or ZERO
        return {
            "symbol": symbol,
            "markPrice": short(mark),
            "indexPrice": short(market.index or mark),
            "estimatedSettlePrice": short(mark),
            "lastFundingRate": f"{market.funding_rate:.8f}",
            "interestRate": "0.00010000",
            "nextFundingTime": to_ms(market.next_funding_ns),
            "time": self._dialect.venue.now_ms(),
        }

    def _sides(self, owner: FuturesAccount) -> list[tuple[Market, PositionSide]]:
        sides = (PositionSide.LONG, PositionSide.SHORT) if owner.is_hedged else (PositionSide.BOTH,)
        return [(market, side) for _, market in self._dialect.markets() for side in sides]

    def _position(self, owner: FuturesAccount, market: Market, side: PositionSide) -> dict[str, Any]:
        return usdm_views.position(
            owner.position(market.symbol, side), owner, self._dialect.venue_symbol(market.symbol)
        )


def _owner(call: Call) -> FuturesAccount:
    owner = call.owner
    assert isinstance(owner, FuturesAccount)
    return owner
