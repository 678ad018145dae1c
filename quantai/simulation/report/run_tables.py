"""The tables of a run's page: strategies, instruments, round trips, and what became of the orders."""

from __future__ import annotations

from collections import Counter

import numpy as np

from quantai.simulation.report import statistics as stats
from quantai.simulation.report.formatting import (
    DASH,
    count,
    duration,
    instant,
    money,
    notional,
    percent,
    plain_number,
    ratio,
    shorten,
)
from quantai.simulation.report.markup import Column, Markup, Row, table, tag
from quantai.simulation.report.measures import Measure, closed_pnls
from quantai.simulation.report.round_trips import RoundTrip
from quantai.simulation.report.run_data import RunData
from quantai.simulation.report.summary import RunSummary, StrategySummary, most_first

MAX_ROWS = 200
TRIPS_SHOWN = 8
REASONS_SHOWN = 12
REASON_LENGTH = 160
NAME_LENGTH = 60


def names(*headings: str) -> list[Column]:
    """Columns of names, which wrap."""
    return [Column(heading, "name") for heading in headings]


def texts(*headings: str) -> list[Column]:
    """Columns of short texts, which do not."""
    return [Column(heading, "text") for heading in headings]


def numbers(*headings: str) -> list[Column]:
    """Columns of figures."""
    return [Column(heading) for heading in headings]


def measure_table(measures: list[Measure]) -> Markup:
    """Names and values; the definition shows when one points at a line."""
    rows = [[tag("abbr", item.name, title=item.definition), item.value] for item in measures]
    return table(texts("Figure") + numbers("Value"), rows)


def strategy_table(run: RunData, trips: list[RoundTrip]) -> Markup:
    """One line a strategy, best first, and the whole portfolio below."""
    summary = run.summary
    places = summary.places
    ranked = sorted(summary.strategies.items(), key=lambda item: (most_first(item[1].pnl), item[0]))[:MAX_ROWS]
    by_strategy: dict[str, list[RoundTrip]] = {}
    for trip in trips:
        by_strategy.setdefault(trip.strategy, []).append(trip)
    rows = [_strategy_row(name, own, by_strategy.get(name, []), places) for name, own in ranked]
    headings = ("Orders", "Fills", "Denied", "Errors", "Traded", "Fees", "Realized", "Unrealized", "PnL", "Max DD")
    columns = names("Strategy") + numbers(*headings, "Trades", "Win rate", "Profit factor")
    return table(columns, rows, _strategy_row("Portfolio", summary, trips, places), empty="No strategy ran.")


def instrument_table(run: RunData) -> Markup:
    """One line an instrument, most traded first."""
    places = run.summary.places
    known = run.summary.instruments.items()
    ranked = sorted(known, key=lambda item: (most_first(item[1].traded_notional), item[0]))[:MAX_ROWS]
    rows = [
        [
            shorten(name, NAME_LENGTH),
            count(own.fills),
            notional(own.traded_notional, places),
            money(own.fees, places),
            plain_number(float(own.position)),
            money(own.pnl, places, signed=True),
        ]
        for name, own in ranked
    ]
    columns = names("Instrument") + numbers("Fills", "Traded", "Fees", "Position at end", "PnL")
    return table(columns, rows, empty="No instrument was traded.")


def best_trips(trips: list[RoundTrip]) -> list[RoundTrip]:
    """The most profitable closed round trips, best first."""
    return sorted(_closed(trips), key=lambda trip: -trip.pnl)[:TRIPS_SHOWN]


def worst_trips(trips: list[RoundTrip]) -> list[RoundTrip]:
    """The least profitable closed round trips, worst first."""
    return sorted(_closed(trips), key=lambda trip: trip.pnl)[:TRIPS_SHOWN]


def trip_table(run: RunData, trips: list[RoundTrip]) -> Markup:
    """One line a round trip, in the order given."""
    places = run.summary.places
    rows = [
        [
            instant(trip.opened_ts),
            shorten(trip.strategy, NAME_LENGTH),
            shorten(trip.instrument, NAME_LENGTH),
            "long" if trip.is_long else "short",
            plain_number(trip.quantity),
            plain_number(trip.entry_price),
            plain_number(trip.exit_price),
            _held(trip),
            money(trip.pnl, places, signed=True),
        ]
        for trip in trips
    ]
    columns = texts("Opened, UTC") + names("Strategy", "Instrument") + texts("Side")
    return table(columns + numbers("Quantity", "Entry", "Exit", "Held", "PnL"), rows, empty="No closed round trip.")


def outcome_table(run: RunData) -> Markup:
    """How many orders ended in which state."""
    states = sorted(run.orders.state.counts().items(), key=lambda item: (-item[1], item[0]))
    rows = [[state, count(orders), percent(orders / len(run.orders.state))] for state, orders in states]
    return table(texts("State") + numbers("Orders", "Share"), rows, empty="No order was sent.")


def reason_table(run: RunData) -> Markup:
    """The most frequent reasons that were given for what became of orders."""
    orders = run.orders
    given = np.flatnonzero(~orders.reason.equals("")).tolist()
    reasons = Counter((orders.state[row], orders.strategy[row], orders.reason[row]) for row in given)
    ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:REASONS_SHOWN]
    rows = [
        [state, shorten(strategy, NAME_LENGTH), shorten(reason, REASON_LENGTH), count(orders)]
        for (state, strategy, reason), orders in ranked
    ]
    columns = texts("State") + names("Strategy", "Reason") + numbers("Orders")
    return table(columns, rows, empty="No order came with a reason.")


def _strategy_row(name: str, own: StrategySummary | RunSummary, trips: list[RoundTrip], places: int) -> Row:
    pnls = closed_pnls(trips)
    return [
        shorten(name, NAME_LENGTH),
        *map(count, (own.orders, own.fills, own.denied, own.errors)),
        notional(own.traded_notional, places),
        money(own.fees, places),
        *(money(pnl, places, signed=True) for pnl in (own.realized_pnl, own.unrealized_pnl, own.pnl)),
        percent(own.max_drawdown),
        count(len(pnls)),
        percent(stats.win_rate(pnls)),
        ratio(stats.profit_factor(pnls)),
    ]


def _closed(trips: list[RoundTrip]) -> list[RoundTrip]:
    return [trip for trip in trips if trip.closed_ts is not None]


def _held(trip: RoundTrip) -> str:
    return DASH if trip.closed_ts is None else duration(trip.closed_ts - trip.opened_ts)
