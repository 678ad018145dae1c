"""What Binance answers of orders and fills, in FIX's words.

An answer with numbers or words that nobody can count with is no answer: `MalformedReply`.
Source: Binance Spot API, «ENUM definitions»; USD-M Futures, «Common definition».
"""

from __future__ import annotations

from decimal import Decimal

from quantai.core.enums import Liquidity, OrderState, OrderType, TimeInForce
from quantai.core.errors import NumberError
from quantai.core.numbers import ZERO, to_decimal
from quantai.exchanges.binance.orders import ALGO_PREFIX
from quantai.exchanges.binance.reports import SIDES, own_id
from quantai.exchanges.binance.rest_messages import RestAlgo, RestOrder, SpotFill, UsdmFill
from quantai.exchanges.errors import MalformedReply
from quantai.exchanges.execution import ExecType, ExecutionReport, OrderStatus
from quantai.exchanges.wire import check_numbers, ts_ns
from quantai.exchanges.words import States, Words

_STATES = States(
    "status",
    {
        "NEW": OrderState.NEW,
        "PENDING_NEW": OrderState.NEW,
        "PENDING_CANCEL": OrderState.NEW,
        "NEW_INSURANCE": OrderState.NEW,
        "NEW_ADL": OrderState.NEW,
        "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
        "FILLED": OrderState.FILLED,
        "CANCELED": OrderState.CANCELED,
        "REJECTED": OrderState.REJECTED,
        "EXPIRED": OrderState.EXPIRED,
        "EXPIRED_IN_MATCH": OrderState.EXPIRED,
    },
)
_ALGO_STATES = States(
    "status",
    {
        "NEW": OrderState.NEW,
        "TRIGGERING": OrderState.NEW,
        "TRIGGERED": OrderState.NEW,
        "CANCELED": OrderState.CANCELED,
        "REJECTED": OrderState.CANCELED,  # when triggered, having been accepted before
        "EXPIRED": OrderState.EXPIRED,
    },
)
_SPOT_TYPES = Words(
    "type",
    {
        "MARKET": OrderType.MARKET,
        "LIMIT": OrderType.LIMIT,
        "LIMIT_MAKER": OrderType.LIMIT,
        "STOP_LOSS": OrderType.STOP,
        "TAKE_PROFIT": OrderType.STOP,
        "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
        "TAKE_PROFIT_LIMIT": OrderType.STOP_LIMIT,
    },
)
_USDM_TYPES = Words(
    "type",
    {
        "MARKET": OrderType.MARKET,
        "LIQUIDATION": OrderType.MARKET,
        "LIMIT": OrderType.LIMIT,
        "STOP": OrderType.STOP_LIMIT,
        "TAKE_PROFIT": OrderType.STOP_LIMIT,
        "STOP_MARKET": OrderType.STOP,
        "TAKE_PROFIT_MARKET": OrderType.STOP,
        "TRAILING_STOP_MARKET": OrderType.STOP,
    },
)
_TIMES = {
    "GTC": TimeInForce.GTC,
    "GTD": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "GTX": TimeInForce.POST_ONLY,
    "RPI": TimeInForce.POST_ONLY,
}


def order_status(order: RestOrder, symbol: str, *, is_futures: bool) -> OrderStatus:
    """An order of either product. Raises `MalformedReply`."""
    try:
        check_numbers(order.orig_qty, order.executed_qty, order.price, order.prevented_quantity)
        ts_event = ts_ns(order.update_time or order.transact_time or order.time)
    except NumberError as error:
        raise MalformedReply(f"order {order.order_id}: {error}") from None
    whose = f"order {order.order_id}"
    state = _STATES.of(order.status, order.executed_qty, whose)
    order_type = (_USDM_TYPES if is_futures else _SPOT_TYPES).read(order.type, whose)
    is_maker = order.type == "LIMIT_MAKER"
    return OrderStatus(
        client_order_id=own_id(order.client_order_id), venue_order_id=str(order.order_id), symbol=symbol,
        side=SIDES[order.side], order_type=order_type,
        time_in_force=TimeInForce.POST_ONLY if is_maker else _TIMES.get(order.time_in_force, TimeInForce.GTC),
        quantity=_quantity(order, state), price=order.price if order_type.has_limit and order.price else None,
        state=state, filled_quantity=order.executed_qty, ts_event=ts_event,
    )  # fmt: skip


def _quantity(order: RestOrder, state: OrderState) -> Decimal:
    """The total as the stream tells it: less what was prevented while it is open; what was bought for an amount of
    quote currency.
    """
    if order.orig_quote_order_qty and state is OrderState.FILLED:
        return order.executed_qty
    return order.orig_qty - order.prevented_quantity if state.is_open else order.orig_qty


def algo_status(algo: RestAlgo, symbol: str, closing: Decimal = ZERO) -> OrderStatus:
    """A conditional order that is not another order yet; `closing` is the quantity where it closes the position. Raises
    `MalformedReply`.
    """
    try:
        quantity = to_decimal(algo.quantity or "0")
        price = to_decimal(algo.price or "0")
        ts_event = ts_ns(algo.update_time or algo.create_time)
    except NumberError as error:
        raise MalformedReply(f"algo order {algo.algo_id}: {error}") from None
    whose = f"algo order {algo.algo_id}"
    order_type = _USDM_TYPES.read(algo.order_type, whose)
    return OrderStatus(
        client_order_id=algo.client_algo_id, venue_order_id=f"{ALGO_PREFIX}{algo.algo_id}", symbol=symbol,
        side=SIDES[algo.side], order_type=order_type,
        time_in_force=_TIMES.get(algo.time_in_force, TimeInForce.GTC), quantity=quantity or closing,
        price=price if order_type.has_limit and price else None,
        state=_ALGO_STATES.read(algo.algo_status, whose), filled_quantity=ZERO, ts_event=ts_event,
    )  # fmt: skip


def fill_report(fill: SpotFill | UsdmFill, symbol: str) -> ExecutionReport:
    """A fill, under the same trade id as on the stream. Raises `MalformedReply`."""
    realized = fill.realized_pnl if isinstance(fill, UsdmFill) else None
    try:
        check_numbers(fill.price, fill.qty, fill.commission, realized or ZERO)
        ts_event = ts_ns(fill.time)
    except NumberError as error:
        raise MalformedReply(f"fill {fill.id}: {error}") from None
    return ExecutionReport(
        exec_type=ExecType.TRADE, client_order_id="", venue_order_id=str(fill.order_id), ts_event=ts_event,
        symbol=symbol, side=SIDES["BUY" if fill.is_buyer else "SELL"], trade_id=str(fill.id), price=fill.price,
        quantity=fill.qty, fee=fill.commission, fee_currency=fill.commission_asset,
        liquidity=Liquidity.MAKER if fill.is_maker else Liquidity.TAKER, realized_pnl=realized,
    )  # fmt: skip
