"""`quantai data download`: what happened at a venue, from the venue itself into a store."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError
from rich.console import Console

from quantai.cli.data.shared import DEFAULT_STORE, UNSOUND, WorkBar, counted, second
from quantai.core.clock import NS_PER_SECOND, WallClock
from quantai.core.errors import ConfigError, StartupError, UnknownInstrument, VenueError
from quantai.core.identifiers import is_name
from quantai.core.params import parse_duration
from quantai.data.importers.download import ChunkImport, Downloads, Wanted
from quantai.data.importers.ledger import ImportLedger
from quantai.events.persistence.times import to_ns
from quantai.exchanges.base import Exchange, ExchangeContext
from quantai.exchanges.history import BarPage, History, Hole, TradePage
from quantai.exchanges.registry import EXCHANGES

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_MAX_SHOWN = 20
_DAY_NS = 86_400 * NS_PER_SECOND
_SETTLED_NS = 60 * NS_PER_SECOND
"""The venue's clock may be behind ours, and what it tells may be behind its clock."""


def add_parser(actions: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the action."""
    parser = actions.add_parser(
        "download",
        help="take trades or bars from a venue into a store",
        description="Downloads trades or bars from a venue into a store on the local disk. What was downloaded before "
        "is not asked for again, so that a download that was broken off goes on where it was.",
        epilog="Exit status: 0 when all is well, 2 for wrong arguments, 3 when the venue or the store cannot be had or "
        "the venue did not give everything, 130 after Ctrl-C.",
        allow_abbrev=False,
    )
    parser.add_argument("venue", metavar="VENUE", help="a connector: binance, binance_usdm, binance_coinm")
    parser.add_argument("symbol", metavar="SYMBOL", help="ccxt-unified: BTC/USDT, BTC/USDT:USDT")
    parser.add_argument("--type", choices=("trade", "bar"), required=True)
    parser.add_argument("--interval", metavar="LENGTH", help="of bars: 1m, 1h, 1d")
    parser.add_argument("--start", required=True, metavar="TIME", help="inclusive: ISO 8601, UTC where it has no zone")
    parser.add_argument("--end", metavar="TIME", help="exclusive (default: now)")
    parser.add_argument(
        "--store", default=DEFAULT_STORE, metavar="FOLDER", help="root of the store (default: %(default)s)"
    )
    parser.add_argument(
        "--as", dest="name", metavar="NAME", help="the exchange's name where it is configured as another"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a parameter of the connector, such as "
        "environment=testnet; repeatable"
    )  # fmt: skip
    parser.set_defaults(command=download)


def download(options: argparse.Namespace) -> int:
    """Download, and tell what is missing. Raises `ConfigError`, `StartupError` or `StoreError`."""
    venue = options.name or options.venue
    if not is_name(venue):
        raise ConfigError(f"--as {venue!r} must be small letters, digits and _, such as binance")
    if "://" in options.store:
        raise ConfigError(f"{options.store} cannot be downloaded into: use a folder, and copy its files there")
    wanted = _wanted(options)
    exchange = _exchange(options, venue)
    console = Console(highlight=False, soft_wrap=True)
    with ImportLedger(Path(options.store)) as ledger, WorkBar() as bar:
        downloads = Downloads(Path(options.store), ledger, venue, wanted)
        worker = _Download(exchange, downloads, wanted, bar)
        try:
            asyncio.run(worker.run())
        except UnknownInstrument as error:
            raise ConfigError(str(error)) from None
        except VenueError as error:
            raise StartupError(f"{error}; what came before is kept, the same command goes on there") from error
    return worker.tell(console, options.store)


def _wanted(options: argparse.Namespace) -> Wanted:
    start_ns = to_ns(options.start)
    now_ns = WallClock().now_ns() - _SETTLED_NS
    end_ns = min(to_ns(options.end), now_ns) if options.end else now_ns
    if start_ns >= end_ns:
        raise ConfigError(f"--start {options.start} must be before --end, and in the past")
    if (options.type == "bar") != bool(options.interval):
        raise ConfigError("--interval is needed for bars, and for nothing else: --type bar --interval 1m")
    try:
        interval_ns = parse_duration(options.interval) if options.interval else 0
    except ValueError as error:
        raise ConfigError(f"--interval {options.interval}: {error}") from None
    if interval_ns:  # a bar that is not finished is left to the next download
        end_ns = min(end_ns, now_ns - now_ns % interval_ns if interval_ns <= _DAY_NS else now_ns - interval_ns)
    return Wanted(options.type, options.symbol, start_ns, max(end_ns, start_ns), interval_ns)


def _exchange(options: argparse.Namespace, venue: str) -> Exchange:
    cls = EXCHANGES.find(options.venue)
    if options.type not in cls.capabilities.history:
        there = ", ".join(sorted(cls.capabilities.history)) or "nothing"
        raise ConfigError(f"{options.venue} has no {options.type}s to download; there is {there}")
    try:
        exchange = cls(**_params(options.set))
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"--set {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    exchange.bind(ExchangeContext(venue))
    return exchange


def _params(pairs: list[str]) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for pair in pairs:
        path, equals, value = pair.partition("=")
        if not (path and equals):
            raise ConfigError(f"--set {pair!r} must be KEY=VALUE, such as environment=testnet")
        *parents, key = path.split(".")
        section = params
        try:
            for parent in parents:
                section = section.setdefault(parent, {})
            section[key] = yaml.safe_load(value)
        except (yaml.YAMLError, AttributeError, TypeError):
            raise ConfigError(f"--set {pair!r} is no YAML value, or below one that was set before") from None
    return params


class _Download:
    """Goes through the missing chunks, one after the other."""

    def __init__(self, exchange: Exchange, downloads: Downloads, wanted: Wanted, bar: WorkBar) -> None:
        self._exchange = exchange
        self._downloads = downloads
        self._wanted = wanted
        self._bar = bar
        self._last_id = ""
        self.rows = 0
        self.chunks = 0
        self.holes: list[Hole] = []
        self.warnings: list[str] = []

    async def run(self) -> None:
        missing = self._downloads.missing()
        if not missing:
            return
        try:
            await self._exchange.start()
            history = self._exchange.get_history()
            done_ns = 0
            for chunk in missing:
                if chunk.start_ns != done_ns:
                    self._last_id = ""  # what lies between was downloaded before
                await self._take(history, chunk)
                done_ns = chunk.end_ns
        finally:
            await self._exchange.stop()

    async def _take(self, history: History, wanted: Wanted) -> None:
        chunk = self._downloads.begin(wanted)
        try:
            await self._fill(chunk, history, wanted)
            done = chunk.commit()
        except BaseException:
            chunk.discard()
            raise
        self.rows += done.rows
        self.chunks += 1
        self.warnings += done.warnings

    async def _fill(self, chunk: ChunkImport, history: History, wanted: Wanted) -> None:
        async for page in self._pages(history, wanted):
            chunk.add(page.events)
            for hole in page.holes:
                self._note(hole)
            if isinstance(page, TradePage):
                self._last_id = page.last_id
            length_ns = self._wanted.end_ns - self._wanted.start_ns
            self._bar(second(page.done_ns), max(0, page.done_ns - self._wanted.start_ns), length_ns)

    def _pages(self, history: History, wanted: Wanted) -> AsyncIterator[BarPage] | AsyncIterator[TradePage]:
        if wanted.type == "bar":
            return history.download_bars(wanted.symbol, wanted.interval_ns, wanted.start_ns, wanted.end_ns)
        return history.download_trades(wanted.symbol, wanted.start_ns, wanted.end_ns, self._last_id)

    def _note(self, hole: Hole) -> None:
        """One that goes on where the last ended is the same."""
        last = self.holes[-1] if self.holes else None
        if last is not None and (last.end_ns, last.what) == (hole.start_ns, hole.what):
            self.holes[-1] = Hole(last.start_ns, hole.end_ns, hole.what)
        else:
            self.holes.append(hole)

    def tell(self, console: Console, store: str) -> int:
        if not self.chunks:
            console.print("downloaded before, nothing to do")
            return 0
        what = counted(self.rows, self._wanted.type)
        console.print(f"{what} of {self._wanted.symbol} until {second(self._wanted.end_ns)}, in {store}")
        for warning in self.warnings[:_MAX_SHOWN]:
            console.print(f"  [yellow]{warning}[/yellow]")
        for hole in self.holes[:_MAX_SHOWN]:
            console.print(f"  [yellow]the venue has a hole:[/yellow] {hole}")
        hidden = max(0, len(self.holes) - _MAX_SHOWN) + max(0, len(self.warnings) - _MAX_SHOWN)
        if hidden:
            console.print(f"  and {hidden:,} more")
        return UNSOUND if self.holes else 0
