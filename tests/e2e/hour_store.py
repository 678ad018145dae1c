"""Whether a recording has everything that the venues printed, but what its gap ledger excuses; and that it replays."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from quantai.core.numbers import to_decimal
from quantai.events import BarEvent, Event, GapEvent, MarketEvent, TradeEvent
from quantai.events.persistence import EventReader
from quantai.loopback.engine import Market
from tests.e2e.hour_run import Report
from tests.e2e.hour_venues import MARKETS, USDM, Venues

_SLACK_NS = 1_000_000_000
"""Clocks of two processes, and the way from one to the other."""
_REPLAYER = """
from quantai.strategy import BaseStrategy

class Everything(BaseStrategy):
    def on_tick(self, tick): pass
    def on_trade(self, trade): pass
    def on_book(self, book): pass
    def on_book_delta(self, delta): pass
    def on_mark_price(self, price): pass
    def on_funding_rate(self, rate): pass
    def on_open_interest(self, interest): pass
    def on_liquidation(self, liquidation): pass
"""

Printed = dict[str, tuple[Decimal, Decimal, int]]
"""Price, quantity and time of what traded, by its id: on USD-M aggregate trades, which are what is streamed there."""


def printed_by(venues: Venues) -> dict[tuple[str, str], Printed]:
    """What both printed, by venue and symbol."""
    return {
        (venue, symbol): _printed(market, is_aggregate=venue == USDM)
        for venue in MARKETS
        for symbol, market in venues.by_name[venue].engine.markets.items()
    }


def compare_store(report: Report, prints: Mapping[tuple[str, str], Printed], folder: Path) -> None:
    """Add to `report` what is missing, wrong or not replayed."""
    report.wrong += _verified(folder)
    reader = EventReader(folder / "store")
    events = [event for batch in reader.read_batches() for event in batch]
    gaps = [event for event in events if isinstance(event, GapEvent)]
    trades = [event for event in events if isinstance(event, TradeEvent)]
    missing = printed = 0
    for (venue, symbol), theirs in prints.items():
        own = [trade for trade in trades if (trade.venue, trade.symbol) == (venue, symbol)]
        rows = [gap for gap in gaps if gap.venue == venue and gap.symbol in ("", symbol)]
        lost, wrong = _compared(f"{venue} {symbol}", own, theirs, rows)
        report.wrong += wrong
        missing, printed = missing + lost, printed + len(theirs)
    report.figures["recorded"] = dict(Counter(type(event).__name__ for event in events))
    report.figures |= {"trades_printed": printed, "trades_in_gaps": missing, "gap_rows": len(gaps)}
    report.figures["gap_reasons"] = dict(Counter(gap.reason for gap in gaps))
    report.wrong += _replayed(folder)


def _printed(market: Market, *, is_aggregate: bool) -> Printed:
    tape = market.tape.aggregates if is_aggregate else market.tape.trades
    return {str(each.id): (each.price, each.quantity, each.ts_ns) for each in tape}


def _compared(where: str, own: list[TradeEvent], theirs: Printed, gaps: list[GapEvent]) -> tuple[int, list[str]]:
    ids = Counter(trade.trade_id for trade in own)
    wrong = [f"{where}: trade {name} was recorded {count} times" for name, count in ids.items() if count > 1]
    wrong += [f"{where}: trade {name} was recorded, and never printed" for name in ids if name not in theirs]
    for trade in own:
        price, quantity, _ = theirs.get(trade.trade_id, (Decimal(0), Decimal(0), 0))
        if (to_decimal(trade.price), to_decimal(trade.size)) != (price, quantity):
            wrong.append(f"{where}: trade {trade.trade_id} is {trade.size} at {trade.price}, not {quantity} at {price}")
    if not own:
        return 0, [f"{where}: nothing was recorded"]
    first_ns, last_ns = own[0].ts_event, own[-1].ts_event
    lost = [name for name, (_, _, ts_ns) in theirs.items() if first_ns < ts_ns < last_ns and name not in ids]
    wrong += [
        f"{where}: trade {name} of {theirs[name][2]} is missing, and in no gap"
        for name in lost
        if not any(gap.start_ns - _SLACK_NS <= theirs[name][2] <= gap.end_ns + _SLACK_NS for gap in gaps)
    ]
    return len(lost), wrong


def _verified(folder: Path) -> Iterator[str]:
    done = _quantai("quantai", "data", "verify", "store", folder=folder)
    if done.returncode:
        yield f"quantai data verify: {done.returncode}: {done.stdout}{done.stderr}"


def _replayed(folder: Path) -> Iterable[str]:
    """The replay's own recording is the recording. Bars are not: a replay makes them of trades."""
    (folder / "strategies").mkdir(exist_ok=True)
    (folder / "strategies" / "everything.py").write_text(_REPLAYER, encoding="utf-8")
    instruments = {
        f"i{number}": {"venue": venue, "symbol": symbol, "tick_size": "0.01", "lot_size": "0.00001"}
        for number, (venue, symbol) in enumerate((v, s) for v, symbols in MARKETS.items() for s in symbols)
    }
    lines = [
        "instruments.{}={{{}}}".format(name, ", ".join(f'{key}: "{value}"' for key, value in fields.items()))
        for name, fields in instruments.items()
    ]
    done = _quantai(
        "quantai-daemon", "mode=simulation", "data=files", "data.path=store", "exchanges=[binance,binance_usdm]",
        "instruments=[]", "strategies=[]", "portfolio=demo", "simulation.report=false", *lines,
        f"strategies.all={{_target_: strategies.everything.Everything, instruments: [{', '.join(instruments)}]}}",
        "~portfolio.balances.okx", "recorder=market", "recorder.path=again", folder=folder,
    )  # fmt: skip
    if done.returncode:
        yield f"the replay ended with {done.returncode}: {done.stderr}"
        return
    recorded, replayed = _market_events(folder / "store"), _market_events(folder / "again")
    if len(replayed) != len(recorded):
        yield f"{len(replayed)} events were replayed, {len(recorded)} recorded"
    elif replayed != recorded:
        first = next(pair for pair in zip(recorded, replayed, strict=True) if pair[0] != pair[1])
        yield f"the replay differs from the recording: {first}"


def _market_events(store: Path) -> list[Event]:
    events = (event for batch in EventReader(store).read_batches() for event in batch)
    return [event for event in events if isinstance(event, MarketEvent) and not isinstance(event, BarEvent)]


def _quantai(program: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
