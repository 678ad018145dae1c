"""How a venue is asked for streams and how it answers: what a venue writes to be kept subscribed by a `StreamPool`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from quantai.core.clock import NS_PER_SECOND


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A venue's answer to the request with `id`."""

    id: int
    is_ok: bool = True
    reason: str = ""
    """Why it was refused, in the venue's words."""
    streams: tuple[str, ...] = ()
    """Which streams of the request were refused; all of them where empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """What a venue allows on its streams."""

    streams_per_link: int
    """Subscriptions on one connection."""
    streams_per_request: int = 200
    """Streams named in one message."""
    messages: int = 4
    """Messages that one connection may send..."""
    messages_per_ns: int = NS_PER_SECOND
    """...in this time. Pongs count too at some venues: leave room."""

    @property
    def subscribing_ns(self) -> int:
        """How long it may take to ask for a full link, refused streams among them, within the message limit."""
        requests = -(-self.streams_per_link // self.streams_per_request)
        return 4 * requests * self.messages_per_ns // self.messages


class StreamDialect(ABC):
    """One venue's words. Plain functions without I/O; `id`s are unique over all connections of a pool."""

    limits: StreamLimits

    @abstractmethod
    def url(self, route: str) -> str:
        """Where streams of `route` are had; nothing secret in it."""

    @abstractmethod
    def subscribe(self, streams: Sequence[str], id: int) -> str:
        """The message that asks for `streams`, at most `limits.streams_per_request` of them."""

    @abstractmethod
    def unsubscribe(self, streams: Sequence[str], id: int) -> str:
        """The message that ends `streams`."""

    @abstractmethod
    def answer(self, frame: bytes) -> Answer | None:
        """The answer that `frame` is, None for data. Called for every frame: test cheaply first.

        An error that names no request is an `Answer` with id -1: told, and nothing else.
        """

    def route(self, stream: str) -> str:
        """Which kind of connection `stream` must be on; streams of two routes never share one."""
        return ""

    def stream_of(self, frame: bytes) -> bytes | None:
        """Which stream (its UTF-8 name) a data frame is of, None where it does not say.

        Called for every frame: a slice, not a parse.
        """
        return None

    def silence_ns(self, stream: str) -> int:
        """How long `stream` may say nothing while its connection is alive; 0 where any silence may be right."""
        return 0

    def shutdown(self, frame: bytes) -> str:
        """Why the venue is about to close this connection, where `frame` says so; else "". Called for frames that
        `stream_of` knows no stream of.
        """
        return ""
