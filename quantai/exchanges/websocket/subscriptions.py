"""What one connection is subscribed to, as far as its answers prove, and what must be asked so that it becomes what is
wanted. Pure bookkeeping: no clock, no socket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto

from quantai.exchanges.websocket.dialect import Answer
from quantai.exchanges.websocket.refusals import Refusals


class _State(Enum):
    """Of a stream that is not simply off."""

    ASKED = auto()
    ON = auto()
    STALE = auto()
    """To be ended, and asked for anew where it is wanted: it fell silent, or a request for its end was not answered."""
    UNKNOWN = auto()
    """Asked for without an answer."""
    LEAVING = auto()


@dataclass(slots=True)
class Request:
    """One message: subscribe to `streams`, or unsubscribe from them. `sent_ns` is 0 until it left."""

    id: int
    is_subscribe: bool
    streams: tuple[str, ...]
    sent_ns: int = 0


class Subscriptions:
    """Of one connection. A stream is in one request at a time; what is not answered in time is asked again."""

    def __init__(
        self,
        wanted: Iterable[str],
        *,
        next_id: Callable[[], int],
        refusals: Refusals,
        per_request: int,
        max_waiting: int,
        answer_timeout_ns: int,
    ) -> None:
        self.unanswered_in_row = 0
        """Requests without an answer since the last answer."""
        self._wanted = frozenset(wanted)
        self._next_id = next_id
        self._refusals = refusals
        self._per_request = per_request
        self._max_waiting = max_waiting
        self._answer_timeout_ns = answer_timeout_ns
        self._states: dict[str, _State] = {}
        self._on_since: dict[str, int] = {}
        self._waiting: dict[int, Request] = {}
        self._batch_limits: dict[str, int] = {}

    @property
    def on(self) -> frozenset[str]:
        """The wanted streams that are subscribed, as the venue said."""
        return frozenset(stream for stream in self._on_since if stream in self._wanted)

    @property
    def wanted(self) -> frozenset[str]:
        """What should be on."""
        return self._wanted

    def on_since_ns(self, stream: str) -> int:
        """When `stream`, which is on, was acknowledged."""
        return self._on_since[stream]

    def is_settled(self, streams: frozenset[str], now_ns: int) -> bool:
        """Whether each of `streams` that is still wanted is on, or was refused and must not be asked for yet."""
        return all(
            stream in self._on_since or (stream not in self._states and self._refusals.retry_ns(stream) > now_ns)
            for stream in streams & self._wanted
        )

    def want(self, streams: Iterable[str]) -> None:
        """Want exactly `streams` from now on."""
        self._wanted = frozenset(streams)

    def distrust(self, streams: Iterable[str]) -> None:
        """Ask for `streams` anew: these fell silent."""
        for stream in streams:
            if self._states.get(stream) is _State.ON:
                self._set(stream, _State.STALE)

    def next_request(self, now_ns: int) -> Request | None:
        """What to send next, None where nothing is to be asked or too much waits for its answer. To be sent, then told
        with `sent`.
        """
        if len(self._waiting) >= self._max_waiting:
            return None
        streams = self._batch(sorted(self._to_leave()))
        is_subscribe = not streams
        if is_subscribe:
            streams = self._batch(sorted(self._to_subscribe(now_ns)))
        if not streams:
            return None
        request = Request(self._next_id(), is_subscribe, streams)
        self._waiting[request.id] = request
        for stream in streams:
            self._set(stream, _State.ASKED if is_subscribe else _State.LEAVING)
        return request

    def sent(self, request: Request, now_ns: int) -> None:
        """`request` left: its time for an answer begins."""
        request.sent_ns = max(1, now_ns)

    def answered(self, answer: Answer, now_ns: int) -> list[str]:
        """Take an answer; one to no request that waits proves nothing. Returns the streams that were refused for good,
        which is when they were asked for alone or by name.
        """
        request = self._waiting.pop(answer.id, None)
        if request is None:
            return []
        self.unanswered_in_row = 0
        refused = set() if answer.is_ok else set(answer.streams) & set(request.streams) or set(request.streams)
        for stream in request.streams:
            if request.is_subscribe and stream not in refused:
                self._turned_on(stream, now_ns)
            else:
                self._set(stream, None)
        if not request.is_subscribe or not refused:
            return []
        if len(request.streams) > 1 and not answer.streams:  # one may spoil it for all: ask for fewer at a time
            self._batch_limits.update(dict.fromkeys(request.streams, len(request.streams) // 2))
            return []
        for stream in refused:
            self._refusals.refused(stream, now_ns)
        return sorted(refused)

    def expire(self, now_ns: int) -> int:
        """Give up on answers that are overdue: their streams are asked again. Returns how many requests that were."""
        overdue = [request for request in self._waiting.values() if self._is_overdue(request, now_ns)]
        for request in overdue:
            del self._waiting[request.id]
            for stream in request.streams:
                self._set(stream, _State.UNKNOWN if request.is_subscribe else _State.STALE)
        self.unanswered_in_row += len(overdue)
        return len(overdue)

    def next_due_ns(self, now_ns: int) -> int | None:
        """When there is something to do that no answer brings: an overdue answer, or a refused stream to ask for."""
        due = [request.sent_ns + self._answer_timeout_ns for request in self._waiting.values() if request.sent_ns]
        due += [self._refusals.retry_ns(stream) for stream in self._wanted if stream not in self._states]
        return min((time_ns for time_ns in due if time_ns > now_ns), default=None)

    def _to_leave(self) -> Iterable[str]:
        """Streams that are on and should not be, or must be asked for anew."""
        for stream, state in self._states.items():
            is_on = state in (_State.ON, _State.UNKNOWN)
            if state is _State.STALE or (is_on and stream not in self._wanted):
                yield stream

    def _to_subscribe(self, now_ns: int) -> Iterable[str]:
        for stream in self._wanted:
            state = self._states.get(stream)
            if state is _State.UNKNOWN or (state is None and self._refusals.retry_ns(stream) <= now_ns):
                yield stream

    def _batch(self, streams: list[str]) -> tuple[str, ...]:
        """The first of `streams`, as many as may be named together."""
        batch: list[str] = []
        limit = self._per_request
        for stream in streams:
            limit = min(limit, self._batch_limits.get(stream, limit))
            if len(batch) >= limit:
                break
            batch.append(stream)
        return tuple(batch)

    def _turned_on(self, stream: str, now_ns: int) -> None:
        self._set(stream, _State.ON)
        self._on_since[stream] = now_ns
        self._batch_limits.pop(stream, None)
        self._refusals.granted(stream)

    def _set(self, stream: str, state: _State | None) -> None:
        if state is not _State.ON:
            self._on_since.pop(stream, None)
        if state is None:
            self._states.pop(stream, None)
        else:
            self._states[stream] = state

    def _is_overdue(self, request: Request, now_ns: int) -> bool:
        return bool(request.sent_ns) and now_ns - request.sent_ns >= self._answer_timeout_ns
