"""Round trips: from flat to flat, as one strategy traded one instrument."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantai.simulation.report.columns import Floats, Ints
from quantai.simulation.report.run_data import FillData

# The position before a first fill is a difference of floats; a rest this small, relative to the fill, is rounding.
ROUNDING = 1e-9


@dataclass(slots=True)
class RoundTrip:
    """A position from its first fill to the one that closed it; a fill that turns a position ends one, starts another.

    `quantity` is the largest position held; prices are averages weighted by quantity; `pnl` is after the fees that were
    charged in the currency of the run. `closed_ts` is None while the position is open.
    """

    strategy: str
    instrument: str
    is_long: bool
    opened_ts: int
    closed_ts: int | None = None
    quantity: float = 0.0
    entered: float = 0.0
    entry_value: float = 0.0
    exited: float = 0.0
    exit_value: float = 0.0
    pnl: float = 0.0

    @property
    def entry_price(self) -> float | None:
        """Average price of the fills that built the position; None where it was held from before the run."""
        return self.entry_value / self.entered if self.entered else None

    @property
    def exit_price(self) -> float | None:
        """Average price of the fills that reduced the position; None before the first."""
        return self.exit_value / self.exited if self.exited else None

    def enter(self, quantity: float, price: float, fee: float) -> None:
        """Grow the position by a fill, or by the part of it that is left after a turn."""
        self.entered += quantity
        self.entry_value += quantity * price
        self.pnl -= fee

    def exit(self, quantity: float, price: float, fee: float, realized_pnl: float) -> None:
        """Shrink the position by a fill."""
        self.exited += quantity
        self.exit_value += quantity * price
        self.pnl += realized_pnl - fee


def positions_before(fills: FillData) -> Floats:
    """The strategy's signed position in the instrument just before each fill."""
    after = fills.position
    before = after - fills.sign * fills.quantity
    before[np.abs(before) < ROUNDING * fills.quantity] = 0.0
    for rows in _pairs(fills):
        before[rows[1:]] = after[rows[:-1]]
    return before


def round_trips(fills: FillData, currency: str) -> list[RoundTrip]:
    """All round trips, the closed by time of closing, then those still open at the end of the run."""
    before = positions_before(fills)
    own_fees = np.where(fills.fee_currency.equals(currency), fills.fee, 0.0)
    trips = [trip for rows in _pairs(fills) for trip in _trips(fills, rows, before, own_fees)]
    return sorted(trips, key=lambda trip: (trip.closed_ts is None, trip.closed_ts or trip.opened_ts, trip.opened_ts))


def _pairs(fills: FillData) -> list[Ints]:
    """The rows of each strategy in each instrument, in order of time."""
    pair = fills.strategy.codes * max(len(fills.instrument.names), 1) + fills.instrument.codes
    order = np.argsort(pair, kind="stable")
    edges = np.flatnonzero(np.diff(pair[order])) + 1
    return list(np.split(order, edges)) if len(order) else []


def _trips(fills: FillData, rows: Ints, before: Floats, fees: Floats) -> list[RoundTrip]:
    strategy, instrument = fills.strategy[rows[0]], fills.instrument[rows[0]]
    columns = (fills.ts, before, fills.position, fills.quantity, fills.price, fees, fills.realized_pnl)
    trips: list[RoundTrip] = []
    trip: RoundTrip | None = None
    for ts, held, position, quantity, price, fee, realized in zip(*(c[rows].tolist() for c in columns), strict=True):
        closing = min(abs(held), quantity) if abs(position) < abs(held) or held * position < 0 else 0.0
        opening = quantity - closing if position else 0.0
        if closing:
            if trip is None:
                trip = RoundTrip(strategy, instrument, held > 0, ts, quantity=abs(held))
                trips.append(trip)
            trip.exit(closing, price, fee * closing / (closing + opening), realized)
            if held * position <= 0:
                trip.closed_ts, trip = ts, None
        if opening:
            if trip is None:
                trip = RoundTrip(strategy, instrument, position > 0, ts)
                trips.append(trip)
            trip.enter(opening, price, fee * opening / (closing + opening))
            trip.quantity = max(trip.quantity, abs(position))
    return trips
