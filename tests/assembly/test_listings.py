"""Grids that the configuration leaves to a venue: asked for before anything is built, never while it is checked."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from quantai import daemon
from quantai.assembly.listings import build_catalogue, listing_warnings, take_listings, venues_to_ask
from quantai.assembly.stages import stages_of
from quantai.cli import run
from quantai.config import Config, load_config
from quantai.config.problems import ConfigProblems
from quantai.core.errors import StartupError
from quantai.instruments import Instrument
from tests.assembly.venues import ListingExchange
from tests.assembly.world import graph_of

D = Decimal
BASE = ("exchanges=[]", "instruments=[]", "strategies=[]", "portfolio=none", "mode=live_recording", "recorder=market")


def venue(**more: object) -> str:
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    target = "tests.assembly.venues.ListingExchange"
    return f"exchanges.here={{_target_: {target}, assets: {{BTC: {{start_price: 1}}, ETH: {{start_price: 1}}}}{rest}}}"


def instrument(symbol: str = "BTC/USDT", **more: object) -> str:
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return f"instruments.mine={{venue: here, symbol: {symbol}{rest}}}"


def config_of(*overrides: str) -> Config:
    return load_config([*BASE, *overrides]).config


def only(config: Config) -> Instrument:
    return next(iter(build_catalogue(config, asyncio.run(take_listings(config)))))


def test_what_is_not_given_is_as_the_venue_lists_it() -> None:
    assert only(config_of(venue(), instrument())) == Instrument(
        venue="here", symbol="BTC/USDT", tick_size=D("0.5"), lot_size=D("0.01"), min_quantity=D("0.02"),
        max_quantity=D(100), min_notional=D(7),
    )  # fmt: skip


def test_what_is_given_holds_and_is_told_where_the_venue_disagrees() -> None:
    config = config_of(venue(), instrument(tick_size="0.25", lot_size="0.01", min_quantity=0))
    made = only(config)
    assert (made.tick_size, made.lot_size, made.min_quantity, made.min_notional) == (D("0.25"), D("0.01"), D(0), D(7))
    assert list(listing_warnings(config, asyncio.run(take_listings(config)))) == [
        "instruments.mine.tick_size is 0.25, and here lists BTC/USDT with 0.5: yours is taken",
        "instruments.mine.min_quantity is 0, and here lists BTC/USDT with 0.02: yours is taken",
    ]


def test_an_instrument_that_does_not_trade_is_told() -> None:
    config = config_of(venue(), instrument("ETH/USDT"))
    warnings = list(listing_warnings(config, asyncio.run(take_listings(config))))
    assert warnings == ["instruments.mine: here says that ETH/USDT is HALTED"]


def test_a_symbol_that_the_venue_does_not_list_names_the_nearest() -> None:
    with pytest.raises(StartupError, match=r"instruments.mine: here lists no BTC/USD; did you mean BTC/USDT\?"):
        only(config_of(venue(), instrument("BTC/USD")))


def test_a_venue_that_cannot_be_asked_keeps_the_daemon_from_starting() -> None:
    with pytest.raises(StartupError, match="it cannot be asked"):
        only(config_of(venue(is_down="true"), instrument()))


def test_without_the_venues_word_a_grid_must_be_given() -> None:
    config = config_of(venue(), instrument())
    with pytest.raises(StartupError, match="instruments.mine has no tick_size and lot_size, and here was not asked"):
        build_catalogue(config)


@pytest.mark.parametrize(
    ("mode", "more", "asked"),
    [("simulation", {"tick_size": 1, "lot_size": 1}, []), ("simulation", {"tick_size": 1}, ["here"]),
     ("live_recording", {"tick_size": 1, "lot_size": 1}, ["here"])],
)  # fmt: skip
def test_only_venues_whose_word_is_needed_are_asked(mode: str, more: dict[str, Any], asked: list[str]) -> None:
    config = config_of(venue(), instrument(**more))
    if mode == "simulation":
        config = config.model_copy(update={"mode": load_config().config.mode})
    assert venues_to_ask(config) == asked


def test_the_synthetic_venue_lists_nothing_and_is_not_asked() -> None:
    config = load_config(["mode=live_recording", "recorder=market", "exchanges=[synthetic]", "instruments=[synthetic]",
                          "strategies=[]", "portfolio=none"]).config  # fmt: skip
    assert venues_to_ask(config) == []


@pytest.mark.parametrize(
    ("exchange", "why"),
    [
        ("exchanges.here={}", "exchanges.here names no connector that could tell it"),
        ("exchanges.here={type: synthetic, assets: {BTC: {start_price: 1}}}", "lists no instruments"),
    ],
)
def test_a_grid_that_nobody_tells_is_a_mistake(exchange: str, why: str) -> None:
    with pytest.raises(ConfigProblems) as caught:
        config_of(exchange, instrument(lot_size=1), "mode=bus_recording", "bus=redis")
    assert "instruments.mine.tick_size: required, but not set" in str(caught.value)
    assert why in str(caught.value)
    assert "lot_size" not in str(caught.value)


def test_check_asks_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    ListingExchange.told.clear()
    assert run(["check", *BASE, venue(), instrument(lot_size="0.01")]) == 0
    assert "mine: here BTC/USDT, tick from the venue, lot 0.01" in capsys.readouterr().out
    assert ListingExchange.told == []


async def test_exchanges_start_before_what_uses_them_and_get_a_clock_a_voice_and_a_folder(tmp_path: Path) -> None:
    ListingExchange.told.clear()
    graph = graph_of(tmp_path, *BASE, venue(), instrument(tick_size=1, lot_size=1), f"ops.cache={tmp_path}")
    stages = {stage.name: stage for stage in stages_of(graph)}
    assert list(stages).index("exchanges") < list(stages).index("market data")
    await stages["exchanges"].start()
    await stages["exchanges"].stop()
    assert ListingExchange.told == ["started", "stopped"]
    context = graph.markets.exchanges.get_exchange("here")._context
    assert context.clock is graph.markets.clock
    assert context.publish == graph.markets.bus.post
    assert context.cache_folder == tmp_path


@pytest.mark.parametrize(
    ("more", "symbol", "said"),
    [({"is_down": "true"}, "BTC/USDT", "it cannot be asked"), ({}, "XRP/USDT", "here lists no XRP/USDT")],
)
def test_the_daemon_does_not_start_without_a_grid(more: dict[str, Any], symbol: str, said: str, tmp_path: Path) -> None:
    loaded = load_config([*BASE, venue(**more), instrument(symbol), "logging.console=none"])
    with pytest.raises(StartupError, match=said):
        daemon.run(loaded, tmp_path)
