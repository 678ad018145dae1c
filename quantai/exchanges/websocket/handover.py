"""From one connection to its successor without a frame lost, doubled or out of order, as far as bytes can tell."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

FrameHandler = Callable[[bytes, int], None]


class _Frames:
    """At most `limit` different frames; equal ones count as often as they come."""

    def __init__(self, limit: int) -> None:
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._limit = limit

    def add(self, frame: bytes) -> tuple[bytes, ...]:
        """Returns those, the oldest, for which there is no room any more."""
        self._counts[frame] = self._counts.get(frame, 0) + 1
        if len(self._counts) <= self._limit:
            return ()
        oldest, count = self._counts.popitem(last=False)
        return (oldest,) * count

    def take(self, frame: bytes) -> bool:
        """Take one such frame out; False where there is none."""
        count = self._counts.pop(frame, 0)
        if count > 1:
            self._counts[frame] = count - 1
        return count > 0

    def take_all(self) -> Iterator[bytes]:
        counts, self._counts = self._counts, OrderedDict()
        for frame, count in counts.items():
            for _ in range(count):
                yield frame


class Handover:
    """Joins the frames of an old and a new connection that are subscribed to the same streams.

    Until `cut` the old one's frames are given on, and the new one's that the old one did not bring yet are held. The
    cut gives these on, as what the old one is late with; from then on the new one's are given on, less what the old one
    brought before, and of the old one nothing but answers. As each connection keeps the order of its frames, so does
    the sum.

    Frames are the same where their bytes are. At most `limit` are kept of either: what there is no room to hold is
    given on, for an old connection that is so far behind brings nothing any more; what is forgotten of the brought ones
    came long before the new connection was there.
    """

    def __init__(self, deliver: FrameHandler, is_answer: Callable[[bytes], bool | None], limit: int) -> None:
        """`is_answer` says None where nobody can know: then all that comes in `on_open` is given on at once."""
        self.is_opening = True
        """Whether the new connection is still in `on_open`."""
        self.doubles = 0
        """Frames of the new connection that the old one brought too."""
        self._deliver = deliver
        self._is_answer = is_answer
        self._brought = _Frames(limit)
        self._held = _Frames(limit)
        self._is_cut = False

    def from_old(self, frame: bytes, ts_ns: int) -> None:
        """Take a frame of the connection that ends."""
        if self._is_answer(frame):
            self._deliver(frame, ts_ns)
        elif not self._is_cut:
            if self._held.take(frame):
                self.doubles += 1
            else:
                self._brought.add(frame)
            self._deliver(frame, ts_ns)

    def from_new(self, frame: bytes, ts_ns: int) -> None:
        """Take a frame of the successor."""
        if self._is_urgent(frame):
            self._deliver(frame, ts_ns)
        elif self._brought.take(frame):
            self.doubles += 1
        elif self._is_cut:
            self._deliver(frame, ts_ns)
        else:
            for late in self._held.add(frame):
                self._deliver(late, ts_ns)

    def _is_urgent(self, frame: bytes) -> bool:
        is_answer = self._is_answer(frame)
        return self.is_opening if is_answer is None else is_answer

    def cut(self, now_ns: int) -> None:
        """Change over. What was held is given on as of now: later than all that the old connection brought."""
        self._is_cut = True
        self.is_opening = False
        for frame in self._held.take_all():
            self._deliver(frame, now_ns)
