"""Groups at venues that do not take all that a group may need, and stops that rest at a venue."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.events import ErrorEvent
from quantai.exchanges.base import Capabilities
from quantai.exchanges.execution import ExecType
from quantai.oms.terms import VenueTerms
from tests.oms.contingent.world import Bench, D, asked

PLAIN = frozenset({OrderType.MARKET, OrderType.LIMIT})


def declare(bench: Bench, **declared: object) -> None:
    """Let the venue say what it can."""
    bench.orders._terms = VenueTerms({"binance": Capabilities(**{"order_types": PLAIN, **declared})})  # type: ignore[arg-type]


async def test_a_group_of_which_the_venue_does_not_take_all_leaves_nothing_behind() -> None:
    bench = await Bench().start()
    await bench.quote_at(100)
    declare(bench, time_in_force=frozenset({TimeInForce.GTC}))
    entry = replace(asked(Side.BUY, "1", "99"), time_in_force=TimeInForce.IOC)
    with pytest.raises(OrderError, match="binance takes no IOC orders, it takes GTC"):
        bench.contingent.bracket(entry, D(110), D(90))
    declare(bench, order_types=frozenset({OrderType.LIMIT}))
    with pytest.raises(OrderError, match="binance takes no market orders, it takes limit"):
        bench.contingent.oco(asked(Side.SELL, "1", "110"), D(90))
    assert list(bench.cache.open_orders()) == []
    assert bench.sent() == []


async def test_a_take_profit_that_cannot_grow_stays_and_the_new_stop_covers_the_rest() -> None:
    bench = await Bench().start()
    declare(bench, can_amend=False)
    placed = await bench.bracket()
    await bench.accept(placed.entry)
    await bench.trade(placed.entry, 4)
    bench.orders.cancel(placed.entry)
    await bench.say(placed.entry, ExecType.CANCELED)
    await bench.accept(placed.take_profit)
    await bench.trade(placed.entry, 2)  # after its end
    assert (placed.take_profit.state, placed.take_profit.quantity) == (OrderState.NEW, D(4))
    assert placed.stop_loss.quantity == 6
    assert bench.venue.amends == []


async def test_a_stop_at_the_venue_is_not_watched_here_and_its_end_is_told() -> None:
    bench = await Bench().start()
    declare(bench, order_types=frozenset(OrderType))
    stop = bench.orders.submit(replace(asked(Side.SELL, "1", None, "90"), at_venue=True))
    await bench.bus.join()
    await bench.accept(stop)
    await bench.quote_at(80)
    assert (stop.state, len(bench.sent()), bench.venue.cancels) == (OrderState.NEW, 1, [])
    await bench.say(stop, ExecType.EXPIRED, reason="the venue ended it")
    [failed] = [event for event in bench.events if isinstance(event, ErrorEvent)]
    assert (failed.error, "is not protected" in failed.message) == ("StopFailed", True)
