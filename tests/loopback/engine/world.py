"""An engine with one spot market, one perpetual, and accounts with money."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from quantai.core.clock import SimulatedClock
from quantai.core.enums import Side
from quantai.instruments import Instrument
from quantai.loopback.engine import (
    Account,
    Aggregate,
    Change,
    Engine,
    Fill,
    FuturesAccount,
    Kind,
    Liquidation,
    Listener,
    Market,
    MarketRules,
    Order,
    OrderRequest,
    SpotAccount,
    Trade,
)

SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
START_NS = 1_780_000_000_000_000_000
BUY, SELL = Side.BUY, Side.SELL
D = Decimal


class Heard(Listener):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.orders: list[tuple[int, Change]] = []
        self.accounts: list[tuple[str, str]] = []
        self.trades: list[Trade] = []
        self.aggregates: list[Aggregate] = []
        self.liquidations: list[Liquidation] = []
        self.statuses: list[bool] = []

    def order_changed(self, order: Order, change: Change, fill: Fill | None = None) -> None:
        self.orders.append((order.id, change))

    def account_changed(self, account: Account, reason: str, assets: Iterable[str], symbol: str = "") -> None:
        self.accounts.append((account.name, reason))

    def deposited(self, account: Account, asset: str, amount: Decimal) -> None:
        self.accounts.append((account.name, f"{amount} {asset}"))

    def traded(self, market: Market, trades: list[Trade], aggregates: list[Aggregate]) -> None:
        self.trades += trades
        self.aggregates += aggregates

    def quote_changed(self, market: Market) -> None:
        """Not looked at."""

    def mark_changed(self, market: Market) -> None:
        """Not looked at."""

    def liquidated(self, market: Market, liquidation: Liquidation) -> None:
        self.liquidations.append(liquidation)

    def status_changed(self, market: Market) -> None:
        self.statuses.append(market.is_open)


class World:
    """`alice` and `bob` trade spot, `carol` and `dave` contracts."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(START_NS)
        self.heard = Heard()
        instruments = [
            Instrument(venue="v", symbol=symbol, tick_size=D("0.01"), lot_size=D("0.001"), min_notional=D(5))
            for symbol in (SPOT, PERP)
        ]
        self.engine = Engine(self.clock, [MarketRules.of(instrument) for instrument in instruments], self.heard)
        balances = {"USDT": D(100_000), "BTC": D(10)}
        self.alice, self.bob = (SpotAccount(name, balances) for name in ("alice", "bob"))
        self.carol, self.dave = (
            FuturesAccount(name, {"USDT": D(100_000)}, self.engine.mark_price) for name in ("carol", "dave")
        )
        for account in (self.alice, self.bob, self.carol, self.dave):
            self.engine.accounts[account.name] = account

    def place(self, account: Account, side: Side, quantity: str, price: str | None = None, **more: object) -> Order:
        """A limit order, or one at market without a price."""
        facts: dict[str, object] = {
            "symbol": SPOT if isinstance(account, SpotAccount) else PERP,
            "side": side,
            "kind": Kind.MARKET if price is None else Kind.LIMIT,
            "quantity": D(quantity),
            "price": D(price or "0"),
        }
        return self.engine.place(account, OrderRequest(**(facts | more)))  # type: ignore[arg-type]

    def changes(self, order: Order) -> list[Change]:
        """What was told of an order."""
        return [change for number, change in self.heard.orders if number == order.id]
