"""A connector that trades, and what it reported; the truth is the loopback venue's engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import count
from typing import Any

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.identifiers import ClientOrderIds, run_tag
from quantai.exchanges.base import Exchange
from quantai.exchanges.execution import (
    AmendOrder,
    CancelOrder,
    ExecType,
    ExecutionConnector,
    ExecutionReport,
    OrderStatus,
    SubmitOrder,
    VenueAccount,
)
from quantai.loopback.engine import Fill, FuturesAccount, Kind, Order, OrderRequest, SpotAccount, Status
from tests.venues.contract.stage import START_NS, Stage

SMALL = Decimal("0.01")
"""A quantity that every market of the suite takes."""


class Trading:
    """One connector."""

    _runs = count()

    def __init__(self, stage: Stage, exchange: Exchange, connector: ExecutionConnector) -> None:
        self.stage = stage
        self.exchange = exchange
        self.connector = connector
        self.reports: list[ExecutionReport] = []
        self.states: list[bool] = []
        self._ids = ClientOrderIds(run_tag(START_NS, next(self._runs) % 1_000))
        connector.on_report(self.reports.append)
        connector.on_connection(self.states.append)

    @property
    def account(self) -> VenueAccount:
        """What the connector can ask."""
        assert self.connector.account is not None
        return self.connector.account

    def order(
        self, side: Side = Side.BUY, quantity: Decimal = SMALL, price: Decimal | None = None,
        kind: OrderType | None = None, tif: TimeInForce = TimeInForce.GTC, **more: Any,
    ) -> SubmitOrder:  # fmt: skip
        """A new order: a limit order where it has a price, else a market order."""
        kind = kind or (OrderType.MARKET if price is None else OrderType.LIMIT)
        symbol = more.pop("symbol", self.stage.symbol)
        own_id = more.pop("client_order_id", "") or self._ids.next("contract")
        return SubmitOrder(own_id, symbol, side, kind, quantity, price, tif, **more)

    def resting(self, side: Side = Side.BUY, quantity: Decimal = SMALL, ticks: int = 1_000, **more: Any) -> SubmitOrder:
        """A limit order away from the market."""
        price = self.stage.best(side) - side.sign * ticks * self.stage.instrument.tick_size
        return self.order(side, quantity, price, **more)

    def submit(self, *args: Any, **more: Any) -> SubmitOrder:
        """Make and send."""
        return self.send(self.order(*args, **more))

    def send(self, order: SubmitOrder) -> SubmitOrder:
        """Send."""
        self.connector.submit(order)
        return order

    async def rest(self, side: Side = Side.BUY, quantity: Decimal = SMALL, **more: Any) -> SubmitOrder:
        """A limit order that rests at the venue."""
        order = self.send(self.resting(side, quantity, **more))
        await self.told(order, ExecType.NEW)
        return order

    def reports_of(self, order: SubmitOrder, *kinds: ExecType) -> list[ExecutionReport]:
        """What was reported of an order."""
        ids = {order.client_order_id, self.venue_id(order)} - {""}
        mine = [each for each in self.reports if {each.client_order_id, each.venue_order_id} & ids]
        return [each for each in mine if not kinds or each.exec_type in kinds]

    def venue_id(self, order: SubmitOrder) -> str:
        """The newest id that the venue gave it."""
        own = order.client_order_id
        ids = [each.venue_order_id for each in self.reports if each.client_order_id == own and each.venue_order_id]
        return ids[-1] if ids else ""

    async def told(self, order: SubmitOrder, kind: ExecType, times: int = 1) -> ExecutionReport:
        """The report of that kind, when it has come."""
        await self.stage.until(
            lambda: len(self.reports_of(order, kind)) >= times, f"no {kind} of {order}: {self.reports}"
        )
        return self.reports_of(order, kind)[times - 1]

    async def filled(self, order: SubmitOrder, quantity: Decimal | None = None) -> list[ExecutionReport]:
        """The trades of an order, when they come to `quantity` (all of it)."""
        wanted = order.quantity if quantity is None else quantity
        await self.stage.until(lambda: self._traded(order) >= wanted, f"{order} did not trade: {self.reports}")
        assert self._traded(order) == wanted
        return self.reports_of(order, ExecType.TRADE)

    def _traded(self, order: SubmitOrder) -> Decimal:
        return sum((each.quantity for each in self.reports_of(order, ExecType.TRADE)), Decimal(0))

    def cancel(self, order: SubmitOrder, venue_order_id: str | None = None) -> CancelOrder:
        """Ask for it to be cancelled."""
        command = self.cancellation(order, venue_order_id)
        self.connector.cancel(command)
        return command

    def cancellation(self, order: SubmitOrder, venue_order_id: str | None = None) -> CancelOrder:
        """The command for it."""
        found = self.venue_id(order) if venue_order_id is None else venue_order_id
        return CancelOrder(order.client_order_id, order.symbol, found)

    def amend(self, order: SubmitOrder, quantity: Decimal | None = None, price: Decimal | None = None) -> None:
        """Ask for another quantity or price."""
        quantity, price = quantity or order.quantity, price or order.price
        found = self.venue_id(order)
        self.connector.amend(AmendOrder(order.client_order_id, order.symbol, found, order.side, quantity, price))

    async def find(self, order: SubmitOrder) -> OrderStatus | None:
        """What the venue says of it."""
        return await self.stage.run(self.account.find_order(order.symbol, order.client_order_id))

    def at_venue(self, order: SubmitOrder) -> list[Order]:
        """What the venue has under the order's own id: the truth."""
        orders = self.stage.account.orders.values()
        return [each for each in orders if order.client_order_id in (each.client_id, each.former_id)]

    def elsewhere(self, side: Side, quantity: Decimal, price: Decimal, client_id: str = "web_1") -> Order:
        """The owner of the account places an order by other means."""
        tags = {"type": "LIMIT", "tif": "GTC", "workingType": "CONTRACT_PRICE", "priceMatch": "NONE"}
        request = OrderRequest(
            symbol=self.stage.symbol, side=side, kind=Kind.LIMIT, quantity=quantity, price=price, client_id=client_id,
            tags=tags | {"reduceOnly": "false"},
        )  # fmt: skip
        return self.stage.loopback.engine.place(self.stage.account, request)

    async def agrees(self) -> None:
        """Everything that can be asked is what the venue knows, to the last digit; so is every fill that was told."""
        truth = self.stage.account
        balances = await self.stage.run(self.account.balances())
        assert balances is not None
        if isinstance(truth, SpotAccount):
            expected = {asset: held.total for asset, held in truth.balances.items() if held.total}
        else:
            assert isinstance(truth, FuturesAccount)
            expected = {asset: amount for asset, amount in truth.wallet.items() if amount}
            await self._agrees_on_positions(truth)
        assert {asset: amount for asset, amount in balances.items() if amount} == expected
        listed = await self.stage.run(self.account.open_orders())
        there = [order for orders in truth.open_orders.values() for order in orders.values()]
        assert sorted(_listed(each) for each in listed) == sorted(_there(each) for each in there)
        fills = await self.stage.run(self.account.fills(START_NS - 60 * NS_PER_SECOND))
        assert [_told(each) for each in fills] == [_happened(order, fill) for order, fill in truth.fills]
        self._reports_are_well_formed()
        trades = [each for each in self.reports if each.exec_type is ExecType.TRADE]
        assert {_told(each) for each in trades} <= {_told(each) for each in fills}
        assert len({_told(each) for each in trades}) == len(trades)

    def _reports_are_well_formed(self) -> None:
        now_ns = self.stage.clock.now_ns() + 60 * NS_PER_SECOND
        for report in self.reports:
            assert report.symbol in self.stage.venue.symbols
            assert START_NS - 60 * NS_PER_SECOND <= report.ts_event <= now_ns
            assert report.client_order_id or report.venue_order_id
            is_fill = report.exec_type is ExecType.TRADE
            assert is_fill is bool(report.trade_id) is (report.quantity > 0) is (report.price > 0)
            assert not is_fill or report.side in (Side.BUY, Side.SELL)

    async def _agrees_on_positions(self, truth: FuturesAccount) -> None:
        positions = await self.stage.run(self.account.positions())
        assert positions is not None
        held = [each for each in truth.positions.values() if each.amount]
        assert sorted((each.symbol, each.quantity) for each in positions) == sorted(
            (each.symbol, each.amount) for each in held
        )
        for each in positions:
            same = next(one for one in held if (one.symbol, one.amount) == (each.symbol, each.quantity))
            assert abs(each.average_price - same.entry_price) < Decimal("1e-8")


