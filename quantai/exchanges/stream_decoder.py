"""Frames that begin with the name of their stream: a dictionary finds what handles them, in the bytes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import msgspec

from quantai.exchanges.stream_handlers import Output
from quantai.exchanges.websocket.decoding import FrameDecoder

Handle = Callable[[bytes, int], None]
"""Takes a frame, and when it came (nanoseconds UTC)."""

_MAX_STREAMS = 20_000


class _Named(msgspec.Struct):
    stream: str


_decode_name = msgspec.json.Decoder(_Named).decode


class StreamDecoder(FrameDecoder):
    """For one venue. Each stream is bound to what handles it when its first frame comes; a venue writes `bind`."""

    prefix: ClassVar[bytes] = b'{"stream":"'
    """What frames begin with; then comes the name of the stream, and a quotation mark."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._after_prefix = len(self.prefix)
        self._by_name: dict[bytes, Handle] = {}
        self._by_stream: dict[str, Handle | None] = {}

    @property
    def unknown(self) -> int:
        """See the interface."""
        return self._output.counts.unknown

    @abstractmethod
    def bind(self, stream: str) -> Handle | None:
        """What handles the frames of a stream; None for one that nobody asked for."""

    def named(self, frame: bytes) -> tuple[str, bytes]:
        """The stream of a frame that is not bound yet, and the frame as its handler takes it."""
        return _decode_name(frame).stream, frame

    def decode(self, frame: bytes, ts_init: int) -> None:
        """Decode one frame. Raises `msgspec.DecodeError` or `OddMessage` for what makes no sense."""
        handle = self._by_name.get(frame[self._after_prefix : frame.find(b'"', self._after_prefix)])
        if handle is None:
            self._decode_rare(frame, ts_init)
        else:
            handle(frame, ts_init)

    def _decode_rare(self, frame: bytes, ts_init: int) -> None:
        """The first frame of a stream, one that is written in another way, or one that nobody asked for."""
        stream, whole = self.named(frame)
        if stream not in self._by_stream and len(self._by_stream) < _MAX_STREAMS:
            self._by_stream[stream] = self.bind(stream)
        handle = self._by_stream.get(stream)
        if handle is None:
            self._output.counts.unknown += 1
            return
        name = stream.encode()
        if frame.startswith(b'%b%b"' % (self.prefix, name)):
            self._by_name[name] = handle
        handle(whole, ts_init)
