"""Tardis `derivative_ticker`: funding rate, mark price and open interest, each an event when it changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quantai.data.importers.checks import Mask, checked
from quantai.data.importers.converter import Batch, Converter, by_symbol, event_columns
from quantai.data.importers.outcome import Outcome
from quantai.data.importers.parser import LINE
from quantai.data.importers.source import Source
from quantai.events import FundingRateEvent, MarketEvent, MarkPriceEvent, OpenInterestEvent

# The first field of each must be there for an event to be made.
_FIELDS: dict[type[MarketEvent], list[str]] = {
    FundingRateEvent: ["rate", "next_funding_ns"],
    MarkPriceEvent: ["mark_price", "index_price"],
    OpenInterestEvent: ["open_interest"],
}
_COMMON = ["ts_event", "ts_init", LINE]


class DerivativeTicker(Converter):
    """A row repeats everything whenever one thing changes; an event is made only of what did."""

    header_lines = 1

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.sources = sources
        self._last: dict[tuple[type[MarketEvent], str | None], tuple[object, ...]] = {}

    def convert(self, rows: pa.Table, outcome: Outcome) -> Iterator[Batch]:
        timed = checked(MarketEvent, rows.select([*_COMMON, "symbol"]), outcome)
        rows = rows if timed.num_rows == rows.num_rows else rows.filter(pc.is_in(rows.column(LINE), timed.column(LINE)))
        for symbol, part in by_symbol(rows):
            for cls, fields in _FIELDS.items():
                said = part.select([*_COMMON, *fields]).filter(pc.is_valid(part.column(fields[0])))
                if said.num_rows:
                    changed = said.filter(pa.array(self._changed(cls, symbol, said)))
                    yield Batch(cls, symbol, event_columns(cls, checked(cls, changed, outcome)))

    def _changed(self, cls: type[MarketEvent], symbol: str | None, rows: pa.Table) -> Mask:
        changed = np.zeros(rows.num_rows, bool)
        values = [pc.fill_null(rows.column(name), 0).to_numpy() for name in _FIELDS[cls]]
        for column in values:
            changed[1:] |= column[1:] != column[:-1]
        changed[0] = self._last.get((cls, symbol)) != tuple(column[0] for column in values)
        self._last[cls, symbol] = tuple(column[-1] for column in values)
        return changed
