"""What recurring jobs do."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from quantai.core.clock import NS_PER_SECOND, Clock, iso_utc
from quantai.core.numbers import plain
from quantai.data.feed import Feed
from quantai.data.market import MarketView
from quantai.events import StaleEvent
from quantai.events.bus import EventBus
from quantai.instruments import Instrument
from quantai.oms.orders import Orders
from quantai.oms.reconciliation import Reconciler
from quantai.ops.schedule import Job, Jobs
from quantai.portfolio.portfolio import Portfolio

logger = logging.getLogger(__name__)


@runtime_checkable
class Linked(Protocol):
    """A bus to other processes, as far as its state is told."""

    @property
    def is_connected(self) -> bool:
        """Whether the others can be reached."""

    @property
    def counts(self) -> Mapping[str, int]:
        """What happened so far, by name."""


class Counted(Protocol):
    """What counts what it does."""

    @property
    def counts(self) -> Mapping[str, int]:
        """What happened so far, by name."""
        ...


def log_status(
    feed: Feed,
    bus: EventBus | None = None,
    orders: Orders | None = None,
    portfolio: Portfolio | None = None,
    others: Sequence[Counted] = (),
) -> Job:
    """A job that logs one line on events, the bus where it has a link to others, orders, fills, equity, and what
    `others` counted.
    """

    def job(due_ns: int) -> None:
        parts = [iso_utc(due_ns)[:19], f"{feed.events:,} events"]
        if isinstance(bus, Linked):
            counts = "".join(f" {name} {count}" for name, count in bus.counts.items() if count)
            parts.append(f"bus {'up' if bus.is_connected else 'DOWN'}{counts}")
        if orders is not None:
            parts += [f"{name} {count}" for name, count in orders.counts.items() if count]
        if portfolio is not None:
            value = portfolio.value()
            parts.append(f"equity {plain(round(value.total, 2))} {portfolio.base_currency}")
        parts += [f"{name} {count}" for other in others for name, count in other.counts.items() if count]
        logger.info("status: %s", ", ".join(parts))

    return job


def check_feeds(
    bus: EventBus, clock: Clock, market: MarketView, instruments: Sequence[Instrument], limit_ns: int
) -> Job:
    """A job that publishes a `StaleEvent` for each instrument that has been silent for `limit_ns`, from its making on.

    The event comes every time, the log line when silence begins and when it ends.
    """
    made_ns = clock.now_ns()
    stale: set[Instrument] = set()

    def job(due_ns: int) -> None:
        for instrument in instruments:
            age_ns = due_ns - (market.seen_ns(instrument.venue, instrument.symbol) or made_ns)
            if age_ns >= limit_ns:
                if instrument not in stale:
                    logger.warning("%s is silent for %.1f s", instrument, age_ns / NS_PER_SECOND)
                stale.add(instrument)
                bus.post(StaleEvent("feeds", due_ns, clock.now_ns(), instrument.venue, instrument.symbol, age_ns))
            elif instrument in stale:
                logger.info("%s is back", instrument)
                stale.remove(instrument)

    return job


def reconcile(reconciler: Reconciler, venues: Sequence[str] = ()) -> Job:
    """A job that asks for a comparison with these venues, or all of them; it does not wait for the venues to answer."""

    def job(due_ns: int) -> None:
        reconciler.request(venues)

    return job


__all__ = ["Counted", "Job", "Jobs", "Linked", "check_feeds", "log_status", "reconcile"]
