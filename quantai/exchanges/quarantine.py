"""What could not be understood, kept for whoever wants to know why."""

from __future__ import annotations

import logging
import re
from collections import Counter
from pathlib import Path

import msgspec

from quantai.core.clock import NS_PER_SECOND, Clock, iso_utc

logger = logging.getLogger(__name__)

_MAX_KINDS = 100
_MAX_REASON = 500
_SECRET = re.compile(
    r'("(?:apiKey|api_key|listenKey|listenToken|signature|secret|passphrase|token|key)"\s*:\s*")[^"]*', re.IGNORECASE
)


def without_secrets(text: str) -> str:
    """`text` with the values of JSON keys that hold keys, signatures, listen keys and tokens taken out."""
    return _SECRET.sub(r"\1***", text)


class Quarantine:
    """Counts malformed frames, keeps a sample of them in a bounded file, and tells of them at most every so often.

    `counts` has how many came by kind of error. Of each kind the 1st, 2nd, 4th, 8th... is kept, so that a flood of one
    kind leaves room for others.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        path: Path | None = None,
        *,
        max_bytes: int = 10_000_000,
        max_frame_bytes: int = 4_096,
        tell_every_ns: int = 60 * NS_PER_SECOND,
    ) -> None:
        """`path` is a JSON lines file that grows to `max_bytes` (None: nothing is kept); `name` says in the log whose
        frames they are. Frames are cut to `max_frame_bytes`.
        """
        self.counts: Counter[str] = Counter()
        self.kept = 0
        """Lines that this process wrote."""
        self._name = name
        self._clock = clock
        self._path = path
        self._max_bytes = max_bytes
        self._max_frame_bytes = max_frame_bytes
        self._tell_every_ns = tell_every_ns
        self._told_ns: int | None = None
        self._told_total = 0

    @property
    def total(self) -> int:
        """How many came."""
        return self.counts.total()

    def add(self, frame: bytes, error: Exception, ts_ns: int) -> None:
        """Take a frame that came at `ts_ns` and that `error` was raised for; never raises."""
        kind = type(error).__name__
        if kind not in self.counts and len(self.counts) >= _MAX_KINDS:
            kind = "others"
        self.counts[kind] += 1
        count = self.counts[kind]
        reason = without_secrets(str(error))[:_MAX_REASON]
        if count & (count - 1) == 0:
            self._keep(frame, kind, reason, ts_ns)
        self._tell(kind, reason)

    def _keep(self, frame: bytes, kind: str, reason: str, ts_ns: int) -> None:
        if self._path is None:
            return
        # What a cut leaves of a secret at the end would not look like one: take secrets out first, of a bounded piece.
        text = without_secrets(frame[: 2 * self._max_frame_bytes].decode(errors="backslashreplace"))
        line = msgspec.json.encode(
            {
                "time": iso_utc(ts_ns),
                "name": self._name,
                "error": kind,
                "reason": reason,
                "bytes": len(frame),
                "frame": text[: self._max_frame_bytes],
            }
        )
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                if file.tell() + len(line) < self._max_bytes:
                    file.write(line + b"\n")
                    self.kept += 1
        except OSError as failure:
            logger.warning("the quarantine %s cannot be written: %s", self._path, failure)
            self._path = None

    def _tell(self, kind: str, reason: str) -> None:
        now_ns = self._clock.now_ns()
        if self._told_ns is not None and 0 <= now_ns - self._told_ns < self._tell_every_ns:
            return
        new = self.total - self._told_total
        self._told_ns, self._told_total = now_ns, self.total
        logger.warning(
            "%s: %d malformed frames since last told, %d in all; the last: %s: %s",
            self._name,
            new,
            self.total,
            kind,
            reason,
        )
