"""What the whole book is worth, and when it broke a limit. Money is in the portfolio's base currency."""

from __future__ import annotations

from quantai.events.base import Count, Event, Money, Timestamp


class PortfolioEvent(Event, frozen=True, gc=False):
    """Base of the portfolio family."""

    ts_event: Timestamp
    ts_init: Timestamp


class PortfolioValueEvent(PortfolioEvent, frozen=True, gc=False, tag=True):
    """The portfolio was valued. `pnl` is since the start and after fees; `unpriced` counts holdings without a market
    price.
    """

    topic_prefix = "portfolio.value"

    currency: str
    equity: Money
    pnl: Money
    fees: Money
    unpriced: Count = 0


class PortfolioLimitBreachedEvent(PortfolioEvent, frozen=True, gc=False, tag=True):
    """A portfolio limit was broken: `value` went beyond `limit`."""

    topic_prefix = "portfolio.limit_breached"

    name: str
    value: Money
    limit: Money
