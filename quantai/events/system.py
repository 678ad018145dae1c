"""What happened to the daemon and its connections."""

from __future__ import annotations

from quantai.core.enums import TradingState
from quantai.events.base import Count, Event, Timestamp


class SystemEvent(Event, frozen=True, gc=False):
    """Base of the system family, published at `system.<what happened>.<component>`."""

    topic_fields = ("component",)

    component: str
    """The part that speaks: a venue, a strategy, `recorder`, `feeds`."""
    ts_event: Timestamp
    """When it happened, nanoseconds UTC since 1970."""
    ts_init: Timestamp
    """When this process learned of it, nanoseconds UTC since 1970."""


class StartedEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """A component is ready."""

    topic_prefix = "system.started"


class StoppedEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """A component stopped."""

    topic_prefix = "system.stopped"

    reason: str = ""
    """Why, where it was not asked to."""


class ConnectedEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """A connection stands: to a venue, or to the order journal after an outage."""

    topic_prefix = "system.connected"


class DisconnectedEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """A connection to a venue fell."""

    topic_prefix = "system.disconnected"

    reason: str = ""
    """Why, where that is known."""


class GapEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """Events are known to be missing; recorded, these are the gap ledger of a store."""

    topic_prefix = "system.gap"

    venue: str
    """Where; empty where events without a venue are missing."""
    symbol: str
    """Of what; empty where events without a symbol are missing."""
    start_ns: Timestamp
    """No later than the first that is missing, nanoseconds UTC since 1970."""
    end_ns: Timestamp
    """No earlier than the last that is missing, nanoseconds UTC since 1970."""
    lost: Count = 0
    """How many are missing; 0 where not known."""
    reason: str = ""
    """Why they are."""


class StaleEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """Nothing came of an instrument for longer than it should take."""

    topic_prefix = "system.stale"

    venue: str
    """The configured name of the exchange."""
    symbol: str
    """The ccxt-unified symbol."""
    age_ns: Count
    """How long nothing came, in nanoseconds."""


class ErrorEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """A component failed at something and went on."""

    topic_prefix = "system.error"

    error: str
    """The kind of error, by its class."""
    message: str
    """What it says."""
    cause: str = ""
    """The `reference` of the event it was handling, if any."""


class TradingStateEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """Trading was halted, restricted or resumed: `component` is the strategy it is for, or `all`."""

    topic_prefix = "system.trading_state"

    state: TradingState
    reason: str
    """Why, and who said so."""


class MismatchEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """The books and a venue, which is the `component`, did not agree, and what was done about it."""

    topic_prefix = "system.mismatch"

    kind: str
    """What did not agree, in a word that does not change: `missing_order`, `external_order`, `missed_fill`..."""
    subject: str
    """The order, instrument or currency."""
    ours: str
    """What the books said."""
    theirs: str
    """What the venue says."""
    action: str
    """What was done."""


class TimerEvent(SystemEvent, frozen=True, gc=False, tag=True):
    """A timer that `component` (a strategy) armed is due; `ts_event` is when it was to be."""

    topic_prefix = "system.timer"
    own_field = "name"

    name: str
    """What the timer was armed under."""
