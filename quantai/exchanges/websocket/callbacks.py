"""What a link calls, so that nothing that is raised there ends a connection."""

from __future__ import annotations

import logging
from collections.abc import Callable

from quantai.exchanges.quarantine import Quarantine
from quantai.exchanges.websocket.connection import FrameHandler

logger = logging.getLogger(__name__)


class Callbacks:
    """The consumer of one link; see `Link` for what the functions are."""

    def __init__(
        self,
        name: str,
        on_frame: FrameHandler,
        on_state: Callable[[bool, str], None],
        is_answer: Callable[[bytes], bool] | None,
        quarantine: Quarantine,
    ) -> None:
        self.malformed = 0
        """Frames that the consumer could not take."""
        self._name = name
        self._on_frame = on_frame
        self._on_state = on_state
        self._is_answer = is_answer
        self._quarantine = quarantine

    def deliver(self, frame: bytes, ts_ns: int) -> None:
        """Give on a frame, or put it into quarantine."""
        try:
            self._on_frame(frame, ts_ns)
        except Exception as error:
            self.malformed += 1
            self._quarantine.add(frame, error, ts_ns)

    def is_answer(self, frame: bytes) -> bool | None:
        """Whether `frame` answers a request; None where nobody told how to know."""
        try:
            return self._is_answer(frame) if self._is_answer else None
        except Exception:
            return False

    def tell(self, is_up: bool, reason: str) -> None:
        """Tell how the link does."""
        try:
            self._on_state(is_up, reason)
        except Exception:
            logger.exception("%s: telling that it is %s failed", self._name, "up" if is_up else "down")
