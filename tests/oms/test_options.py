"""What an order may say that only its venue knows, and what of it a venue takes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.errors import NumberError, OrderError
from quantai.core.numbers import Number
from quantai.events import OrderStateEvent, OrderSubmittedEvent, OrderSuspendedEvent
from quantai.exchanges.base import Capabilities
from quantai.exchanges.execution import ExecType
from quantai.oms.models import Order, OrderRequest
from quantai.oms.options import make_options, options_text, read_options
from quantai.oms.snapshot import order_state
from tests.oms.remote_world import Here, There
from tests.oms.world import PERP, SPOT, D, World

ABLE = Capabilities(
    order_types=frozenset(OrderType), time_in_force=frozenset(TimeInForce),
    order_options=frozenset({"icebergQty", "workingType"}), can_amend=True, can_reduce_only=True,
)  # fmt: skip
POOR = Capabilities(
    order_types=frozenset({OrderType.MARKET, OrderType.LIMIT}), time_in_force=frozenset({TimeInForce.IOC})
)
OPTIONS = (("icebergQty", "0.1"), ("workingType", "MARK_PRICE"))
TEXT = '{"icebergQty":"0.1","workingType":"MARK_PRICE"}'


def asked(kind: str, price: str | None = None, trigger: str | None = None, **fields: Any) -> OrderRequest:
    side = fields.pop("side", Side.SELL)
    return OrderRequest(
        "alpha", fields.pop("instrument", SPOT), side, OrderType(kind), D(1), None if price is None else D(price),
        trigger_price=None if trigger is None else D(trigger), **fields,
    )  # fmt: skip


def world(**capabilities: Capabilities) -> World:
    return World(capabilities=capabilities)


# Options


def test_options_are_sorted_texts() -> None:
    given: dict[str, Number] = {
        "workingType": "MARK_PRICE",
        "priceProtect": True,
        "off": False,
        "n": 7,
        "icebergQty": Decimal("1E-3"),
    }
    assert make_options(given) == (
        ("icebergQty", "0.001"), ("n", "7"), ("off", "false"), ("priceProtect", "true"), ("workingType", "MARK_PRICE"),
    )  # fmt: skip
    assert make_options({"rate": 0.1}) == (("rate", "0.1"),)
    assert make_options({}) == ()
    assert make_options({"x" * 100: "y" * 100, **{str(number): 1 for number in range(31)}})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"": "x"}, "1 to 100 characters as its name: ''"),
        ({"a": ""}, "1 to 100 characters as its a: ''"),
        ({"a": "x" * 101}, "1 to 100 characters as its a"),
        ({"x" * 101: "a"}, "1 to 100 characters as its name"),
        ({"a": "é"}, "plain text"),
        ({"a": "one\ntwo"}, "plain text"),
        ({"a": "\0"}, "plain text"),
        ({str(number): "1" for number in range(33)}, "an order has at most 32 options, not 33"),
    ],
)
def test_what_is_no_plain_short_text_is_no_option(given: dict[str, Any], words: str) -> None:
    with pytest.raises(OrderError, match=words):
        make_options(given)


def test_a_number_that_is_none_is_no_option() -> None:
    with pytest.raises(NumberError, match="order option icebergQty must be finite, not NaN"):
        make_options({"icebergQty": float("nan")})
    with pytest.raises(NumberError, match="order option icebergQty must be a number, not None"):
        make_options({"icebergQty": None})  # type: ignore[dict-item]


def test_options_travel_as_json() -> None:
    assert (options_text(()), read_options("")) == ("", ())
    assert options_text(OPTIONS) == TEXT
    assert read_options(TEXT) == OPTIONS
    for text in ("[]", '{"a": 1}', "no", "{"):
        with pytest.raises(OrderError, match="^order options are a JSON object of texts: "):
            read_options(text)


# What goes out


def test_options_go_to_the_venue_and_are_told() -> None:
    daemon = world(binance=ABLE)
    order = daemon.orders.submit(asked("limit", "100", options=OPTIONS))
    [sent] = daemon.venues["binance"].submitted
    assert (order.options, sent.options, sent.trigger_price, sent.order_type) == (OPTIONS, OPTIONS, None, "limit")
    [event] = [each for each in daemon.events if isinstance(each, OrderSubmittedEvent)]
    assert (event.options, event.at_venue) == (TEXT, False)


@pytest.mark.parametrize(("kind", "price"), [("stop", None), ("stop_limit", "89")])
def test_a_stop_at_the_venue_is_checked_and_sent_at_once(kind: str, price: str | None) -> None:
    daemon = world(binance=ABLE)
    order, [other] = (
        daemon.orders.submit(asked(kind, price, "90", at_venue=True)),
        daemon.orders.submit_all([asked(kind, price, "91", at_venue=True)]),
    )
    assert (order.state, order.at_venue, order.is_sent, other.is_sent) == (OrderState.PENDING_NEW, True, True, True)
    first, second = daemon.venues["binance"].submitted
    assert (first.order_type, first.trigger_price, first.price) == (kind, D(90), None if price is None else D(price))
    assert second.trigger_price == D(91)
    [event, _] = [each for each in daemon.events if isinstance(each, OrderSubmittedEvent)]
    assert (event.trigger_price, event.at_venue, event.options) == (D(90), True, "")


def test_a_stop_that_is_kept_here_goes_out_as_what_it_becomes() -> None:
    daemon = world(binance=ABLE)
    order = daemon.orders.submit(asked("stop", None, "90", options=OPTIONS))
    assert (order.state, order.at_venue) == (OrderState.SUSPENDED, False)
    [event] = [each for each in daemon.events if isinstance(each, OrderSuspendedEvent)]
    assert event.options == TEXT
    daemon.orders.release(order, "the bid fell to 90")
    [sent] = daemon.venues["binance"].submitted
    assert (sent.order_type, sent.trigger_price, sent.options) == (OrderType.MARKET, None, OPTIONS)


def test_a_simulated_venue_keeps_no_stops_so_they_are_kept_here() -> None:
    daemon = world()
    order = daemon.orders.submit(asked("stop", None, "90", at_venue=True, options=(("anything", "goes"),)))
    assert (order.state, order.at_venue) == (OrderState.SUSPENDED, False)
    daemon.orders.release(order, "the bid fell to 90")
    [sent] = daemon.venues["binance"].submitted
    assert (sent.order_type, sent.trigger_price) == (OrderType.MARKET, None)


def test_a_trailing_stop_has_no_trigger_price_and_rests_at_a_venue_that_can() -> None:
    trailing = asked("stop", at_venue=True, options=(("workingType", "MARK_PRICE"),))
    daemon = world(binance=ABLE)
    daemon.orders.submit(trailing)
    [sent] = daemon.venues["binance"].submitted
    assert (sent.order_type, sent.trigger_price) == (OrderType.STOP, None)
    with pytest.raises(OrderError, match="^binance is simulated and keeps no stops: give a trigger price$"):
        world().orders.submit(trailing)


# What is refused before anything is sent


@pytest.mark.parametrize(
    ("kind", "price", "trigger", "fields", "words"),
    [
        ("limit", "1", None, {"at_venue": True}, "a limit order takes no at_venue"),
        ("stop", None, None, {"at_venue": True}, "a stop order needs a trigger price"),
        ("stop", None, None, {"options": OPTIONS}, "a stop order needs a trigger price"),
        ("stop", None, "0", {"at_venue": True}, "the trigger price of an order must be above 0, not 0"),
        ("stop", None, "-1", {"at_venue": True}, "the trigger price of an order must be above 0, not -1"),
        ("stop", None, "nan", {"at_venue": True}, "the trigger price of an order must be a number, not NaN"),
    ],
)
def test_what_is_no_order_at_any_venue(
    kind: str, price: str | None, trigger: str | None, fields: dict[str, Any], words: str
) -> None:
    daemon = world(binance=ABLE)
    with pytest.raises(OrderError, match=f"^{words}$"):
        daemon.orders.submit(asked(kind, price, trigger, **fields))
    assert daemon.events == []


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (asked("market", options=(("icebergqty", "1"),)), "okx has no order option 'icebergqty': it has none"),
        (asked("limit", "1"), "okx takes no GTC orders, it takes IOC"),
        (asked("market", time_in_force=TimeInForce.FOK), "okx takes no FOK orders, it takes IOC"),
        (asked("stop", None, "1", at_venue=True),
         "okx takes no stop orders, it takes limit, market: without at_venue a stop is kept here"),
        (asked("market", reduce_only=True),
         "okx has no reduce-only orders: leave reduce_only out, and see to the quantity"),
    ],
)  # fmt: skip
def test_what_the_venue_does_not_take(request_: OrderRequest, words: str) -> None:
    daemon = world(okx=POOR)
    refused = replace(request_, instrument=PERP)
    for act in (daemon.orders.submit, daemon.orders.check, lambda each: daemon.orders.submit_all([each])):
        with pytest.raises(OrderError, match=f"^{words}$"):
            act(refused)
    assert daemon.events == []
    assert list(daemon.cache.open_orders()) == []


def test_a_kept_stop_must_be_what_the_venue_takes_when_it_is_released() -> None:
    limits_only = Capabilities(order_types=frozenset({OrderType.LIMIT, OrderType.STOP}))
    with pytest.raises(OrderError, match="^binance takes no market orders, it takes limit, stop$"):
        world(binance=limits_only).orders.submit(asked("stop", None, "90"))


def test_near_misses_are_named() -> None:
    with pytest.raises(OrderError, match="^binance has no order option 'icebergQtty'; did you mean 'icebergQty'"):
        world(binance=ABLE).orders.submit(asked("limit", "100", options=(("icebergQtty", "1"),)))
    with pytest.raises(OrderError, match="^binance has no order option 'zz': it has icebergQty, workingType$"):
        world(binance=ABLE).orders.submit(asked("limit", "100", options=(("zz", "1"),)))


def test_market_orders_need_no_time_in_force_and_spot_sales_reduce_anyway() -> None:
    daemon = world(binance=POOR, okx=POOR)
    daemon.traded(Side.BUY, "1")
    assert daemon.orders.submit(asked("market", reduce_only=True)).is_sent
    assert daemon.orders.submit(asked("market", instrument=PERP)).is_sent
    with pytest.raises(OrderError, match="binance has no reduce-only orders"):
        daemon.orders.submit(asked("market", side=Side.BUY, reduce_only=True))


def test_what_a_venue_does_not_declare_passes_but_for_stops_at_it() -> None:
    daemon = world(binance=Capabilities())
    daemon.traded(Side.BUY, "2")
    order = daemon.orders.submit(
        asked("limit", "100", options=(("any", "1"),), reduce_only=True, time_in_force=TimeInForce.FOK)
    )
    assert order.is_sent
    daemon.report(order, ExecType.NEW)
    daemon.orders.amend(order, D(2))
    assert len(daemon.venues["binance"].amends) == 1
    with pytest.raises(OrderError, match="^binance takes no stop orders, it takes none: without at_venue"):
        daemon.orders.submit(asked("stop", None, "90", at_venue=True))


def test_options_count_even_where_no_order_types_are_declared() -> None:
    daemon = world(binance=Capabilities(order_options=frozenset({"one"})))
    assert daemon.orders.submit(asked("limit", "100", options=(("one", "1"),))).is_sent
    with pytest.raises(OrderError, match="binance has no order option 'another'"):
        daemon.orders.submit(asked("limit", "100", options=(("another", "1"),)))


def test_what_cannot_be_amended_is_told_before_anything_is_sent() -> None:
    daemon = world(binance=POOR, okx=ABLE)
    order = daemon.orders.submit(asked("limit", "100", time_in_force=TimeInForce.IOC))
    daemon.report(order, ExecType.NEW)
    with pytest.raises(OrderError, match=f"^binance cannot amend orders: cancel {order.client_order_id} and place"):
        daemon.orders.amend(order, D(2))
    assert (order.state, order.change, daemon.venues["binance"].amends) == (OrderState.NEW, None, [])
    other = daemon.orders.submit(asked("limit", "100", instrument=PERP))
    daemon.report(other, ExecType.NEW)
    daemon.orders.amend(other, D(2))
    assert len(daemon.venues["okx"].amends) == 1
    kept = daemon.orders.submit(asked("stop_limit", "89", "90", time_in_force=TimeInForce.IOC))
    daemon.orders.amend(kept, D(2))
    assert kept.quantity == 2


# Where strategies run in another daemon


async def test_options_travel_to_the_daemon_that_executes_and_back() -> None:
    there = There({"binance": ABLE})
    here = await Here(there).start()
    order = here.orders.submit(asked("stop", None, "90", at_venue=True, options=OPTIONS))
    here.exchange()
    [sent] = there.world.venues["binance"].submitted
    assert (sent.order_type, sent.trigger_price, sent.options) == (OrderType.STOP, D(90), OPTIONS)
    told = order_state(there.order(order), "s1", 1)
    assert (told.options, told.at_venue) == (TEXT, True)
    again = await Here(there, session=2).start()
    found = again.orders.find(order.client_order_id)
    assert found is not None
    assert (found.options, found.at_venue) == (OPTIONS, True)
    assert isinstance(told, OrderStateEvent)


async def test_what_the_venue_does_not_take_is_denied_by_the_daemon_that_executes() -> None:
    there = There({"binance": POOR})
    here = await Here(there).start()
    order = here.orders.submit(asked("limit", "100", options=OPTIONS, time_in_force=TimeInForce.IOC))
    here.exchange()
    assert order.state is OrderState.DENIED
    assert order.reason == "INVALID_REQUEST: binance has no order option 'icebergQty': it has none"
    assert there.venue_ids == []


async def test_a_stop_that_the_other_side_keeps_itself_is_known_as_kept() -> None:
    there = There()
    here = await Here(there).start()
    order: Order = here.orders.submit(asked("stop", None, "90", at_venue=True))
    assert order.at_venue
    here.exchange()
    assert (order.state, order.at_venue) == (OrderState.SUSPENDED, False)
