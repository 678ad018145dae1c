"""The portfolio of an account that another daemon keeps: fills are booked here as there, and what is missed is told."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from quantai.core.numbers import ZERO
from quantai.events import BalanceStateEvent, PositionStateEvent
from quantai.portfolio.portfolio import Portfolio
from quantai.portfolio.position import Position

logger = logging.getLogger(__name__)


class MirroredPortfolio(Portfolio):
    """A portfolio that can be told what it holds. Its events are published where the account is kept, not here.

    Fees and traded notional count from when this one began.
    """

    def take_over(self, positions: Sequence[PositionStateEvent], balances: Sequence[BalanceStateEvent]) -> None:
        """Forget what is held and take this instead. Positions in instruments not configured here are left out."""
        self._balances.clear()
        self._balances.update({(each.venue, each.currency): each.amount for each in balances})
        before, self._positions = self._positions, {}
        known = {key: position.quantity for key, position in before.items()}
        self._net.clear()
        for told in positions:
            if (told.venue, told.symbol) in self._catalogue:
                key = (told.strategy, told.venue, told.symbol)
                position = before.get(key) or Position(self._catalogue.get(told.venue, told.symbol))
                position.quantity, position.cost, position.realized_pnl = told.quantity, told.cost, told.realized_pnl
                position.unpaid_pnl = told.unpaid_pnl
                self._positions[key] = position
                self._net[told.venue, told.symbol] += told.quantity
        for key in sorted({*known, *self._positions}):
            was, now = known.get(key, ZERO), self.position(key[1], key[2], key[0])
            if was != now:
                logger.warning("the position of %s in %s:%s is %s, not %s as was known here", *key, now, was)
