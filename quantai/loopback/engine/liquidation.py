"""What happens to an account whose margin is gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from quantai.core.enums import Side
from quantai.core.numbers import ZERO, ceil_to_step, floor_to_step
from quantai.loopback.engine.accounts import Account, money
from quantai.loopback.engine.execution import Execution
from quantai.loopback.engine.futures import FuturesAccount, Position
from quantai.loopback.engine.listener import Change, Listener
from quantai.loopback.engine.market import Market
from quantai.loopback.engine.orders import Kind, Order, OrderRequest, Status, Tif

LIQUIDATED = "the account was liquidated"
"""Why its open orders end."""

Draft = Callable[[Account, OrderRequest], Order]


@dataclass(frozen=True, slots=True)
class Liquidation:
    """A position that was closed by force: `side` is that of the order that closed it, `price` its limit."""

    side: Side
    quantity: Decimal
    price: Decimal
    average_price: Decimal
    last_quantity: Decimal
    ts_ns: int


class Liquidator:
    """Closes what an account holds once its margin balance is no more than its maintenance margin.

    First its open orders end. Then each position is closed at the price that leaves nothing, or better: what the book
    does not take the insurance fund does. At last the fund gets its fee, or makes up for what is below 0.
    """

    def __init__(self, markets: Mapping[str, Market], execution: Execution, draft: Draft, listener: Listener) -> None:
        self._markets = markets
        self._execution = execution
        self._draft = draft
        self._listener = listener

    def look(self, account: FuturesAccount, asset: str) -> None:
        """Liquidate the account if it must be."""
        if not account.is_exhausted(asset):
            return
        self._end_orders(account, asset)
        fee = ZERO
        for position in account.held(asset):
            market = self._markets[position.symbol]
            order = self._close(account, position, market)
            fee += order.quote_filled * market.rules.liquidation_fee
        left = account.wallet[asset]
        account.wallet[asset] = max(left - money(fee), ZERO)
        if account.wallet[asset] != left:
            self._listener.account_changed(account, "insurance", (asset,))

    def _end_orders(self, account: FuturesAccount, asset: str) -> None:
        for symbol, orders in list(account.open_orders.items()):
            market = self._markets[symbol]
            for order in list(orders.values()) if market.rules.instrument.settlement_currency == asset else ():
                if order.is_open:
                    order.reason = LIQUIDATED
                    self._execution.close(market, order, Status.EXPIRED, Change.EXPIRED)

    def _close(self, account: FuturesAccount, position: Position, market: Market) -> Order:
        side = Side.SELL if position.amount > 0 else Side.BUY
        tick, price = market.rules.instrument.tick_size, account.bankruptcy_price(position)
        round_ = ceil_to_step if side is Side.SELL else floor_to_step
        request = OrderRequest(
            symbol=market.symbol,
            side=side,
            kind=Kind.LIMIT,
            quantity=abs(position.amount),
            price=max(round_(price, tick), tick),
            tif=Tif.IOC,
            position_side=position.side,
            is_forced=True,
            tags=account.forced.tags,
        )
        order = self._draft(account, request)
        order.client_id = f"{account.forced.prefix}{order.created_ns // 1_000_000}{order.id:06d}"
        account.opened(order)
        self._execution.force(market, order)
        last = order.fills[-1]
        self._listener.liquidated(
            market, Liquidation(side, order.quantity, order.price, order.average_price, last.quantity, last.ts_ns)
        )
        return order
