"""The venue inside the process, on a clock that its sleeps move."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from quantai.core.clock import SimulatedClock
from quantai.core.errors import ConfigError, StartupError
from quantai.events import MarketEvent, TickEvent
from quantai.exchanges import synthetic
from quantai.exchanges.base import Exchange, ExchangeContext
from quantai.exchanges.registry import EXCHANGES, ExchangeRegistry
from quantai.exchanges.synthetic import SyntheticExchange, SyntheticMarketData
from quantai.instruments import Instrument
from tests.oms.world import START_NS, D

PAIR = Instrument(venue="synthetic", symbol="BTC/USDT", tick_size=D("0.01"), lot_size=D("0.00001"))
TOPICS = ["market.tick.synthetic.BTC/USDT", "market.trade.synthetic.BTC/USDT"]


class Enough(Exception):
    """Ends the endless stream."""


async def stream(monkeypatch: pytest.MonkeyPatch, count: int, seed: int = 1) -> tuple[list[MarketEvent], list[int]]:
    """The first events of a synthetic venue, and when they came."""
    clock = SimulatedClock(START_NS)
    events: list[MarketEvent] = []
    times: list[int] = []

    async def sleep(seconds: float) -> None:
        clock.set_time(clock.now_ns() + round(seconds * 1e9))

    def sink(event: MarketEvent) -> None:
        events.append(event)
        times.append(clock.now_ns())
        if len(events) == count:
            raise Enough

    data = SyntheticMarketData(ExchangeContext("synthetic", [PAIR], seed), {"BTC": 65_000.0}, clock)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    await data.start(TOPICS, sink)
    with pytest.raises(Enough):
        await data.run()
    return events, times


async def test_each_event_comes_when_its_time_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    events, times = await stream(monkeypatch, 500)
    assert [event.ts_init for event in events] == sorted(event.ts_init for event in events)
    late = [now - event.ts_init for event, now in zip(events, times, strict=True)]
    assert min(late) >= -1_000  # a sleep in float seconds keeps no single nanoseconds
    assert max(late) <= 1_000
    assert {event.topic for event in events} == set(TOPICS)


async def test_the_same_seed_gives_the_same_market(monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = await stream(monkeypatch, 100)
    again, _ = await stream(monkeypatch, 100)
    other, _ = await stream(monkeypatch, 100, seed=2)
    assert first == again
    assert first != other


async def test_the_next_day_begins_at_the_prices_of_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "_ONE_DAY_NS", 60 * 10**9)
    events, _ = await stream(monkeypatch, 6_000)
    ticks = [event for event in events if isinstance(event, TickEvent)]
    assert ticks[-1].ts_init - ticks[0].ts_init > 70 * 10**9
    assert max(abs(other.mid / one.mid - 1) for one, other in pairwise(ticks)) < 0.002


async def test_an_asset_without_a_price_is_told_when_it_starts() -> None:
    exchange = SyntheticExchange(assets={"ETH": {"start_price": 3000}})
    exchange.bind(ExchangeContext("synthetic", [PAIR]))
    with pytest.raises(StartupError, match="exchanges.synthetic.assets has no BTC"):
        await exchange.get_market_data_connector().start(TOPICS, lambda event: None)


async def test_nothing_happened_before_now_and_stopping_is_no_error() -> None:
    exchange = SyntheticExchange(assets={"BTC": {"start_price": 3000}})
    exchange.bind(ExchangeContext("synthetic", [PAIR]))
    connector = exchange.get_market_data_connector()
    await connector.start(TOPICS, lambda event: None)
    assert await connector.get_historical("BTC/USDT", 60, 0, 1) == []
    await connector.stop()


def test_what_an_exchange_does_not_offer_is_refused_by_name() -> None:
    exchange = Exchange()
    exchange.bind(ExchangeContext("kraken"))
    with pytest.raises(StartupError, match=r"Exchange \(kraken\) offers no market data"):
        exchange.get_market_data_connector()
    with pytest.raises(StartupError, match=r"Exchange \(kraken\) offers no order entry"):
        exchange.get_execution_connector()


def test_exchanges_are_found_by_their_configured_name() -> None:
    binance = Exchange()
    registry = ExchangeRegistry({"binance": binance})
    assert registry.get_exchange("binance") is binance
    assert (list(registry), len(registry)) == (["binance"], 1)
    with pytest.raises(ConfigError, match="no exchange 'binanse' is configured; did you mean 'binance'"):
        registry.get_exchange("binanse")
    with pytest.raises(ConfigError, match="there are none"):
        ExchangeRegistry({}).get_exchange("binance")


def test_connectors_are_found_by_the_name_they_are_registered_under() -> None:
    assert EXCHANGES.find("synthetic") is SyntheticExchange
