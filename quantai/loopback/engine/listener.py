"""Who is told what happens in the engine: the dialect, which makes the venue's events of it, at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from quantai.loopback.engine.orders import Fill, Order
from quantai.loopback.engine.tape import Aggregate, Trade

if TYPE_CHECKING:
    from quantai.loopback.engine.accounts import Account
    from quantai.loopback.engine.liquidation import Liquidation
    from quantai.loopback.engine.market import Market


class Change(StrEnum):
    """What happened to an order."""

    NEW = "new"
    TRADE = "trade"
    CANCELED = "canceled"
    EXPIRED = "expired"
    AMENDED = "amended"
    PREVENTED = "prevented"
    TRIGGERED = "triggered"


class Listener(ABC):
    """Everything is told in the order in which it happens, from within the command that does it."""

    @abstractmethod
    def order_changed(self, order: Order, change: Change, fill: Fill | None = None) -> None:
        """An order of an account changed."""

    @abstractmethod
    def account_changed(self, account: Account, reason: str, assets: Iterable[str], symbol: str = "") -> None:
        """Balances of `assets` changed, and the positions in `symbol` where there is one.

        `reason` is `order`, `deposit`, `funding` or `insurance`.
        """

    @abstractmethod
    def deposited(self, account: Account, asset: str, amount: Decimal) -> None:
        """Money came from outside, or left where negative; `account_changed` follows."""

    @abstractmethod
    def traded(self, market: Market, trades: list[Trade], aggregates: list[Aggregate]) -> None:
        """Trades of one taker."""

    @abstractmethod
    def quote_changed(self, market: Market) -> None:
        """The best bid or ask, or what is there, changed."""

    @abstractmethod
    def mark_changed(self, market: Market) -> None:
        """Mark price, index or funding rate changed."""

    def liquidated(self, market: Market, liquidation: Liquidation) -> None:
        """A position of somebody was closed by force. Venues without margin have nothing to tell."""

    def status_changed(self, market: Market) -> None:
        """The market opened or closed. Not every venue tells by itself."""
