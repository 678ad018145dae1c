"""What the connectors of an account share: listings, their cache and changes, the time, keys that stay hidden."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from quantai.core.enums import InstrumentStatus
from quantai.core.errors import StartupError, UnknownInstrument
from quantai.events import InstrumentEvent, InstrumentStatusEvent, MarketEvent
from quantai.exchanges.base import ExchangeContext
from quantai.exchanges.binance import BinanceCoinm, BinanceSpot, BinanceUsdm
from quantai.exchanges.binance.exchange import BinanceExchange
from quantai.exchanges.binance.hosts import Environment
from quantai.exchanges.binance.product import COINM, SPOT, USDM, Product
from quantai.exchanges.doctor import Health
from quantai.exchanges.raw_import import MakesDecoders
from quantai.exchanges.registry import EXCHANGES
from quantai.exchanges.websocket.decoding import FrameDecoder
from quantai.instruments import Instrument
from tests.exchanges.binance.conftest import NOW_NS, World, btc_coin_perpetual, btc_perpetual, btc_usdt, spot_filters

D = Decimal
BTC = Instrument(venue="binance", symbol="BTC/USDT", tick_size=D("0.01"), lot_size=D("0.00001"))
ETH = {"symbol": "ETHUSDT", "baseAsset": "ETH"}


def lists(world: World, *rows: object) -> None:
    world.venue.answers["exchangeInfo"] = {"symbols": rows, "rateLimits": []}


async def test_after_start_symbols_and_time_are_known(world: World) -> None:
    exchange = world.exchange(BinanceSpot, BTC)
    await exchange.start()
    assert exchange._core.mapper.to_venue("BTC/USDT") == "BTCUSDT"
    assert exchange._core.mapper.to_unified("BTCUSDT") == "BTC/USDT"
    assert exchange._core.mapper.to_unified("ETHUSDT") is None
    assert exchange._core.venue_clock.now_ns() == NOW_NS + 250_000_000
    assert exchange._core.limiter.offset_ns == 250_000_000


async def test_futures_are_asked_at_their_own_paths(world: World) -> None:
    lists(world, btc_perpetual())
    exchange = world.exchange(BinanceUsdm)
    await exchange.start()
    assert exchange.listings.get("BTC/USDT:USDT").instrument.venue == "binance_usdm"


async def test_coinm_has_market_data_and_no_orders(world: World) -> None:
    lists(world, btc_coin_perpetual())
    exchange = world.exchange(BinanceCoinm)
    await exchange.start()
    instrument = exchange.listings.get("BTC/USD:BTC").instrument
    assert (instrument.venue, instrument.multiplier) == ("binance_coinm", D(100))
    assert instrument.inverse
    assert not exchange.capabilities.order_types
    with pytest.raises(StartupError, match="binance_coinm: COIN-M futures have market data here, and no order entry"):
        exchange.get_execution_connector()


async def test_coinm_is_examined_without_keys(world: World) -> None:
    lists(world, btc_coin_perpetual())
    perpetual = Instrument(
        venue="binance_coinm", symbol="BTC/USD:BTC", tick_size=D("0.1"), lot_size=D(1), multiplier=D(100), inverse=True
    )
    findings = {each.check: each for each in await world.exchange(BinanceCoinm, perpetual).examine()}
    assert (findings["reach"].health, findings["instruments"].health) == (Health.GOOD, Health.GOOD)
    assert "market data only" in findings["key"].text
    keyed = BinanceCoinm()
    keyed.bind(ExchangeContext("binance_coinm", api_key=SecretStr("k3y"), api_secret=SecretStr("s3cr3t")))
    assert (keyed._core.api_key, keyed._core.signer) == (None, None)


async def test_a_configured_symbol_that_is_not_listed_keeps_it_from_starting(world: World) -> None:
    lists(world, btc_usdt(), btc_usdt(**ETH))
    wrong = Instrument(venue="binance", symbol="BTC/USDTT", tick_size=D(1), lot_size=D(1))
    with pytest.raises(StartupError, match=r"binance lists no BTC/USDTT; did you mean BTC/USDT\?"):
        await world.exchange(BinanceSpot, wrong).start()


async def test_what_changed_is_told(world: World) -> None:
    lists(world, btc_usdt(), btc_usdt(**ETH))
    exchange = world.exchange()
    await exchange.start()
    assert world.told == []
    finer = spot_filters(PRICE_FILTER={"tickSize": "0.00100000"})
    lists(world, btc_usdt(status="BREAK"), btc_usdt(symbol="SOLUSDT", baseAsset="SOL", filters=finer))
    await exchange.listings.refresh()
    assert [event for event in world.told if isinstance(event, InstrumentStatusEvent)] == [
        InstrumentStatusEvent("binance", "BTC/USDT", NOW_NS, NOW_NS, InstrumentStatus.HALTED, "BREAK"),
        InstrumentStatusEvent("binance", "ETH/USDT", NOW_NS, NOW_NS, InstrumentStatus.DELISTED, "listed no more"),
        InstrumentStatusEvent("binance", "SOL/USDT", NOW_NS, NOW_NS, InstrumentStatus.TRADING, "TRADING"),
    ]
    changed = [event for event in world.told if isinstance(event, InstrumentEvent)]
    assert [(event.symbol, event.tick_size) for event in changed] == [("SOL/USDT", D("0.001"))]
    assert changed[0].topic == "market.instrument.binance.SOL/USDT"
    assert exchange._core.mapper.to_venue("ETH/USDT") == "ETHUSDT"  # orders may be left in it


async def test_another_filter_is_told_once(world: World) -> None:
    exchange = world.exchange()
    await exchange.start()
    lists(world, btc_usdt(filters=spot_filters(NOTIONAL={"minNotional": "7"})))
    await exchange.listings.refresh()
    await exchange.listings.refresh()
    assert [type(event) for event in world.told] == [InstrumentEvent]


async def test_it_is_asked_again_on_schedule(world: World) -> None:
    exchange = world.exchange(refresh="1ms")
    await exchange.start()
    while world.venue.times("exchangeInfo") < 3:
        await asyncio.sleep(0)


async def test_a_venue_that_cannot_be_asked_is_taken_as_it_was(world: World, caplog: pytest.LogCaptureFixture) -> None:
    lists(world, btc_usdt(), btc_usdt(symbol="OLDUSDT", baseAsset="OLD", status="BREAK"))
    first = world.exchange()
    await first.start()
    world.clock.set_time(NOW_NS + 2 * 3_600_000_000_000)
    world.venue.status = 400
    second = world.exchange(BinanceSpot, BTC)
    await second.start()
    assert second.listings.by_symbol == first.listings.by_symbol
    assert "as it was 2026-05-28T20:26:40Z, 2.0 h ago" in caplog.text
    assert "the time at binance is not known, ours is taken" in caplog.text


@pytest.mark.parametrize(
    "damage", ["", "{", '{"version": 1}', "null", '{"version":9,"source":"","taken_ns":1,"listings":[]}']
)
async def test_a_cache_that_cannot_be_read_is_none(world: World, damage: str) -> None:
    world.venue.status = 400
    cache = world.folder / "cache" / "binance.listing.json"
    cache.parent.mkdir()
    cache.write_text(damage)
    with pytest.raises(StartupError, match="binance cannot be asked what it lists .* nothing is known from before"):
        await world.exchange().start()


async def test_what_another_environment_lists_is_not_taken(world: World) -> None:
    await world.exchange().start()
    elsewhere = world.exchange(hosts={"rest": "http://127.0.0.1:1"})
    with pytest.raises(StartupError, match="nothing is known from before"):
        await elsewhere.start()


async def test_a_reply_without_one_good_symbol_changes_nothing(world: World) -> None:
    exchange = world.exchange()
    await exchange.start()
    lists(world, 5)
    assert await exchange.list_instruments() == exchange.listings.by_symbol
    assert exchange.listings.failures == 1
    with pytest.raises(UnknownInstrument, match="binance lists no ETH/USDT"):
        exchange.listings.get("ETH/USDT")


async def test_instruments_can_be_listed_without_a_start(world: World) -> None:
    listed = await world.exchange().list_instruments()
    assert listed["BTC/USDT"].instrument.tick_size == D("0.01")


def test_secrets_are_in_no_text_of_an_exchange() -> None:
    exchange = BinanceSpot()
    exchange.bind(ExchangeContext("binance", api_key=SecretStr("k3y"), api_secret=SecretStr("s3cr3t")))
    assert not {"k3y", "s3cr3t"} & {*repr(exchange._core).replace("'", " ").replace(")", " ").split()}
    assert "s3cr3t" not in repr(exchange._core) + repr(vars(exchange))


@pytest.mark.parametrize(("name", "product"), [("binance", SPOT), ("binance_usdm", USDM), ("binance_coinm", COINM)])
def test_all_are_registered_with_hosts_for_every_environment(name: str, product: Product) -> None:
    exchange = EXCHANGES.find(name)
    assert set(product.hosts) == set(Environment) == exchange.capabilities.environments
    assert exchange.capabilities.lists_instruments


def test_weights_grow_with_what_is_asked() -> None:
    assert [SPOT.weights.depth.weight(limit) for limit in (5, 100, 101, 500, 1000, 5000)] == [5, 5, 25, 25, 50, 250]
    assert [USDM.weights.depth.weight(limit) for limit in (50, 100, 500, 1000)] == [2, 5, 10, 20]
    assert [USDM.weights.klines.weight(limit) for limit in (99, 100, 499, 500, 1000, 1001)] == [1, 2, 2, 5, 5, 10]


def test_an_order_is_paid_for_in_every_budget_that_counts_it() -> None:
    assert SPOT.costs(1, orders=1) == {"REQUEST_WEIGHT_1M": 1, "RAW_REQUESTS_5M": 1, "ORDERS_10S": 1, "ORDERS_1D": 1}
    assert USDM.costs(0, orders=1) == {"ORDERS_10S": 1, "ORDERS_1M": 1}


@pytest.mark.parametrize(
    ("kind", "params", "why"),
    [
        (BinanceSpot, {"countdown": "10s"}, "countdown: spot has no countdown"),
        (BinanceCoinm, {"countdown": "10s"}, "countdown: coinm has no countdown"),
        (BinanceUsdm, {"market_data": {"bar_intervals": ["1s", "1m"]}}, "Binance has no bars of 1s"),
        (BinanceSpot, {"market_data": {"partial_depth": 7}}, "market_data: partial_depth must be 0 or one of"),
    ],
)
def test_what_binance_does_not_have_is_refused(kind: type[BinanceExchange], params: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        kind(**params).validate_params()


async def test_it_can_be_examined_and_reads_recorded_frames(world: World) -> None:
    exchange = world.exchange(BinanceSpot, BTC)
    findings = {each.check: each for each in await exchange.examine()}
    assert (findings["reach"].health, findings["instruments"].health) == (Health.GOOD, Health.GOOD)
    events: list[MarketEvent] = []
    decoder = exchange.frame_decoder(events.append)
    assert isinstance(decoder, FrameDecoder)
    assert isinstance(exchange, MakesDecoders)
