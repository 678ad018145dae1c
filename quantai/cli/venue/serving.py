"""Runs a loopback venue as the command line says."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from decimal import Decimal

from quantai.core.clock import NS_PER_SECOND
from quantai.core.errors import ConfigError, NumberError
from quantai.core.numbers import plain, to_decimal
from quantai.core.params import duration_text, parse_duration
from quantai.data.files import FilesSource
from quantai.data.source import MarketDataSource
from quantai.instruments import Instrument
from quantai.loopback.dialects import find_dialect
from quantai.loopback.server.dialect import Dialect
from quantai.loopback.server.fault_plan import FaultPlan
from quantai.loopback.server.keys import ApiKey
from quantai.loopback.server.venue import LoopbackVenue, SourceOf, VenueSettings, scaled_clock

_PRICES = {"BTC": Decimal(65_000), "ETH": Decimal(3_200), "BNB": Decimal(600), "SOL": Decimal(150)}
_OTHER_PRICE = Decimal(10)
_SECRET = "loopback-secret"
_LEAST_AGE_NS = 10 * NS_PER_SECOND
"""Below it clients do nothing but connect."""


def serve(options: argparse.Namespace) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises `ConfigError` for arguments, `StartupError` where the port is taken."""
    dialect = find_dialect(options.dialect)
    settings = VenueSettings(
        prices=parse_symbols(options.symbols),
        keys=[ApiKey(options.key, _secret(options.secret_env))],
        balances=parse_balances(options.balances),
        seed=options.seed,
        history_ns=_seconds_ns(options.history, "--history"),
        checks_time=options.speed == 1,
        source_of=_recording(options.recording) if options.recording else None,
        max_age_ns=_age_ns(options.max_age),
    )
    if options.faults is not None and not options.faults > 0:
        raise ConfigError(f"--faults must be above 0 seconds, not {options.faults}")
    asyncio.run(_serve(options, dialect(), settings))


async def _serve(options: argparse.Namespace, dialect: Dialect, settings: VenueSettings) -> None:
    clock = scaled_clock(options.speed)
    loopback = LoopbackVenue(dialect, settings, clock)
    await loopback.start(options.port)
    plan = FaultPlan(loopback.faults, clock, seed=options.seed, mean_seconds=options.faults or 1.0)
    if options.faults:
        plan.start()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    sys.stdout.write(instructions(loopback, options.key, options.secret_env) + "\n")
    sys.stdout.flush()
    try:
        await stopped.wait()
    finally:
        plan.stop()
        await loopback.stop()


def instructions(loopback: LoopbackVenue, key: str, secret_env: str | None) -> str:
    """What to paste into the configuration so that a daemon finds the venue."""
    name = loopback.dialect.name
    hosts = [f"    {part}: {url}" for part, url in loopback.dialect.hosts(loopback.address).items()]
    given = f"LOOPBACK_KEY={key}" if secret_env else f"LOOPBACK_KEY={key} LOOPBACK_SECRET={_SECRET}"
    markets = ", ".join(loopback.engine.markets)
    lines = [
        f"# {name} on {loopback.address}: {markets}. Ctrl-C stops it.",
        f'# Faults: curl -X POST http://{loopback.address}/loopback/faults -d \'{{"kind": "cut"}}\'',
        f"# First: export {given}",
        "# Then, as exchanges/loopback.yaml in a folder of your own (--config-dir), with exchanges=loopback:",
        f"{name}:",
        f"  type: {name}",
        "  api_key: ${oc.env:LOOPBACK_KEY}",
        f"  api_secret: ${{oc.env:{secret_env or 'LOOPBACK_SECRET'}}}",
        "  hosts:",
        *hosts,
    ]
    return "\n".join(lines)


def parse_symbols(text: str) -> dict[str, Decimal]:
    """`BTC/USDT,ETH/USDT@3000`: markets and where they start. Raises `ConfigError`."""
    prices: dict[str, Decimal] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        symbol, _, price = entry.partition("@")
        start = (
            _number(price, f"the price of {symbol}") if price else _PRICES.get(symbol.partition("/")[0], _OTHER_PRICE)
        )
        if start <= 0:
            raise ConfigError(f"--symbols: the price of {symbol} must be above 0, not {plain(start)}")
        prices[symbol] = start
    return prices


def parse_balances(text: str) -> dict[str, Decimal]:
    """`USDT=1000,BTC=0.5`. Raises `ConfigError`."""
    balances: dict[str, Decimal] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        asset, found, amount = entry.partition("=")
        if not found:
            raise ConfigError(f"--balances: {entry!r} must be written ASSET=AMOUNT")
        balances[asset] = _number(amount, f"the balance of {asset}")
    return balances


def _number(text: str, what: str) -> Decimal:
    try:
        return to_decimal(text, what)
    except NumberError as error:
        raise ConfigError(str(error)) from None


def _seconds_ns(seconds: float, option: str) -> int:
    if not 0 <= seconds <= 86_400:
        raise ConfigError(f"{option} must be 0 to 86400 seconds, not {seconds}")
    return int(seconds * NS_PER_SECOND)


def _age_ns(text: str) -> int:
    try:
        age_ns = parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"--max-age: {error}") from None
    if age_ns < _LEAST_AGE_NS:
        raise ConfigError(f"--max-age must be at least {duration_text(_LEAST_AGE_NS)}, not {text}")
    return age_ns


def _recording(store: str) -> SourceOf:
    def source_of(prices: Mapping[Instrument, Decimal], start_ns: int) -> MarketDataSource:
        return FilesSource(store, instruments=[(instrument.venue, instrument.symbol) for instrument in prices])

    return source_of


def _secret(variable: str | None) -> str:
    if variable is None:
        return _SECRET
    secret = os.environ.get(variable, "")
    if not secret:
        raise ConfigError(f"--secret-env: the environment has no {variable}")
    return secret
