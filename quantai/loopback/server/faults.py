"""Everything that can go wrong between a venue and its clients, on command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum

import msgspec

from quantai.core.errors import ConfigError


class FaultKind(StrEnum):
    """What goes wrong."""

    CUT = "cut"
    """Connections are cut, at once, or each after `after` frames."""
    STALL = "stall"
    """Frames are kept back for `seconds`, then come all at once."""
    DELAY = "delay"
    """A reply comes `seconds` late."""
    DUPLICATE = "duplicate"
    """A frame comes twice."""
    REORDER = "reorder"
    """A frame comes after the next that matches."""
    TRUNCATE = "truncate"
    """A frame or reply ends in the middle."""
    GARBAGE = "garbage"
    """A frame comes with something before it that is no message; a reply is not one."""
    DROP = "drop"
    """A frame does not come: a gap."""
    ERROR_BEFORE = "error_before"
    """A request fails with status `status`, and is not done."""
    ERROR_AFTER = "error_after"
    """A request is done, and fails with status `status`."""
    HANG_UP_BEFORE = "hang_up_before"
    """The connection is cut instead of an answer; nothing is done."""
    HANG_UP_AFTER = "hang_up_after"
    """The connection is cut instead of an answer; the request is done."""
    RATE_LIMIT = "rate_limit"
    """A request is one too many; `seconds` says until when."""
    BAN = "ban"
    """As `rate_limit`, as a ban."""
    CLOCK_SKEW = "clock_skew"
    """The venue's clock is `seconds` ahead (behind where negative) from now on."""
    EXPIRE_KEYS = "expire_keys"
    """Keys of private streams end."""
    DAILY_DISCONNECT = "daily_disconnect"
    """Every socket gets the venue's notice, and is closed `seconds` later."""
    MAINTENANCE = "maintenance"
    """Every request is refused for `seconds` (0: until faults are cleared)."""
    REJECT_ORDERS = "reject_orders"
    """The next `count` orders are refused."""


FRAME_KINDS = frozenset(
    {FaultKind.CUT, FaultKind.STALL, FaultKind.DUPLICATE, FaultKind.REORDER, FaultKind.TRUNCATE, FaultKind.GARBAGE,
     FaultKind.DROP}
)  # fmt: skip
REPLY_KINDS = frozenset(
    {FaultKind.DELAY, FaultKind.TRUNCATE, FaultKind.GARBAGE, FaultKind.ERROR_BEFORE, FaultKind.ERROR_AFTER,
     FaultKind.HANG_UP_BEFORE, FaultKind.HANG_UP_AFTER, FaultKind.RATE_LIMIT, FaultKind.BAN}
)  # fmt: skip


_MOST_PENDING = 1_000


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fault. It happens `count` times, to what has `match` in it (the name of a stream; `GET /path` of a request),
    after `after` that went well.

    A `match` with a `/` means requests, for the kinds that both requests and streams can have.
    """

    kind: FaultKind
    match: str = ""
    count: int = 1
    after: int = 0
    seconds: float = 0.0
    status: int = 503

    def __post_init__(self) -> None:
        if self.count < 1 or self.after < 0 or not 400 <= self.status <= 599 or abs(self.seconds) > 86_400:
            raise ConfigError(
                f"fault {self.kind}: count must be 1 or more, after 0 or more, status 400 to 599, seconds at most a day"
            )


class FaultBoard:
    """The faults that are still to happen. `counts` says which did; `apply` does those of the venue as a whole."""

    def __init__(self, apply: Callable[[Fault], None]) -> None:
        self._apply = apply
        self.frames: list[_Pending] = []
        self.replies: list[_Pending] = []
        self.counts: Counter[FaultKind] = Counter()

    def inject(self, fault: Fault) -> None:
        """Let `fault` happen, now or when its time comes. Raises `ConfigError` where too many wait already."""
        if len(self.frames) + len(self.replies) >= _MOST_PENDING:
            raise ConfigError(f"{_MOST_PENDING} faults wait already: clear them, or let them happen")
        if (
            fault.kind in FRAME_KINDS
            and "/" not in fault.match
            and not (fault.kind is FaultKind.CUT and not fault.after)
        ):
            self.frames.append(_Pending(fault))
        elif fault.kind in REPLY_KINDS:
            self.replies.append(_Pending(fault))
        else:
            self.counts[fault.kind] += 1
            self._apply(fault)

    def clear(self) -> None:
        """Nothing more happens."""
        self.frames.clear()
        self.replies.clear()

    def of_frame(self, stream: str) -> Fault | None:
        """The fault of the next frame of `stream`, if any; it counts as happened."""
        return self._next(self.frames, stream)

    def of_reply(self, request: str) -> Fault | None:
        """The fault of a request such as `POST /order`, if any; it counts as happened."""
        return self._next(self.replies, request)

    def _next(self, pending: list[_Pending], where: str) -> Fault | None:
        for entry in pending:
            if entry.fault.match in where and entry.is_due():
                self.counts[entry.fault.kind] += 1
                if not entry.left:
                    pending.remove(entry)
                return entry.fault
        return None


class _Pending:
    """A fault that has yet to happen, or to happen again."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.left = fault.count
        self._before = fault.after

    def is_due(self) -> bool:
        if self._before > 0:
            self._before -= 1
            return False
        self.left -= 1
        return True
