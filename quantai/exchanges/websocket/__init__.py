"""Connections that stay: one socket kept standing (`Link`), and many streams kept subscribed over links (`StreamPool`).

A venue adds a `StreamDialect` (how it is asked for streams and answers) and a `FrameDecoder` (what its frames mean).
"""

from quantai.exchanges.websocket.decoding import FrameDecoder
from quantai.exchanges.websocket.dialect import Answer, StreamDialect, StreamLimits
from quantai.exchanges.websocket.link import Link
from quantai.exchanges.websocket.pool import StreamPool
from quantai.exchanges.websocket.raw import RawTap
from quantai.exchanges.websocket.settings import LinkSettings, PoolSettings

__all__ = [
    "Answer",
    "FrameDecoder",
    "Link",
    "LinkSettings",
    "PoolSettings",
    "RawTap",
    "StreamDialect",
    "StreamLimits",
    "StreamPool",
]
