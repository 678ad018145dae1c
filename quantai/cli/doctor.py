"""`quantai doctor`: whether this machine, this key and this configuration can trade at a venue."""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quantai.assembly.listings import build_catalogue, take_listings
from quantai.assembly.markets import component
from quantai.config import Config, load_config
from quantai.config.compose import CONFIG_NAME
from quantai.core.errors import ConfigError, StartupError
from quantai.core.identifiers import nearest
from quantai.exchanges.base import ExchangeContext
from quantai.exchanges.doctor import Examinable, Finding, Health
from quantai.exchanges.registry import EXCHANGES
from quantai.instruments import Instrument

if TYPE_CHECKING:
    from argparse import _SubParsersAction

logger = logging.getLogger(__name__)

_COLOURS = {Health.GOOD: "green", Health.DOUBTFUL: "yellow", Health.BAD: "red"}


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
    config = load_config(options.overrides, options.config_dir, options.config_name).config
    exchange = _exchange(config, options.venue)
    findings = asyncio.run(exchange.examine())
    Console(highlight=False).print(_table(options.venue, findings))
    return StartupError.exit_status if any(each.health is Health.BAD for each in findings) else 0


def _exchange(config: Config, venue: str) -> Examinable:
    """The exchange, with the instruments configured for it."""
    section = config.exchanges.get(venue)
    if section is None:
        near = nearest(venue, config.exchanges)
        hint = f"; did you mean {near}?" if near else f"; there are {', '.join(config.exchanges) or 'none'}"
        raise ConfigError(f"no exchange {venue!r} is configured{hint}")
    exchange = component(EXCHANGES, section)
    if not isinstance(exchange, Examinable):
        raise ConfigError(f"the connector of {venue} cannot be examined")
    exchange.bind(ExchangeContext(venue, _instruments(config, venue), 0, section.api_key, section.api_secret))
    return exchange


def _instruments(config: Config, venue: str) -> list[Instrument]:
    """Those configured for the venue; none where it has to be asked for their grids and cannot be, which is found."""
    own = {name: section for name, section in config.instruments.items() if section.venue == venue}
    config = config.model_copy(update={"instruments": own})
    try:
        return list(build_catalogue(config, asyncio.run(take_listings(config))))
    except StartupError as error:
        logger.warning("%s", error)
        return []


def _table(venue: str, findings: Sequence[Finding]) -> Table:
    table = Table(title=f"quantai doctor {venue}", title_justify="left")
    for column in ("check", "", "found"):
        table.add_column(column, overflow="fold")
    for each in findings:
        table.add_row(Text(each.check), Text(each.health, style=_COLOURS[each.health]), Text(each.text))
    return table
