"""How much of an order a venue has the means for."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.instruments import Instrument
from quantai.oms.models import Order
from quantai.oms.routing.funds import room_at
from tests.oms.routing.scene import A, B, D, Scene, ask, listed

PERP = listed("a", "BTC/USDT:USDT", lot="1")
ETH = listed("a", "ETH/USDT")
ETH_BTC = listed("a", "ETH/BTC")


def working(side: Side, quantity: str, price: str | None, instrument: Instrument = A, strategy: str = "other") -> Order:
    """An order that is open."""
    limit = None if price is None else D(price)
    return Order("1", strategy, instrument, side, OrderType.LIMIT, D(quantity), limit, TimeInForce.GTC, "", 0)


def room(
    scene: Scene, side: Side, instrument: Instrument = A, *, buffer: str = "0", reduce_only: bool = False
) -> Decimal | None:
    """Room for an order at 100."""
    request = ask(side, symbol=instrument.symbol, reduce_only=reduce_only)
    return room_at(instrument, request, scene.view, D(100), D(buffer))


def test_spot_is_sold_where_the_coins_are() -> None:
    scene = Scene()
    scene.account.balances = {("a", "BTC"): D("1.5"), ("b", "BTC"): D(0)}
    assert room(scene, Side.SELL) == D("1.5")
    assert room(scene, Side.SELL, B) == 0


def test_spot_is_bought_where_the_cash_is() -> None:
    scene = Scene()
    scene.account.balances = {("a", "USDT"): D(303), ("b", "USDT"): D(-1)}
    assert room(scene, Side.BUY) == D("3.03")
    assert room(scene, Side.BUY, buffer="0.01") == D(3)
    assert room(scene, Side.BUY, B) == 0


def test_coins_that_open_sales_may_take_are_spoken_for() -> None:
    scene = Scene()
    scene.account.balances = {("a", "BTC"): D(5)}
    scene.open.orders = [
        working(Side.SELL, "1", "110"),
        working(Side.SELL, "1", "0.05", listed("a", "BTC/EUR")),
        working(Side.BUY, "1", "90"),
        working(Side.SELL, "1", "110", B),
        working(Side.SELL, "1", "110", ETH),
        working(Side.SELL, "1", "110", PERP),
    ]
    assert room(scene, Side.SELL) == 3
    scene.account.balances = {("a", "BTC"): D(1)}
    assert room(scene, Side.SELL) == 0


def test_cash_that_open_purchases_may_take_is_spoken_for() -> None:
    scene = Scene()
    scene.account.balances = {("a", "USDT"): D(1000)}
    scene.open.orders = [
        working(Side.BUY, "2", "90"),
        working(Side.BUY, "10", "2", ETH),
        working(Side.SELL, "1", "110"),
        working(Side.BUY, "1", "90", B),
        working(Side.BUY, "1", "0.05", ETH_BTC),
        working(Side.BUY, "1", "90", PERP),
    ]
    assert room(scene, Side.BUY) == D(8)


def test_a_purchase_at_the_market_takes_what_the_market_says() -> None:
    scene = Scene()
    scene.account.balances = {("a", "USDT"): D(1000)}
    scene.open.orders = [working(Side.BUY, "2", None)]
    assert room(scene, Side.BUY) == 10  # no price is known: risk will deny it
    scene.quote(A, 99, 101)
    assert room(scene, Side.BUY) == 8


def test_only_what_works_is_spoken_for() -> None:
    scene = Scene()
    scene.account.balances = {("a", "BTC"): D(5)}
    partly, kept, parent = (working(Side.SELL, "2", "110") for _ in range(3))
    partly.filled_quantity = D("1.5")
    kept.state, parent.is_parent = OrderState.SUSPENDED, True
    scene.open.orders = [partly, kept, parent]
    assert room(scene, Side.SELL) == D("4.5")


def test_margined_orders_are_left_to_risk_unless_they_only_reduce() -> None:
    scene = Scene()
    scene.account.positions = {("a", PERP.symbol): D(5)}
    assert room(scene, Side.BUY, PERP) is None
    assert room(scene, Side.SELL, PERP) is None
    assert room(scene, Side.SELL, PERP, reduce_only=True) == 5
    assert room(scene, Side.BUY, PERP, reduce_only=True) == 0
    scene.open.orders = [
        working(Side.SELL, "2", "110", PERP, strategy="alpha"),
        working(Side.BUY, "2", "90", PERP, strategy="alpha"),
        working(Side.SELL, "2", "110", A, strategy="alpha"),
        working(Side.SELL, "2", "110", listed("b", PERP.symbol), strategy="alpha"),
    ]
    assert room(scene, Side.SELL, PERP, reduce_only=True) == 3
    scene.account.positions = {("a", PERP.symbol): D(-5)}
    assert room(scene, Side.BUY, PERP, reduce_only=True) == 3
    scene.account.positions = {("a", PERP.symbol): D(-1)}
    assert room(scene, Side.BUY, PERP, reduce_only=True) == 0


def test_a_position_is_reduced_by_its_own_strategy_and_within_that_of_the_account() -> None:
    scene = Scene()
    key = ("a", PERP.symbol)
    scene.account.positions, scene.account.others = {key: D(5)}, {key: D(-3)}
    assert room(scene, Side.SELL, PERP, reduce_only=True) == 2
    scene.account.others = {key: D(3)}
    assert room(scene, Side.SELL, PERP, reduce_only=True) == 5
    scene.open.orders = [working(Side.SELL, "2", "110", PERP)]  # another strategy's
    assert room(scene, Side.SELL, PERP, reduce_only=True) == 5
    scene.open.orders *= 2
    assert room(scene, Side.SELL, PERP, reduce_only=True) == 4


def test_reducing_spot_needs_both_position_and_coins() -> None:
    scene = Scene()
    scene.account.balances, scene.account.positions = {("a", "BTC"): D(2)}, {("a", "BTC/USDT"): D(5)}
    assert room(scene, Side.SELL, reduce_only=True) == 2
    scene.account.positions = {("a", "BTC/USDT"): D(1)}
    assert room(scene, Side.SELL, reduce_only=True) == 1
    assert room(scene, Side.BUY, reduce_only=True) == 0
