"""Two loopback venues on one fast clock, a seeded list of what goes wrong at them, and all that they print."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from quantai.core.clock import NS_PER_SECOND, Clock, Timer
from quantai.data.source import MarketDataSource
from quantai.data.synthetic import MarketModel
from quantai.instruments import Instrument
from quantai.loopback.dialects import DIALECTS
from quantai.loopback.feed import synthetic_source
from quantai.loopback.server.faults import Fault, FaultKind
from quantai.loopback.server.keys import ApiKey
from quantai.loopback.server.venue import LoopbackVenue, VenueSettings

KEY, SECRET = "hour-key-0123456789", "hour-secret-0123456789"
START_NS = 1_780_300_740 * NS_PER_SECOND
"""2026-06-01 07:59:00 UTC: a minute before funding is paid."""
SPOT, USDM = "binance", "binance_usdm"
MARKETS: Mapping[str, Mapping[str, Decimal]] = {
    SPOT: {"BTC/USDT": Decimal(65_000), "ETH/USDT": Decimal(3_200)},
    USDM: {"BTC/USDT:USDT": Decimal(65_000), "ETH/USDT:USDT": Decimal(3_200)},
}
BALANCES: Mapping[str, Mapping[str, Decimal]] = {
    SPOT: {"USDT": Decimal(100_000), "BTC": Decimal(1), "ETH": Decimal(10)},
    USDM: {"USDT": Decimal(100_000)},
}
# So few events that two cores play it tens of times as fast as it was.
_CALM = MarketModel(
    gaps_per_day=0.0, latency_ms=0.0, book_depth=20, book_interval_ms=1_000, trades_per_second=1.0,
    quotes_per_second=1.0, cross_venue_lag_ms=0,
)  # fmt: skip
_ORDER = {SPOT: "POST /api/v3/order", USDM: "POST /fapi/v1/order"}
_CANCEL = {SPOT: "DELETE /api/v3/order", USDM: "DELETE /fapi/v1/order"}
# Once each in every run, in this order, spread over it; the rest is drawn.
_SURE = (
    (SPOT, FaultKind.ERROR_AFTER, _ORDER),
    (USDM, FaultKind.HANG_UP_AFTER, _ORDER),
    (SPOT, FaultKind.CUT, None),
    (USDM, FaultKind.EXPIRE_KEYS, None),
    (SPOT, FaultKind.RATE_LIMIT, _ORDER),
    (USDM, FaultKind.ERROR_AFTER, _CANCEL),
    (SPOT, FaultKind.STALL, None),
    (USDM, FaultKind.DAILY_DISCONNECT, None),
    (USDM, FaultKind.CUT, None),
    (SPOT, FaultKind.DAILY_DISCONNECT, None),
    (SPOT, FaultKind.GARBAGE, None),
    (USDM, FaultKind.DROP, None),
    (SPOT, FaultKind.DROP, None),
    (USDM, FaultKind.ERROR_BEFORE, _ORDER),
    (USDM, FaultKind.DUPLICATE, None),
    (SPOT, FaultKind.HANG_UP_BEFORE, _CANCEL),
)
_DRAWN = (
    FaultKind.CUT, FaultKind.STALL, FaultKind.DELAY, FaultKind.DUPLICATE, FaultKind.REORDER, FaultKind.TRUNCATE,
    FaultKind.GARBAGE, FaultKind.DROP, FaultKind.ERROR_BEFORE, FaultKind.ERROR_AFTER, FaultKind.HANG_UP_BEFORE,
    FaultKind.HANG_UP_AFTER, FaultKind.REJECT_ORDERS,
)  # fmt: skip


@dataclass(frozen=True)
class Planned:
    """What goes wrong where, and when: nanoseconds after the start."""

    after_ns: int
    venue: str
    fault: Fault


def fault_plan(seed: int, span_ns: int, mean_s: float = 20.0) -> list[Planned]:
    """The sure ones, and one in `mean_s` seconds on average; nothing in the last fifth of the span."""
    draw, last_ns = random.Random(seed), span_ns * 4 // 5
    step_ns = last_ns // (len(_SURE) + 1)
    plan = [
        Planned(step_ns * number, venue, Fault(kind, match=match[venue] if match else "", seconds=2.0))
        for number, (venue, kind, match) in enumerate(_SURE, 1)
    ]
    plan += [Planned(after_ns, *_drawn(draw)) for after_ns in _times(draw, last_ns, mean_s)]
    return sorted(plan, key=lambda each: each.after_ns)


def _times(draw: random.Random, last_ns: int, mean_s: float) -> Iterator[int]:
    after_ns = 0
    while (after_ns := after_ns + int(draw.expovariate(1.0) * mean_s * NS_PER_SECOND)) < last_ns:
        yield after_ns


def _drawn(draw: random.Random) -> tuple[str, Fault]:
    kind, venue = draw.choice(_DRAWN), draw.choice((SPOT, USDM))
    return venue, Fault(kind, count=draw.randint(1, 3), after=draw.randint(0, 5), seconds=draw.uniform(0.1, 3.0))


class Venues:
    """Both, and what they are to break. `counts` says what happened."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self.clock = clock
        self.by_name = {name: _venue(name, clock, seed) for name in MARKETS}
        self._timers: list[Timer] = []
        for venue in self.by_name.values():
            for market in venue.engine.markets.values():
                market.tape.trades, market.tape.aggregates = deque(), deque()  # all of them, however many

    def plan(self, planned: list[Planned]) -> None:
        """Have these happen."""
        for each in planned:
            self._timers.append(self.clock.call_later(each.after_ns, partial(self._inject, each)))

    def _inject(self, planned: Planned, due_ns: int) -> None:
        self.by_name[planned.venue].faults.inject(planned.fault)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        for timer in self._timers:
            timer.cancel()
        for venue in self.by_name.values():
            venue.clear_faults()

    @property
    def counts(self) -> dict[str, int]:
        """How often each fault happened, at both."""
        kinds = sorted({kind for venue in self.by_name.values() for kind in venue.faults.counts})
        return {str(kind): sum(venue.faults.counts[kind] for venue in self.by_name.values()) for kind in kinds}

    def answered(self, status: int) -> int:
        """How many requests were answered so, at both."""
        return sum(venue.counts[f"status_{status}"] for venue in self.by_name.values())

    def overrides(self) -> list[str]:
        """How a daemon finds them, their instruments and their money."""
        lines = ["exchanges=[]", "portfolio=none"]
        for name, venue in self.by_name.items():
            hosts = ", ".join(f'{part}: "{url}"' for part, url in venue.dialect.hosts(venue.address).items())
            keys = "api_key: ${oc.env:HOUR_KEY}, api_secret: ${oc.env:HOUR_SECRET}"
            lines.append(f"exchanges.{name}={{type: {name}, {keys}, hosts: {{{hosts}}}}}")
            held = ", ".join(f"{asset}: {amount}" for asset, amount in BALANCES[name].items())
            lines.append(f"+portfolio.balances.{name}={{{held}}}")
        return [*lines, *instrument_lines()]


