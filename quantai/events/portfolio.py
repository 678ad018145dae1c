"""What the whole book is worth, and when it broke a limit. Money is in the portfolio's base currency."""

from __future__ import annotations

from quantai.events.base import Count, Event, Money, Timestamp


class PortfolioEvent(Event, frozen=True, gc=False):
    """Base of the portfolio family, published at `portfolio.<what happened>`."""

    ts_event: Timestamp
    """When it was found, nanoseconds UTC since 1970."""
    ts_init: Timestamp
    """When this process learned of it, nanoseconds UTC since 1970."""


class PortfolioValueEvent(PortfolioEvent, frozen=True, gc=False, tag=True):
    """The portfolio was valued."""

    topic_prefix = "portfolio.value"

    currency: str
    """The base currency, which the rest is in."""
    equity: Money
    """Balances and open positions at market prices."""
    pnl: Money
    """What equity gained since the start, after fees."""
    fees: Money
    """Paid since the start."""
    unpriced: Count = 0
    """Holdings without a market price, which count as nothing."""


class PortfolioLimitBreachedEvent(PortfolioEvent, frozen=True, gc=False, tag=True):
    """A portfolio limit was broken."""

    topic_prefix = "portfolio.limit_breached"

    name: str
    """Of the limit."""
    value: Money
    """What went beyond it: money in base currency, or a ratio."""
    limit: Money
    """Beyond what it should not go, in the same unit."""


class BalanceAdjustedEvent(PortfolioEvent, frozen=True, gc=False, tag=True):
    """The venue says that it holds another amount than the books: its word is taken (a deposit, funding, interest)."""

    topic_prefix = "portfolio.balance_adjusted"

    venue: str
    """The configured name of the exchange."""
    currency: str
    """Of what."""
    before: Money
    """What the books said."""
    after: Money
    """What the venue says, and the books from now on."""
    reason: str
    """How it was found."""
