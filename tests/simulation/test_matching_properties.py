"""Whatever the market does and whatever is sent, no fill is better than the data allows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from quantai.core.clock import NS_PER_MS
from quantai.core.enums import Liquidity, Side, TimeInForce
from quantai.core.numbers import ZERO
from quantai.events import MarketEvent, TickEvent, TradeEvent
from quantai.exchanges.execution import ExecType, ExecutionReport
from tests.oms.world import D
from tests.simulation.venue import FINE, LATENCY_NS, Venue

MAKER_FEE, TAKER_FEE = D("-0.0001"), D("0.0005")

# Prices in ticks of 0.5 around 100, sizes in lots of 0.1. What is sent leaves at even milliseconds and arrives at odd
# ones, so that a fill's time says whether it came of an arrival or of an event.
Action = tuple[object, ...]


def tick(random: Random) -> Action:
    return ("tick", random.randint(198, 202), random.randint(0, 2), random.randint(0, 30), random.randint(0, 30))


def trade(random: Random) -> Action:
    return ("trade", random.randint(197, 204), random.randint(1, 40), random.choice(list(Side)))


def order(random: Random) -> Action:
    price = random.choice([None, random.randint(196, 205)])
    side = random.choice([Side.BUY, Side.SELL])
    return ("order", side, random.randint(1, 40), price, random.choice([TimeInForce.GTC, *TimeInForce]))


def cancel(random: Random) -> Action:
    return ("cancel", random.randint(0, 60))


def actions(seed: int, *kinds: Callable[[Random], Action]) -> list[Action]:
    """A hundred and fifty things that happen."""
    random = Random(seed)
    return [random.choice(kinds)(random) for _ in range(150)]


@dataclass
class Sent:
    """An order as it was sent."""

    side: Side
    quantity: Decimal
    price: Decimal | None
    time_in_force: TimeInForce
    at_ns: int


@dataclass
class Shown:
    """What one side of the quote has offered at its price since it came, and what of it we took."""

    price: Decimal
    size: Decimal
    offered: Decimal
    taken: Decimal = ZERO


@dataclass
class Market:
    """What the market showed and printed, when: kept apart from what is tested."""

    sides: dict[Side, Shown] = field(default_factory=dict)
    quotes: dict[int, dict[Side, tuple[Shown, Decimal]]] = field(default_factory=dict)
    prints: dict[int, tuple[Decimal, Decimal, Side]] = field(default_factory=dict)

    def tick(self, now: int, bid: int, spread: int, bid_size: int, ask_size: int) -> None:
        """`sides` are by the side that can take them: a buy takes the ask."""
        for side, price, size in ((Side.SELL, bid, bid_size), (Side.BUY, bid + spread, ask_size)):
            before = self.sides.get(side)
            shown = D(size) / 10
            if before is None or before.price != D(price) / 2:
                self.sides[side] = Shown(D(price) / 2, shown, shown)
            else:
                before.offered += max(shown - before.size, D(0))
                before.size = shown
        self.quotes[now] = {side: (shown, shown.offered) for side, shown in self.sides.items()}

    def quote(self, side: Side, ts_ns: int) -> tuple[Shown, Decimal]:
        """What an order of `side` could take at a time, and all that its price had offered until then."""
        return self.quotes[max(at for at in self.quotes if at <= ts_ns)][side]


def play(script: list[Action], streams: tuple[type[MarketEvent], ...]) -> tuple[Venue, Market, dict[str, Sent]]:
    venue = Venue(maker_fee=str(MAKER_FEE), taker_fee=str(TAKER_FEE), streams=streams)
    market = Market()
    sent: dict[str, Sent] = {}
    checked = 0
    for action in script:
        now = venue.clock.now_ns()
        match action:
            case ("tick", int(bid), int(spread), int(bid_size), int(ask_size)) if TickEvent in streams:
                market.tick(now, bid, spread, bid_size, ask_size)
                names = (venue.instrument.venue, venue.instrument.symbol)
                venue.bus.dispatch(
                    TickEvent(*names, now, now, bid / 2, bid_size / 10, (bid + spread) / 2, ask_size / 10)
                )
            case ("trade", int(price), int(size), Side() as side):
                market.prints[now] = (D(price) / 2, D(size) / 10, side)
                names = (venue.instrument.venue, venue.instrument.symbol)
                venue.bus.dispatch(TradeEvent(*names, now, now, price / 2, size / 10, side, ""))
            case ("order", Side() as side, int(lots), price, TimeInForce() as time_in_force):
                limit = D(price) / 2 if isinstance(price, int) else None
                name = venue.send(side, str(D(lots) / 10), None if limit is None else str(limit), time_in_force)
                sent[name] = Sent(side, D(lots) / 10, limit, time_in_force, now)
            case ("cancel", int(number)) if number < len(sent):
                venue.cancel(f"o{number + 1}")
        venue.clock.advance_to(now + 2 * NS_PER_MS)
        checked = settle(venue, market, sent, checked)
    venue.wait(4 * LATENCY_NS)
    settle(venue, market, sent, checked)
    assert venue.bus.errors == 0
    return venue, market, sent


def settle(venue: Venue, market: Market, sent: dict[str, Sent], checked: int) -> int:
    """Check the fills that became known, in the order in which they happened."""
    for report in venue.reports[checked:]:
        if report.exec_type is ExecType.TRADE:
            check_fill(market, sent[report.client_order_id], report)
    return len(venue.reports)


def check_fill(market: Market, order: Sent, fill: ExecutionReport) -> None:
    is_taker = fill.liquidity is Liquidity.TAKER
    sign = order.side.sign
    assert fill.quantity > 0
    assert fill.quantity % D("0.1") == 0
    assert fill.ts_event >= order.at_ns + LATENCY_NS
    assert order.price is None or (fill.price - order.price) * sign <= 0
    assert fill.fee == fill.price * fill.quantity * (TAKER_FEE if is_taker else MAKER_FEE)
    if is_taker:
        assert order.time_in_force is not TimeInForce.POST_ONLY
    else:
        assert fill.price == order.price
    printed = market.prints.get(fill.ts_event)
    if printed is not None:
        price, size, side = printed
        assert side is not (order.side.opposite if is_taker else order.side)
        assert fill.price == price or (not is_taker and (price - fill.price) * sign < 0)
        assert fill.quantity <= size
        market.prints[fill.ts_event] = (price, size - fill.quantity, side)
        return
    quote, offered = market.quote(order.side, fill.ts_event)
    assert fill.price == quote.price or (not is_taker and (quote.price - fill.price) * sign < 0)
    quote.taken += fill.quantity
    assert quote.taken <= offered


def check_orders(venue: Venue, sent: dict[str, Sent]) -> None:
    traded: defaultdict[str, Decimal] = defaultdict(Decimal)
    for report, at_ns in zip(venue.reports, venue.at_ns, strict=True):
        order = sent[report.client_order_id]
        assert at_ns == report.ts_event + LATENCY_NS
        if report.exec_type is ExecType.TRADE:
            traded[report.client_order_id] += report.quantity
            if order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
                assert report.ts_event == order.at_ns + LATENCY_NS
    for name, order in sent.items():
        kinds = venue.kinds(name)
        assert traded[name] <= order.quantity
        if order.time_in_force is TimeInForce.FOK:
            assert traded[name] in (0, order.quantity)
        assert kinds[0] in ("NEW", "REJECTED")
        ended = [kind for kind in kinds if kind in ("CANCELED", "EXPIRED", "REJECTED")]
        assert len(ended) + (traded[name] == order.quantity) <= 1
        if ended:
            assert kinds.index(ended[0]) >= max((n for n, kind in enumerate(kinds) if kind == "TRADE"), default=0)


seeds = st.integers(0, 2**32)


@given(seeds)
def test_with_quotes_and_prints(seed: int) -> None:
    venue, _, sent = play([("tick", 200, 1, 10, 10), *actions(seed, tick, trade, trade, order, cancel)], FINE)
    check_orders(venue, sent)


@given(seeds)
def test_with_prints_only(seed: int) -> None:
    venue, market, sent = play(actions(seed, trade, trade, order, cancel), (TradeEvent,))
    assert not market.quotes
    check_orders(venue, sent)
