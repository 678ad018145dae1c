"""Which streams of an instrument are used for what, given what the data has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from quantai.events import (
    BarEvent,
    MarketEvent,
    MarkPriceEvent,
    OrderBookSnapshotEvent,
    TickEvent,
    TradeEvent,
)
from quantai.instruments import Instrument

Has = Callable[[type[MarketEvent], Instrument], bool]


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """For one instrument: what prices and fills come from, what must be derived, and what cannot be had."""

    instrument: Instrument
    fills: tuple[type[MarketEvent], ...]
    prices: tuple[type[MarketEvent], ...]
    derive_ticks: bool
    derive_bars: tuple[int, ...]
    missing: frozenset[type[MarketEvent]]


def plan_streams(
    instrument: Instrument, has: Has, wanted: Iterable[type[MarketEvent]], bar_intervals: Iterable[int]
) -> StreamPlan:
    """Plan for an instrument of which strategies want the events `wanted`, and bars of `bar_intervals`.

    Orders are filled on ticks and trades; where there are neither, ticks are taken from the book; without a book, on
    bars. Bars are built from trades where there are trades, else taken as they are.
    """
    has_trades, has_bars = has(TradeEvent, instrument), has(BarEvent, instrument)
    derive_ticks = not has(TickEvent, instrument) and has(OrderBookSnapshotEvent, instrument)
    has_ticks = derive_ticks or has(TickEvent, instrument)
    fine = tuple(event for event, there in ((TickEvent, has_ticks), (TradeEvent, has_trades)) if there)
    fills = fine or ((BarEvent,) if has_bars else ())
    marks = (MarkPriceEvent,) if has(MarkPriceEvent, instrument) else ()
    there = {
        TickEvent: has_ticks,
        BarEvent: has_trades or has_bars,
    }
    return StreamPlan(
        instrument=instrument,
        fills=fills,
        prices=(*fills, *marks),
        derive_ticks=derive_ticks,
        derive_bars=tuple(sorted(set(bar_intervals))) if has_trades else (),
        missing=frozenset(event for event in wanted if not there.get(event, has(event, instrument))),
    )
