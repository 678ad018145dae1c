"""What a value in an event must be: rows that break a rule are refused with the reason, odd ones kept and counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quantai.core.clock import NS_PER_SECOND, iso_utc
from quantai.data.importers.outcome import Outcome
from quantai.data.importers.parser import LINE
from quantai.events import BarEvent, LiquidationEvent, MarketEvent, TickEvent, TradeEvent

Values = npt.NDArray[np.float64] | npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# 1980 and 2200: outside lies no market data, but a time read in the wrong unit.
FIRST_NS = 315_532_800 * NS_PER_SECOND
LAST_NS = 7_258_118_400 * NS_PER_SECOND

PRICES = {"price", "bid_price", "ask_price", "open", "high", "low", "close", "mark_price", "index_price"}
SIZES = {"size", "bid_size", "ask_size", "volume", "open_interest"}
RATES = {"rate"}
TIMES = {"ts_event", "ts_init"}
OPTIONAL = {"index_price"}
RULES: dict[str, Callable[[Values], Mask]] = {
    "above 0": lambda values: (values > 0) & (values < np.inf),
    "0 or above": lambda values: (values >= 0) & (values < np.inf),
    "a finite number": lambda values: np.isfinite(values),
}
_TRADED = (TradeEvent, LiquidationEvent)


class RowFilter:
    """Marks the rows of a table that break a rule; the first rule a row breaks names it."""

    def __init__(self, table: pa.Table, outcome: Outcome) -> None:
        self._table = table
        self._outcome = outcome
        self._good = np.ones(table.num_rows, bool)

    def values(self, name: str) -> Values:
        """A column as numbers; what is empty is NaN."""
        column: Values = self._table.column(name).to_numpy()
        return column

    def is_empty(self, name: str) -> Mask:
        """Which rows have nothing in a column."""
        return np.asarray(self._table.column(name).is_null())

    def require(self, good: Mask, why: Callable[[int], str]) -> None:
        """Refuse the rows that are not `good`; `why` gets a row's position."""
        bad = np.flatnonzero(~good & self._good)
        if bad.size:
            self._good &= good
            lines = self.values(LINE)[bad]
            self._outcome.reject_many(lines.tolist(), lambda position: why(int(bad[position])))

    def note(self, odd: Mask, what: str) -> None:
        """Count rows that look odd and are not refused."""
        self._outcome.note(what, int(np.count_nonzero(odd & self._good)))

    def kept(self) -> pa.Table:
        """The rows that broke no rule."""
        return self._table if self._good.all() else self._table.filter(pa.array(self._good))


def checked(
    cls: type[MarketEvent], table: pa.Table, outcome: Outcome, *, allow_negative_price: bool = False
) -> pa.Table:
    """The rows of `table` that can be events of `cls`. A traded size must be above 0, any other may be 0."""
    rows = RowFilter(table, outcome)
    price_rule = "a finite number" if allow_negative_price else "above 0"
    size_rule = "above 0" if issubclass(cls, _TRADED) else "0 or above"
    for name in table.column_names:
        if name in TIMES:
            _check_time(rows, name)
        elif name in PRICES:
            _check_number(rows, name, price_rule)
        elif name in SIZES:
            _check_number(rows, name, size_rule)
        elif name in RATES:
            _check_number(rows, name, "a finite number")
    if issubclass(cls, TickEvent):
        rows.note(rows.values("bid_price") > rows.values("ask_price"), "bid above ask")
    if issubclass(cls, BarEvent):
        _check_bar(rows)
    return rows.kept()


def _check_time(rows: RowFilter, name: str) -> None:
    values = rows.values(name)
    rows.require((values >= FIRST_NS) & (values < LAST_NS), lambda row: f"{name} is {_shown_time(int(values[row]))}")


def _shown_time(value: int) -> str:
    return "empty or no time" if value < 0 else f"{iso_utc(value)}, not between 1980 and 2200: is its unit right?"


def _check_number(rows: RowFilter, name: str, rule: str) -> None:
    values = rows.values(name)
    good = RULES[rule](values)
    if name in OPTIONAL:
        good = good | rows.is_empty(name)
    rows.require(good, lambda row: f"{name} is {'empty or NaN' if np.isnan(values[row]) else values[row]}, not {rule}")


def _check_bar(rows: RowFilter) -> None:
    open_, high, low, close, interval = (rows.values(name) for name in ("open", "high", "low", "close", "interval_ns"))
    rows.require(interval > 0, lambda row: f"the bar lasts {interval[row]} ns, it must end after it begins")
    rows.require(high >= low, lambda row: f"high {high[row]} is below low {low[row]}")
    outside = (np.maximum(open_, close) > high) | (np.minimum(open_, close) < low)
    rows.note(outside, "open or close outside of high and low")
