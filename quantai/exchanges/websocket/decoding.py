"""What a venue's frames mean: the one place where bytes become events, live and when recorded frames are read again."""

from __future__ import annotations

from abc import ABC, abstractmethod


class FrameDecoder(ABC):
    """Turns the frames of one venue into events and gives these to the sink it was made with, in the order of frames.

    The exchange's `frame_decoder(sink)` (see `raw_import.MakesDecoders`) makes one that knows everything it needs
    without a network, so that recorded frames decode to the same events again. What a decoder needs besides frames (a
    REST snapshot of a book) the connector records as a frame of a form that its decoder knows (`RawTap.record`).

    A connection is replaced before the venue cuts it: for about a second both deliver, and frames that differ in
    nothing are given on once. Where a venue says the same thing in two ways on two connections (a sequence number or
    a time of sending per connection), the decoder must drop by id what it has seen: trades by trade id, book changes
    by update id.
    """

    @property
    def unknown(self) -> int:
        """Frames so far that made no event because their stream or symbol is not known."""
        return 0

    @abstractmethod
    def decode(self, frame: bytes, ts_init: int) -> None:
        """Decode one frame, which came at `ts_init` (nanoseconds UTC). Answers to requests are ignored.

        Raises any exception for a frame that cannot be understood: it goes to quarantine and the next one comes.
        """
