"""What assembly builds of `routing`."""

from __future__ import annotations

from pathlib import Path

from quantai.oms.parents import RoutedOrders
from quantai.oms.routing import DirectOrders
from tests.assembly.world import BRIEF, graph_of

OKX_SPOT = "+instruments.okx_btc_usdt={venue: okx, symbol: BTC/USDT, tick_size: 0.1, lot_size: 0.0001}"
TWO_VENUES = (
    BRIEF, "strategies=[ema_cross]", OKX_SPOT, "strategies.ema_cross.instruments=[binance_btc_usdt,okx_btc_usdt]",
)  # fmt: skip
BOOKS = [f"market.{kind}.{venue}.BTC/USDT" for kind in ("book", "book_delta") for venue in ("binance", "okx")]


def test_by_rule_an_order_goes_straight_to_its_venue(tmp_path: Path) -> None:
    trading = graph_of(tmp_path, *TWO_VENUES, "routing.rules=[{venue: okx}]").trading
    assert trading is not None
    assert isinstance(trading.routed, RoutedOrders)  # for the parents of an earlier run
    routing = trading.runners[0].strategy._context.routing
    assert isinstance(routing, DirectOrders)
    listed = trading.runners[0].strategy.instruments
    assert routing.instrument("ema_cross", "BTC/USDT", listed).venue == "okx"


def test_smart_routing_follows_its_orders(tmp_path: Path) -> None:
    trading = graph_of(tmp_path, *TWO_VENUES, "routing=smart").trading
    assert trading is not None
    assert isinstance(trading.routed, RoutedOrders)
    assert trading.runners[0].strategy._context.routing is trading.routed


async def test_books_are_streamed_where_the_router_looks_at_them(tmp_path: Path) -> None:
    for routing, wanted in (("smart", BOOKS), ("simple", [])):
        graph = graph_of(tmp_path, *TWO_VENUES, f"routing={routing}")
        assert graph.trading is not None
        await graph.trading.books.start(graph.markets.bus)
        assert [topic for topic in BOOKS if graph.markets.bus.is_wanted(topic)] == wanted


async def test_of_an_instrument_of_one_venue_no_book_is_streamed(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, BRIEF, "strategies=[ema_cross]", "routing=smart")
    assert graph.trading is not None
    await graph.trading.books.start(graph.markets.bus)
    assert not graph.markets.bus.is_wanted("market.book.binance.BTC/USDT")