def instrument_lines() -> list[str]:
    """Overrides for the instruments, whose grids are what the venues list."""
    lines = ["instruments=[]"]
    for venue, prices in MARKETS.items():
        for symbol in prices:
            kind, base = "perp" if ":" in symbol else "spot", symbol.partition("/")[0].lower()
            lines.append(f'instruments.{base}_{kind}={{venue: {venue}, symbol: "{symbol}"}}')
    return lines


@asynccontextmanager
async def running_venues(clock: Clock, seed: int) -> AsyncIterator[Venues]:
    """Both, until the block ends."""
    venues = Venues(clock, seed)
    started: list[LoopbackVenue] = []
    try:
        for venue in venues.by_name.values():
            await venue.start()
            started.append(venue)
        yield venues
    finally:
        venues.clear()
        for venue in started:
            await venue.stop()


def _venue(name: str, clock: Clock, seed: int) -> LoopbackVenue:
    def source_of(prices: Mapping[Instrument, Decimal], start_ns: int) -> MarketDataSource:
        return synthetic_source(prices, seed, start_ns - 120 * NS_PER_SECOND, _CALM)

    settings = VenueSettings(
        prices=MARKETS[name], keys=[ApiKey(KEY, SECRET)], balances=BALANCES[name], seed=seed, source_of=source_of,
        history_ns=120 * NS_PER_SECOND,
    )  # fmt: skip
    return LoopbackVenue(DIALECTS[name](), settings, clock)
