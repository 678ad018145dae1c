"""Frames as they came, for whoever wants to record them."""

from __future__ import annotations

from collections.abc import Callable

from quantai.events.raw import RawFrameEvent

IsWanted = Callable[[str], bool]


class RawTap:
    """Publishes the raw frames of one venue's public connections where somebody wants them.

    Only public data: frames of private connections may carry keys and must not be given to it.
    """

    def __init__(self, venue: str, publish: Callable[[RawFrameEvent], None], is_wanted: IsWanted) -> None:
        """`is_wanted` says whether anybody subscribes to a topic (`EventBus.is_wanted`)."""
        self._venue = venue
        self._publish = publish
        self._is_wanted = is_wanted

    def is_wanted(self, connection: str) -> bool:
        """Whether anybody wants the frames of `connection`: ask seldom, not for every frame."""
        return self._is_wanted(f"{RawFrameEvent.topic_prefix}.{self._venue}.{connection}")

    def record(self, connection: str, frame: bytes, ts_ns: int) -> None:
        """Publish a frame, or what the decoder needs besides frames and knows as one; it came at `ts_ns`.

        Bytes that are no UTF-8 are written as `\\xNN`: no venue's text has them, and its decoder refuses them anyway.
        """
        self._publish(RawFrameEvent(self._venue, connection, ts_ns, ts_ns, frame.decode(errors="backslashreplace")))
