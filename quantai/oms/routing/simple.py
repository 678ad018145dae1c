"""Routing by rule."""

from __future__ import annotations

from collections.abc import Sequence

from quantai.core.errors import OrderError
from quantai.instruments import Instrument
from quantai.oms.routing.base import Decision, Leg, Router, RouteRequest, Score


class SimpleRouter(Router):
    """The first rule that matches decides, else the only venue there is."""

    def route(self, request: RouteRequest, candidates: Sequence[Instrument]) -> Decision:
        ruled = self.ruled(request, candidates)
        if ruled is None:
            chosen, reason = self._only(request.strategy, request.symbol, candidates), "the only venue there is"
        else:
            chosen, reason = ruled[1], f"the rule {ruled[0]}"
        scores = [
            Score(each.venue, 0.0) if each is chosen else Score(each.venue, excluded=f"{reason} decides")
            for each in candidates
        ]
        leg = Leg(chosen, chosen.quantize_quantity(request.quantity))
        return Decision((leg,), tuple(scores), reason)

    def fixed(self, strategy: str, symbol: str, candidates: Sequence[Instrument]) -> Instrument:
        by_venue = {candidate.venue: candidate for candidate in candidates}
        for rule in self._rules:
            if rule.venue in by_venue and rule.concerns(strategy, symbol):
                return super().fixed(strategy, symbol, candidates) if rule.needs_size else by_venue[rule.venue]
        return self._only(strategy, symbol, candidates)

    def _only(self, strategy: str, symbol: str, candidates: Sequence[Instrument]) -> Instrument:
        if len(candidates) > 1:
            venues = ", ".join(candidate.venue for candidate in candidates)
            raise OrderError(
                f"{strategy} can trade {symbol} at {venues}: pass venue=... or add a rule under routing.rules"
            )
        return super().fixed(strategy, symbol, candidates)
