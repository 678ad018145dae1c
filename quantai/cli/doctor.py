"""`quantai doctor`: whether this machine, this key and this configuration can trade at a venue."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, open_dict
from rich.console import Console
from rich.table import Table
from rich.text import Text

from quantai.assembly.listings import build_catalogue, listing_warnings, take_listings
from quantai.assembly.markets import component
from quantai.config import Config
from quantai.config.compose import CONFIG_NAME, compose_config
from quantai.config.load import check_config
from quantai.core.errors import ConfigError, StartupError
from quantai.core.identifiers import nearest
from quantai.exchanges.base import ExchangeContext
from quantai.exchanges.doctor import Examinable, Finding, Health
from quantai.exchanges.registry import EXCHANGES
from quantai.instruments import Instrument

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_COLOURS = {Health.GOOD: "green", Health.DOUBTFUL: "yellow", Health.BAD: "red"}
_ELSEWHERE: Mapping[str, object] = {
    "mode": {"name": "live_recording", "market_events": "venues", "execution": "none", "clock": "wall"},
    "strategies": {},
    "schedule": {},
    "risk": {},
    "routing": {},
    "portfolio": {"base_currency": "USDT", "balances": {}},
    "recorder": {"enabled": True},
    "bus": {"type": "memory"},
    "gateway": {},
    "store": {"type": "memory"},
}
"""What is put in place of the parts that an examination does not look at: nothing is recorded or traded."""


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the command."""
    parser = commands.add_parser("doctor", help="see whether a venue can be reached and traded at")
    parser.add_argument("venue", help="the name of an exchange in the configuration")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="as for quantai-daemon")
    parser.add_argument(
        "-cd", "--config-dir", type=Path, help="a folder of your own, looked into before the shipped conf/"
    )
    parser.add_argument(
        "-cn", "--config-name", default=CONFIG_NAME, help="the file to begin with (default: %(default)s)"
    )
    parser.set_defaults(command=doctor)


def doctor(options: argparse.Namespace) -> int:
    """Print what was found as a table; 3 where something keeps the daemon from trading. Raises `ConfigError`."""
    composed = compose_config(options.overrides, options.config_dir, options.config_name)
    _keep(composed.cfg, options.venue)
    config = check_config(composed, options.config_dir).config
    instruments, more = _instruments(config, options.venue)
    exchange = _exchange(config, options.venue, instruments)
    findings = [*asyncio.run(exchange.examine()), *more]
    Console(highlight=False).print(_table(options.venue, findings))
    return StartupError.exit_status if any(each.health is Health.BAD for each in findings) else 0


def _keep(cfg: DictConfig, venue: str) -> None:
    """Leave of a configuration what concerns the venue, whatever it is configured for: to be examined it needs neither
    a mode that trades nor strategies, money or other venues.
    """
    exchanges = cfg.get("exchanges") or {}
    if venue not in exchanges:
        near = nearest(venue, exchanges)
        hint = f"; did you mean {near}?" if near else f"; there are {', '.join(exchanges) or 'none'}"
        raise ConfigError(f"no exchange {venue!r} is configured{hint}")
    with open_dict(cfg):
        for name in [name for name in exchanges if name != venue]:
            del cfg.exchanges[name]
        instruments = cfg.get("instruments") or {}
        for name in [name for name, section in instruments.items() if section.get("venue") != venue]:
            del cfg.instruments[name]
        cfg.update(_ELSEWHERE)


def _exchange(config: Config, venue: str, instruments: Sequence[Instrument]) -> Examinable:
    section = config.exchanges[venue]
    exchange = component(EXCHANGES, section)
    if not isinstance(exchange, Examinable):
        raise ConfigError(f"the connector of {venue} cannot be examined")
    exchange.bind(ExchangeContext(venue, instruments, 0, section.api_key, section.api_secret))
    return exchange


def _instruments(config: Config, venue: str) -> tuple[list[Instrument], list[Finding]]:
    """Those that can be built, and what is wrong with the others, and with grids that are not the venue's. A venue that
    does not answer is found by its own examination.
    """
    try:
        listed = asyncio.run(take_listings(config))
    except StartupError:
        listed = {}
    built: list[Instrument] = []
    findings = [Finding("filters", Health.DOUBTFUL, words) for words in listing_warnings(config, listed)]
    for name, section in config.instruments.items():
        try:
            built += build_catalogue(config.model_copy(update={"instruments": {name: section}}), listed)
        except StartupError as error:
            if listed:
                findings.append(Finding("filters", Health.BAD, str(error)))
    if venue in listed and config.instruments and not findings:
        findings.append(Finding("filters", Health.GOOD, "steps and limits of orders are those that the venue lists"))
    return built, findings


def _table(venue: str, findings: Sequence[Finding]) -> Table:
    table = Table(title=f"quantai doctor {venue}", title_justify="left")
    for column in ("check", "", "found"):
        table.add_column(column, overflow="fold")
    for each in findings:
        table.add_row(Text(each.check), Text(each.health, style=_COLOURS[each.health]), Text(each.text))
    return table
