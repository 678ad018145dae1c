"""What happened to the daemon and its connections. `component` names the part that speaks, e.g. `binance` or
`recorder`.
"""

from __future__ import annotations

from quantai.events.base import Count, Event, Timestamp


class SystemEvent(Event, frozen=True, gc=False):
    """Base of the system family, published at `system.<what happened>.<component>`."""

    topic_fields = ("component",)

    component: str
    ts_event: Timestamp
    ts_init: Timestamp


class StartedEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """A component is ready."""

    topic_prefix = "system.started"


class StoppedEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """A component stopped."""

    topic_prefix = "system.stopped"

    reason: str = ""


class ConnectedEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """A connection to a venue stands."""

    topic_prefix = "system.connected"


class DisconnectedEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """A connection to a venue fell."""

    topic_prefix = "system.disconnected"

    reason: str = ""


class GapEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """Market data is known to be missing on `venue` and `symbol` between two times; `lost` counts events, 0 where not
    known.
    """

    topic_prefix = "system.gap"

    venue: str
    symbol: str
    start_ns: Timestamp
    end_ns: Timestamp
    lost: Count = 0
    reason: str = ""


class StaleEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """Nothing came on `venue` and `symbol` for longer than it should take."""

    topic_prefix = "system.stale"

    venue: str
    symbol: str
    age_ns: Count


class ErrorEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """A component failed at something and went on; `cause` is the `reference` of the event it was handling, if any."""

    topic_prefix = "system.error"

    error: str
    message: str
    cause: str = ""


class TimerEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """A timer that `component` (a strategy) armed under `name` is due."""

    topic_prefix = "system.timer"

    name: str
