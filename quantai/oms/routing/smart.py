"""Smart routing: where an order trades at the best price, everything included, and in parts where that pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import takewhile
from math import inf
from typing import Annotated, ClassVar

from pydantic import Field

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND
from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.numbers import ZERO, plain, to_decimal, truncate_to_step
from quantai.core.params import PositiveDuration, Rate
from quantai.events.base import Level
from quantai.instruments import Instrument
from quantai.oms.routing.base import Decision, Leg, Router, RouteRequest, Score
from quantai.oms.routing.funds import room_at
from quantai.oms.routing.ladder import BPS, Rates, Rung, limited, parts_of, resting, taking
from quantai.oms.routing.split import Offer, allocate

BasisPoints = Annotated[float, Field(ge=0, le=10_000)]
Weight = Annotated[float, Field(ge=0, le=1_000)]


class SmartRouter(Router):
    """Scores every venue that lists the instrument by what the order would cost there, and divides the order where that
    saves enough.

    The cost has the price through the visible book, or the best price where no book is known, what is assumed beyond
    it, fees, and what latency and a nearly used up rate limit are held to cost. A rule that matches leaves one venue.
    """

    opens_parents: ClassVar[bool] = True
    wants_books: ClassVar[bool] = True

    fee_weight: Weight = 1.0
    """What a basis point of fees counts, where one of price counts 1."""
    latency_bps_per_ms: BasisPoints = 0.005
    """How far the price is held to run away in a millisecond between a command and its answer."""
    rate_limit_bps: BasisPoints = 1.0
    """What a venue costs whose rate limit is used up; in proportion to the part that is."""
    slippage_bps: BasisPoints = 2.0
    """How much worse the price is held to get with each further quantity as large as what is visible."""
    queue_bps: BasisPoints = 1.0
    """What it costs an order that rests to have everybody before it; in proportion to its place in the queue."""
    min_saving_bps: BasisPoints = 0.5
    """An order is divided only where that saves so much against the best single venue."""
    max_legs: Annotated[int, Field(ge=1, le=100)] = 3
    """Into how many parts an order is divided at most."""
    depth: Annotated[int, Field(ge=1, le=1_000)] = 20
    """How many levels of a book are looked at."""
    max_quote_age: PositiveDuration = 10_000_000_000
    """A venue where nothing was seen of the instrument for longer is out of the question."""
    min_rate_headroom: Annotated[float, Field(ge=0, le=1)] = 0.05
    """And so is one where less of the rate limit is left, as a fraction."""
    follow_funds: bool = True
    """Spot is sold only where the coins are, and bought only where the cash is."""
    cash_buffer: Annotated[Rate, Field(ge=0)] = Decimal("0.01")
    """The part of what a purchase costs that must be there besides, for fees and for the price to move."""

    def route(self, request: RouteRequest, candidates: Sequence[Instrument]) -> Decision:
        ruled = self.ruled(request, candidates)
        offers: list[Offer] = []
        excluded: dict[str, str] = {}
        for candidate in candidates:
            if ruled is not None and ruled[1] is not candidate:
                offer: Offer | str = f"the rule {ruled[0]} decides"
            elif ruled is None and _contract(candidate) != _contract(candidates[0]):
                offer = f"its contract is not that of {candidates[0]}"
            else:
                offer = self._offer(candidate, request)
            if isinstance(offer, Offer):
                offers.append(offer)
            else:
                excluded[candidate.venue] = offer
        if not offers:
            why = "; ".join(f"{venue}: {reason}" for venue, reason in excluded.items())
            return Decision((), tuple(_out(excluded)), f"no venue can take it: {why}")
        return self._choose(request, offers, excluded)

    # What a venue has to offer

    def _offer(self, instrument: Instrument, request: RouteRequest) -> Offer | str:
        """What the order would meet there, or why it cannot go there."""
        view, venue = self.view, instrument.venue
        if venue in request.avoid:
            return "it came back from there"
        health, halt = view.health(venue), view.books.halt(instrument)
        if not health.is_connected:
            return "not connected"
        if halt is not None:
            return f"the instrument is {halt}"
        if health.rate_headroom < self.min_rate_headroom:
            left = f"{health.rate_headroom:.0%} of its rate limit is left"
            return f"{left}, min_rate_headroom is {self.min_rate_headroom:.0%}"
        seen_ns = self._seen_ns(instrument)
        age_ns = view.clock.now_ns() - seen_ns
        if age_ns > self.max_quote_age:
            since = f"for {age_ns / NS_PER_SECOND:.1f} s" if seen_ns else "yet"
            return f"nothing was seen of it {since}"
        overheads = {
            "latency": health.latency_ns / NS_PER_MS * self.latency_bps_per_ms * BPS,
            "rate_limit": (1 - health.rate_headroom) * self.rate_limit_bps * BPS,
        }
        fees = view.fees[venue]
        rates = Rates(fees.taker * self.fee_weight, fees.maker * self.fee_weight, sum(overheads.values()))
        levels = self._levels(instrument, request.side)
        if not levels:
            return "no quote"
        own = self._levels(instrument, request.side.opposite)
        if own and request.side.sign * levels[0][0] < request.side.sign * own[0][0]:
            return f"its quote is crossed: {levels[0][0]:g} and {own[0][0]:g}"
        rungs = self._rungs(instrument, request, levels, rates)
        if isinstance(rungs, str):
            return rungs
        price = to_decimal(levels[0][0]) if request.price is None else request.price
        return self._limited(Offer(instrument, rungs, price, overheads), request)

    def _seen_ns(self, instrument: Instrument) -> int:
        seen_ns = self.view.market.seen_ns(instrument.venue, instrument.symbol) or 0
        return max(seen_ns, self.view.books.seen_ns(instrument))

    def _levels(self, instrument: Instrument, side: Side) -> Sequence[Level]:
        """What an order of `side` could take there: the book, behind the best price where that is newer."""
        books, tick = self.view.books, self.view.market.tick(instrument.venue, instrument.symbol)
        levels = books.levels(instrument, side, self.depth)
        if tick is not None and (not levels or tick.ts_init > books.seen_ns(instrument)):
            is_buy = side is Side.BUY
            best = (tick.ask_price, tick.ask_size) if is_buy else (tick.bid_price, tick.bid_size)
            levels = [best, *(level for level in levels if (level[0] > best[0] if is_buy else level[0] < best[0]))]
        return list(takewhile(_is_sound, levels))

    def _rungs(
        self, instrument: Instrument, request: RouteRequest, levels: Sequence[Level], rates: Rates
    ) -> list[Rung] | str:
        sign, quantity = request.side.sign, float(request.quantity)
        if request.price is None:
            return taking(levels, sign, quantity, rates, self.slippage_bps * BPS)
        limit = float(request.price)
        rungs = limited(levels, sign, limit, rates)
        if request.time_in_force is TimeInForce.POST_ONLY and rungs:
            return f"at {levels[0][0]:g} it would take liquidity"
        if request.is_immediate:
            return [*rungs, resting(sign, limit, rates.taker, rates.overhead, 0.0)]
        queue = self._queue(instrument, request.side, limit)
        place = queue / (queue + quantity) * self.queue_bps * BPS
        return [*rungs, resting(sign, limit, rates.maker, rates.overhead, place)]

    def _queue(self, instrument: Instrument, side: Side, limit: float) -> float:
        """What stands before an order that comes to rest at `limit`."""
        own = self._levels(instrument, side.opposite)
        return sum(size for price, size in own if side.sign * price >= side.sign * limit)

    def _limited(self, offer: Offer, request: RouteRequest) -> Offer | str:
        """The offer with what the account has the means for there."""
        if self.follow_funds or request.reduce_only:
            room = room_at(offer.instrument, request, self.view, offer.price, self.cash_buffer)
            offer = Offer(offer.instrument, offer.rungs, offer.price, offer.overheads, room)
        most = offer.most(request.quantity)
        if not most and offer.room is not None and offer.room < request.quantity:
            return f"the account there has the means for {plain(offer.room)}"
        return offer.complaint(most) or offer

    # The choice

    def _choose(self, request: RouteRequest, offers: Sequence[Offer], excluded: Mapping[str, str]) -> Decision:
        sign = request.side.sign
        quantity = truncate_to_step(request.quantity, min(offer.instrument.lot_size for offer in offers))
        best = min((offer.rungs[0].price for offer in offers), key=lambda price: sign * price)
        parts = [parts_of(each.rungs, float(quantity), sign, best, each.overheads) for each in offers]
        totals = [sum(each.values()) for each in parts]
        scores = [
            Score(offer.instrument.venue, total, each) for offer, total, each in zip(offers, totals, parts, strict=True)
        ]
        legs, reason = self._legs(request, offers, quantity, totals, best)
        return Decision(
            tuple(Leg(offers[index].instrument, legs[index]) for index in sorted(legs, key=lambda at: (-legs[at], at))),
            (*scores, *_out(excluded)),
            reason,
        )

    def _legs(
        self, request: RouteRequest, offers: Sequence[Offer], quantity: Decimal, totals: Sequence[float], best: float
    ) -> tuple[dict[int, Decimal], str]:
        """What each offer gets, and why."""
        single = min(self._singles(offers, quantity), key=lambda index: (totals[index], index), default=None)
        is_whole = request.order_type is not OrderType.MARKET and request.time_in_force is TimeInForce.FOK
        legs = {} if is_whole else allocate(offers, quantity, self.max_legs)
        if quantity - sum(legs.values(), ZERO) >= max(offer.instrument.lot_size for offer in offers):
            legs = {}
        if single is None:
            if not legs:
                most = ", ".join(f"{each.instrument.venue} {plain(each.most(quantity))}" for each in offers)
                venues = 1 if is_whole else min(self.max_legs, len(offers))
                few = "one venue" if venues == 1 else f"{venues} venues"
                return {}, f"{plain(quantity)} is more than {few} can take: {most}"
            return legs, "no venue can take all of it"
        whole = {single: offers[single].most(quantity)}
        if len(legs) < 2:
            return whole, f"{offers[single].instrument.venue} is the cheapest at {totals[single]:.2f} bps"
        saving = totals[single] - self._total(offers, legs, request.side.sign, best)
        if saving < self.min_saving_bps:
            return whole, f"divided it would save {saving:.2f} bps, min_saving_bps is {self.min_saving_bps:g}"
        return legs, f"divided it saves {saving:.2f} bps against {offers[single].instrument.venue} alone"

    @staticmethod
    def _singles(offers: Sequence[Offer], quantity: Decimal) -> list[int]:
        """The offers that can take all of it, but for what their lots cannot hold."""
        return [
            index
            for index, offer in enumerate(offers)
            if quantity - (most := offer.most(quantity)) < offer.instrument.lot_size and not offer.complaint(most)
        ]

    @staticmethod
    def _total(offers: Sequence[Offer], legs: Mapping[int, Decimal], sign: int, best: float) -> float:
        """What the legs cost together, in basis points of the best price."""
        costs = 0.0
        for index, size in legs.items():
            offer = offers[index]
            costs += float(size) * sum(parts_of(offer.rungs, float(size), sign, best, offer.overheads).values())
        return costs / float(sum(legs.values()))


def _out(excluded: Mapping[str, str]) -> list[Score]:
    return [Score(venue, excluded=reason) for venue, reason in excluded.items()]


def _is_sound(level: Level) -> bool:
    return 0 < level[0] < inf and 0 < level[1] < inf


def _contract(instrument: Instrument) -> tuple[Decimal, bool]:
    """What a quantity of 1 means."""
    return instrument.multiplier, instrument.inverse
