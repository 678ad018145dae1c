"""Routing by rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quantai.core.errors import OrderError
from quantai.instruments import Instrument


@dataclass(frozen=True, slots=True)
class Route:
    """Orders of `strategy` on `symbol` go to `venue`; None matches every one."""

    venue: str
    strategy: str | None = None
    symbol: str | None = None


class SimpleRouter:
    """The first rule that matches decides, else the only venue there is."""

    def __init__(self, rules: Sequence[Route] = ()) -> None:
        self._rules = tuple(rules)

    def route(self, strategy: str, symbol: str, candidates: Sequence[Instrument]) -> Instrument:
        """The instrument among `candidates` (one a venue) to trade. Raises `OrderError` where it cannot be told."""
        by_venue = {candidate.venue: candidate for candidate in candidates}
        for rule in self._rules:
            if rule.strategy in (None, strategy) and rule.symbol in (None, symbol) and rule.venue in by_venue:
                return by_venue[rule.venue]
        if len(by_venue) == 1:
            return candidates[0]
        if not by_venue:
            raise OrderError(f"{strategy} may not trade {symbol}: it is not among the strategy's instruments")
        raise OrderError(
            f"{strategy} can trade {symbol} at {', '.join(by_venue)}: pass venue=... or add a rule under routing.rules"
        )
