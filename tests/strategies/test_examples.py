"""The example strategies do what their first lines say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from quantai.core.enums import Liquidity, Side, TimeInForce
from quantai.events import BarEvent, OrderFilledEvent, OrderSubmittedEvent
from quantai.instruments import Instrument
from quantai.oms.models import Order
from quantai.oms.risk import RiskCheck, RiskView
from quantai.strategy import BaseStrategy
from strategies.channel_breakout import ChannelBreakout
from strategies.cross_venue_spread import CrossVenueSpread
from strategies.ema_cross import EmaCross
from strategies.market_maker import MarketMaker
from tests.oms.world import BTC, PERP, SPOT, D
from tests.strategy.stage import Stage

FOLDER = Path(__file__).parents[2] / "strategies"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_has_fewer_than_fifty_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 50


@pytest.mark.parametrize(
    ("strategy", "params"),
    [
        (EmaCross, {"fast": 30, "slow": 30}),
        (EmaCross, {"fast": 0}),
        (EmaCross, {"quantity": 0}),
        (CrossVenueSpread, {}),
        (CrossVenueSpread, {"notional": 1, "entry_bps": 5, "exit_bps": 5}),
        (MarketMaker, {"quantity": 1}),
        (ChannelBreakout, {"lookback": 1}),
        (ChannelBreakout, {"risk": 0}),
        (ChannelBreakout, {"reward": 0}),
        (MarketMaker, {"quantity": 1, "max_position": -1}),
    ],
)
def test_senseless_parameters_are_refused(strategy: type[BaseStrategy], params: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, ValueError)):
        strategy(**params).validate_params()


def sent(stage: Stage) -> list[tuple[str, Side, str]]:
    """Venue, side and quantity of all orders."""
    return [(e.venue, e.side, str(e.quantity)) for e in stage.events if isinstance(e, OrderSubmittedEvent)]


def fill_of(quantity: str) -> OrderFilledEvent:
    """What changes the strategy's position in BTC/USDT at binance by `quantity`, such as a fee that was taken of it."""
    size = D(quantity)
    return OrderFilledEvent(
        "o", "alpha", "binance", "BTC/USDT", 0, 0, "", "t", Side.BUY if size > 0 else Side.SELL, D(100), abs(size),
        abs(size), D(0), D(0), "USDT", Liquidity.TAKER,
    )  # fmt: skip


# EmaCross


async def closes(stage: Stage, *prices: float) -> None:
    for price in prices:
        await stage.tick(price, price + 0.01)
        now = stage.clock.now_ns()
        await stage.show(BarEvent("binance", "BTC/USDT", now, now, 60, price, price, price, price, 1.0))


async def test_ema_cross_is_long_while_the_fast_average_is_above_the_slow_one() -> None:
    stage = await Stage(EmaCross(fast=2, slow=4, quantity="0.5"), bar_interval_ns=60).start()
    await closes(stage, 100, 101, 102)
    assert sent(stage) == []  # fewer bars than the slow average needs
    await closes(stage, 103, 104)
    assert sent(stage) == [("binance", Side.BUY, "0.500")]
    await closes(stage, 90, 80)
    assert sent(stage)[1:] == [("binance", Side.SELL, "0.500")]
    await closes(stage, 70, 60)
    assert len(sent(stage)) == 2
    assert stage.portfolio.position("binance", "BTC/USDT") == 0


async def test_ema_cross_buys_what_is_missing_of_its_quantity() -> None:
    stage = Stage(EmaCross(fast=1, slow=2, quantity="150"), bar_interval_ns=60)  # the quote has 100
    await stage.start()
    await closes(stage, 100, 101)
    assert stage.portfolio.position("binance", "BTC/USDT") == 100
    await closes(stage, 102, 103)
    assert stage.portfolio.position("binance", "BTC/USDT") == 150


async def test_ema_cross_does_not_ask_for_what_a_fee_in_kind_left_too_small_to_trade() -> None:
    stage = await Stage(EmaCross(fast=1, slow=2, quantity="0.5"), bar_interval_ns=60).start()
    await closes(stage, 100, 101)
    stage.portfolio.book_fill(fill_of("-0.0005"))
    await closes(stage, 102, 103)
    assert stage.portfolio.position("binance", "BTC/USDT") == D("0.4995")
    await closes(stage, 90, 80, 70)
    assert stage.portfolio.position("binance", "BTC/USDT") == D("0.0005")
    assert sent(stage) == [("binance", Side.BUY, "0.500"), ("binance", Side.SELL, "0.499")]


# ChannelBreakout


async def test_breakout_enters_above_the_range_with_both_exits_in_place() -> None:
    strategy = ChannelBreakout(lookback=2, quantity="1", reward="0.02", risk="0.01")
    stage = await Stage(strategy, bar_interval_ns=60).start()
    await closes(stage, 100, 101, 101)
    assert sent(stage) == []  # the range is not left by a close at its high
    await closes(stage, 102)
    assert sent(stage) == [("binance", Side.BUY, "1.000"), ("binance", Side.SELL, "1.000")]
    limit, stop = stage.orders.open_orders()
    assert [limit.price, stop.trigger_price] == [D("104.04"), D("100.98")]
    await closes(stage, 103)
    assert len(sent(stage)) == 2  # one at a time
    await stage.tick(105, 105.01)
    assert stage.portfolio.position("binance", "BTC/USDT") == 0
    assert stage.orders.open_orders() == []


