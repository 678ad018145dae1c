"""How patient connections are. All lengths of time are nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """Of one connection that is kept standing."""

    connect_timeout_ns: int = 10 * NS_PER_SECOND
    """For TCP, TLS and the WebSocket handshake together."""
    open_timeout_ns: int = 30 * NS_PER_SECOND
    """For `on_open`: login and subscriptions. A pool adds the time that the venue's message limit asks for."""
    close_timeout_ns: int = 2 * NS_PER_SECOND
    """For the closing handshake; then the socket is cut."""
    ping_interval_ns: int = 20 * NS_PER_SECOND
    """Between our own protocol pings, which find half-open sockets."""
    ping_timeout_ns: int = 20 * NS_PER_SECOND
    """For the pong to each of them."""
    silence_ns: int = 0
    """The longest time without any data frame; 0 where the venue may rightly say nothing."""
    max_frame_bytes: int = 16 * 2**20
    """A larger message closes the connection with code 1009."""
    max_pings_per_second: int = 50
    """A server that pings more often than this is left: every pong costs, at us and of the venue's message limit."""
    first_delay_ns: int = 500 * NS_PER_MS
    """The first reconnect waits a random time up to this, each further one up to twice as long..."""
    max_delay_ns: int = 30 * NS_PER_SECOND
    """...but never longer than this."""
    healthy_ns: int = 60 * NS_PER_SECOND
    """A connection that lived this long was good: what failed before it is forgotten."""
    breaker_failures: int = 10
    """As many failures within `breaker_window_ns` open the circuit breaker."""
    breaker_window_ns: int = 300 * NS_PER_SECOND
    breaker_pause_ns: int = 120 * NS_PER_SECOND
    """While the breaker is open nothing is tried; then one attempt decides."""
    max_age_ns: int = 23 * 3_600 * NS_PER_SECOND
    """Replaced by a new connection before it is older than this: Binance cuts every one after 24 h."""
    age_jitter: float = 0.04
    """The part of `max_age_ns` by which replacements are spread, so that connections are not all renewed at once."""
    overlap_ns: int = NS_PER_SECOND
    """How long the old and the new connection both deliver before frames are taken from the new one."""
    max_overlap_frames: int = 20_000
    """Different frames remembered of each connection during a replacement: several seconds of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """Of subscriptions that are kept up."""

    answer_timeout_ns: int = 10 * NS_PER_SECOND
    """For the acknowledgement of a request; without one it is asked again."""
    max_asks: int = 3
    """Unanswered requests in a row on one connection before that is replaced."""
    first_retry_ns: int = 5 * NS_PER_SECOND
    """A refused stream is asked for again after this, then after twice as long..."""
    max_retry_ns: int = 600 * NS_PER_SECOND
    """...up to this."""
    watch_interval_ns: int = NS_PER_SECOND
    """How often silent streams are looked for."""
    max_waiting: int = 16
    """Requests of one connection that wait for their answers at a time."""
