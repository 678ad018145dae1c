"""What venues sent, as it came."""

from __future__ import annotations

from quantai.events.base import Event, Timestamp


class RawEvent(Event, frozen=True, gc=False):
    """Base of the raw family, published at `raw.<what>.<venue>.<connection>` only where somebody wants it."""

    topic_fields = ("venue", "connection")

    venue: str
    """The configured name of the exchange."""
    connection: str
    """The connection it came over, as the venue's connector names it: `public-1`."""
    ts_event: Timestamp
    """When it came: a frame that is not decoded says nothing else. Nanoseconds UTC since 1970."""
    ts_init: Timestamp
    """When it came, nanoseconds UTC since 1970."""


class RawFrameEvent(RawEvent, frozen=True, gc=False, tag=True):
    """One frame of a venue's public stream, untouched; `quantai data import --format raw` decodes it again."""

    topic_prefix = "raw.frame"

    frame: str
    """The text of the frame."""