def _listed(status: OrderStatus) -> tuple[str, str, str, Decimal, Decimal, Decimal]:
    price = status.price or Decimal(0)
    side = status.side.value
    return status.client_order_id, status.symbol, side, status.quantity, price, status.filled_quantity


def _there(order: Order) -> tuple[str, str, str, Decimal, Decimal, Decimal]:
    return order.client_id, order.symbol, order.side.value, order.quantity - order.prevented, order.price, order.filled


def _told(report: ExecutionReport) -> tuple[Any, ...]:
    where = report.venue_order_id, report.symbol, report.side, report.trade_id
    return (*where, report.price, report.quantity, report.fee, report.fee_currency, report.liquidity.value == "maker")


def _happened(order: Order, fill: Fill) -> tuple[Any, ...]:
    where = str(order.id), order.symbol, order.side, str(fill.trade_id)
    return (*where, fill.price, fill.quantity, fill.fee, fill.fee_asset, fill.is_maker)


def is_open(orders: Sequence[Order]) -> bool:
    """Whether there is one, and it may still trade."""
    return any(order.status in (Status.NEW, Status.PARTIALLY_FILLED, Status.WAITING) for order in orders)


@asynccontextmanager
async def trading(stage: Stage, **params: Any) -> AsyncIterator[Trading]:
    """A connector that is started, until the block ends; an account that agrees with the venue's at the end."""
    exchange = await stage.exchange(**params)
    made = Trading(stage, exchange, exchange.get_execution_connector())
    await stage.run(made.connector.start())
    try:
        yield made
        stage.loopback.clear_faults()
        await made.agrees()
    finally:
        await stage.run(made.connector.stop())
