"""`quantai data import --format raw`: recorded frames of a venue, decoded again."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from quantai.assembly.listings import cache_folder
from quantai.assembly.markets import component
from quantai.config import Config, load_config
from quantai.config.compose import CONFIG_NAME
from quantai.core.clock import SimulatedClock, WallClock
from quantai.core.errors import ConfigError
from quantai.core.identifiers import nearest
from quantai.data.imports import FileReport
from quantai.exchanges.base import Exchange, ExchangeContext
from quantai.exchanges.raw_import import MakesDecoders, import_raw
from quantai.exchanges.registry import EXCHANGES


def add_options(importing: argparse.ArgumentParser) -> None:
    """Define where `--format raw` finds the venue."""
    importing.add_argument(
        "-cd", "--config-dir", type=Path, help="with --format raw: a folder of your own that configures the venue"
    )
    importing.add_argument(
        "-cn", "--config-name", default=CONFIG_NAME, help="with it: the file to begin with (default: %(default)s)"
    )


def import_recorded(options: argparse.Namespace) -> list[FileReport]:
    """Decode the frames in each of the stores `options.files`. Raises `ConfigError`, `StartupError` or `StoreError`."""
    if options.symbol or options.map_symbol or options.mapping:
        raise ConfigError("--format raw needs no symbols and no mapping: the venue's own decoder knows them")
    config = load_config([], options.config_dir, options.config_name).config
    return [_import(config, folder, options) for folder in options.files]


def _import(config: Config, folder: Path, options: argparse.Namespace) -> FileReport:
    clock = SimulatedClock(WallClock().now_ns())
    exchange = _exchange(config, options.venue, clock)
    if not isinstance(exchange, MakesDecoders):
        raise ConfigError(f"the connector of {options.venue} cannot read recorded frames")
    if exchange.capabilities.lists_instruments:
        asyncio.run(exchange.list_instruments())
    return import_raw(folder, options.store, options.venue, exchange, clock, options.max_bad_rows)


def _exchange(config: Config, venue: str, clock: SimulatedClock) -> Exchange:
    section = config.exchanges.get(venue)
    if section is None:
        near = nearest(venue, config.exchanges)
        hint = f"; did you mean {near}?" if near else f"; there are {', '.join(config.exchanges) or 'none'}"
        raise ConfigError(f"no exchange {venue!r} is configured{hint}")
    if section.type is None and section.target is None:
        raise ConfigError(f"exchanges.{venue} names no connector: give it a type")
    exchange = component(EXCHANGES, section)
    exchange.bind(ExchangeContext(venue, clock=clock, cache_folder=cache_folder(config)))
    return exchange