async def test_breakout_gets_out_at_its_stop() -> None:
    strategy = ChannelBreakout(lookback=2, quantity="1", reward="0.02", risk="0.01")
    stage = await Stage(strategy, bar_interval_ns=60).start()
    await closes(stage, 100, 101, 102)
    assert stage.portfolio.position("binance", "BTC/USDT") == 1
    await closes(stage, 100.9)
    assert stage.portfolio.position("binance", "BTC/USDT") == 0
    assert strategy.open_orders == []


# MarketMaker


def quotes(stage: Stage) -> dict[Side, tuple[str, str]]:
    """Price and quantity of what rests, by side."""
    return {order.side: (str(order.price), str(order.quantity)) for order in stage.orders.open_orders()}


async def maker(price: float = 1000.0, **params: Any) -> Stage:
    defaults = {"quantity": 5, "max_position": 10, "half_spread_bps": 10, "skew_bps": 10, "tolerance_bps": 2}
    stage = await Stage(MarketMaker(**(defaults | params)), (PERP,)).start()
    await refresh(stage, price)
    return stage


async def refresh(stage: Stage, price: float) -> None:
    await stage.tick(price - 0.1, price + 0.1, PERP)
    await stage.show(wait_ns=4 * 10**9)


async def test_market_maker_quotes_both_sides_of_the_middle_without_taking() -> None:
    stage = await maker()
    assert quotes(stage) == {Side.BUY: ("999.0", "5.00"), Side.SELL: ("1001.0", "5.00")}
    assert {order.time_in_force for order in stage.orders.open_orders()} == {TimeInForce.POST_ONLY}


async def test_market_maker_follows_the_price_but_not_every_step() -> None:
    stage = await maker()
    before = stage.orders.open_orders()
    await refresh(stage, 1000.2)
    assert stage.orders.open_orders() == before
    await refresh(stage, 1001)
    assert quotes(stage) == {Side.BUY: ("1000.0", "5.00"), Side.SELL: ("1002.0", "5.00")}
    assert {order.state for order in before} == {"CANCELED"}


async def test_market_maker_leans_against_what_it_holds_and_stops_at_its_limit() -> None:
    stage = await maker()
    await refresh(stage, 998.5)  # the bid is hit
    assert stage.portfolio.position("okx", PERP.symbol) == 5
    # Half full: the middle leans 5 bps down, 0.5 below the price.
    assert quotes(stage) == {Side.BUY: ("997.0", "5.00"), Side.SELL: ("999.0", "5.00")}
    await refresh(stage, 996.5)
    assert stage.portfolio.position("okx", PERP.symbol) == 10
    assert set(quotes(stage)) == {Side.SELL}


async def test_market_maker_waits_for_a_quote() -> None:
    stage = await Stage(MarketMaker(quantity=1, max_position=5), (PERP,)).start()
    await stage.show(wait_ns=10**10)
    assert sent(stage) == []


# CrossVenueSpread


class NothingAtOkx(RiskCheck):
    """Lets nothing be opened at okx."""

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        return "not here" if order.venue == "okx" else None


async def spread(*, instruments: tuple[Instrument, ...] = (SPOT, BTC)) -> Stage:
    return await Stage(CrossVenueSpread(notional=100, entry_bps=100, exit_bps=10), instruments).start()


async def prices(stage: Stage, first: float, second: float, other: Instrument = BTC) -> None:
    await stage.tick(first, first, SPOT)
    await stage.tick(second, second, other)


def held(stage: Stage, other: Instrument = BTC) -> tuple[object, object]:
    return stage.portfolio.position("binance", "BTC/USDT"), stage.portfolio.position("okx", other.symbol)


async def test_spread_sells_the_dear_and_buys_the_cheap_and_closes_when_they_meet() -> None:
    stage = await spread()
    await prices(stage, 100, 100)
    await prices(stage, 100.9, 100)
    assert sent(stage) == []
    await prices(stage, 101.1, 100)
    assert held(stage) == (D("-0.989"), D("0.9891"))
    await prices(stage, 100.5, 100)
    assert len(sent(stage)) == 2
    await prices(stage, 100.1, 100)
    assert held(stage) == (0, 0)
    assert stage.strategy.open_orders == []


async def test_spread_goes_the_other_way_when_the_first_is_cheap_and_counts_contracts() -> None:
    stage = await spread(instruments=(SPOT, PERP))
    await stage.tick(100, 100, SPOT)
    await stage.tick(102, 102, PERP)
    assert held(stage, PERP) == (D(1), D(-100))


async def test_spread_closes_when_the_premium_jumps_past_zero() -> None:
    stage = await spread()
    await prices(stage, 101.1, 100)
    await prices(stage, 99.5, 100)
    assert held(stage) == (0, 0)


async def test_spread_does_not_keep_one_leg_alone() -> None:
    stage = await Stage(
        CrossVenueSpread(notional=100, entry_bps=100, exit_bps=10), (SPOT, BTC), checks=[NothingAtOkx()]
    ).start()
    for _ in range(4):
        await prices(stage, 101.1, 100)
    assert held(stage) == (0, 0)
    assert sent(stage) == [("binance", Side.SELL, "0.989"), ("binance", Side.BUY, "0.989")]


async def test_spread_takes_what_a_fee_left_of_a_leg_for_none_and_opens_again() -> None:
    stage = await spread()
    await prices(stage, 101.1, 100)
    stage.portfolio.book_fill(fill_of("0.0005"))
    for _ in range(3):
        await prices(stage, 100, 100)
    assert held(stage) == (D("-0.0005"), 0)  # less than a lot
    assert len(sent(stage)) == 4
    await prices(stage, 101.1, 100)
    assert len(sent(stage)) == 6
