"""No order on a market that is silent, or of which something is known to be missing."""

from __future__ import annotations

from typing import ClassVar

from quantai.core.params import Duration, duration_text
from quantai.events import DisconnectedEvent, Event, GapEvent, StaleEvent
from quantai.oms.models import Order
from quantai.oms.risk.base import Looser, RiskCheck
from quantai.oms.risk.view import RiskView

# What the recorder lost on its way to the disk, nobody else did.
_RECORDER = "recorder"

_MAX_MARKS = 10_000

_Mark = tuple[int, str]
_NO_MARK: _Mark = (-1, "")


class StaleMarket(RiskCheck):
    """The market of the instrument is fresh and whole. After a gap, a silence or a disconnection there is no new order
    until something was seen of the instrument again. A reducing order passes.
    """

    code = "STALE_MARKET"
    looser = {"max_silence": Looser.HIGHER_OR_ZERO}
    topics: ClassVar[tuple[str, ...]] = ("system.gap.*", "system.stale.*", "system.disconnected.*")

    max_silence: Duration = 0
    """Deny while nothing was seen of the instrument for longer than this; `0s` is no limit."""

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self._marks: dict[tuple[str, str], _Mark] = {}

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        if view.is_reducing:
            return None
        seen_ns = view.seen_ns
        silence_ns = view.now_ns - seen_ns
        if self.max_silence:
            view.measure("silence in ns", silence_ns, self.max_silence)
            if silence_ns > self.max_silence:
                return (
                    f"nothing was seen for {duration_text(silence_ns)}, the limit is {duration_text(self.max_silence)}"
                )
        if self._marks:
            venue = order.venue
            for key in ((venue, order.symbol), (venue, ""), ("", "")):
                marked_ns, why = self._marks.get(key, _NO_MARK)
                if seen_ns <= marked_ns:
                    return f"{why}, and nothing was seen since"
        return None

    def on_event(self, event: Event, view: RiskView) -> None:
        match event:
            case GapEvent() if event.component != _RECORDER:
                self._mark(event.venue, event.symbol, event.ts_init, f"events are missing ({event.reason or 'a gap'})")
            case StaleEvent():
                self._mark(event.venue, event.symbol, event.ts_init, "the stream is stale")
            case DisconnectedEvent():
                self._mark(event.component, "", event.ts_init, f"{event.component} was disconnected")

    def _mark(self, venue: str, symbol: str, ts_ns: int, why: str) -> None:
        if len(self._marks) >= _MAX_MARKS:  # more than there can be instruments: then nothing is trusted
            self._marks.clear()
            venue, symbol = "", ""
        self._marks[venue, symbol] = ts_ns, why
