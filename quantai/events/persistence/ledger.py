"""Gap rows that the recorder has still to write."""

from __future__ import annotations

from collections.abc import Iterable

from quantai.events.system import GapEvent

_MAX_ROWS = 10_000


class Ledger:
    """Gaps that wait for the disk, those of one instrument and reason as one row: however long an outage, they are few.

    Beyond 10,000 rows, more become rows without an instrument, one for each component.
    """

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str, str], GapEvent] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, gaps: Iterable[GapEvent]) -> None:
        """Have `gaps` written too."""
        for gap in gaps:
            key = (gap.component, gap.venue, gap.symbol, gap.reason)
            if key not in self._rows and len(self._rows) >= _MAX_ROWS:
                key = (gap.component, "", "", "more gaps than can be kept")
            known = self._rows.get(key, gap)
            self._rows[key] = GapEvent(
                gap.component,
                max(known.ts_event, gap.ts_event),
                max(known.ts_init, gap.ts_init),
                *key[1:3],
                min(known.start_ns, gap.start_ns),
                max(known.end_ns, gap.end_ns),
                gap.lost if known is gap else known.lost + gap.lost,
                key[3],
            )

    def take(self) -> list[GapEvent]:
        """All rows, to be written or added again."""
        rows = list(self._rows.values())
        self._rows.clear()
        return rows
