"""Synthetic market: how fast it makes events and hands them to a loop."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

from benchmarks.figures import Figure, heading, show
from benchmarks.timing import best_rate
from quantai.core.clock import NS_PER_SECOND
from quantai.data.synthetic import SyntheticInstrument, SyntheticMarket
from quantai.instruments import Instrument

_START_NS = 1_767_225_600 * NS_PER_SECOND
_KINDS = (("tick", "trade"), ("trade",), ("book", "book_delta"))
_INSTRUMENTS = (
    ("binance", "BTC/USDT", "0.1", 50_000.0),
    ("okx", "BTC/USDT", "0.1", 50_000.0),
    ("binance", "ETH/USDT", "0.01", 2_500.0),
)


def hour() -> SyntheticMarket:
    """One hour of three instruments with the default model."""
    return SyntheticMarket(
        instruments=[
            SyntheticInstrument(
                instrument=Instrument(venue=venue, symbol=symbol, tick_size=Decimal(tick), lot_size=Decimal("0.0001")),
                start_price=price,
            )
            for venue, symbol, tick, price in _INSTRUMENTS
        ],
        seed=7,
        start_ns=_START_NS,
        duration_ns=3_600 * NS_PER_SECOND,
    )


def deliver(market: SyntheticMarket, kinds: tuple[str, ...]) -> int:
    """Build every event of these kinds and look at it."""
    prefixes = tuple(f"market.{kind}." for kind in kinds)
    count = 0
    for batch in market.batches(lambda topic: topic.startswith(prefixes)):
        for _event in batch:
            count += 1
    return count


def figures() -> list[Figure]:
    """One for each set of kinds."""
    market = hour()
    return [Figure(" and ".join(kinds), best_rate(partial(deliver, market, kinds)) / 1e6, "M/s") for kinds in _KINDS]


def main() -> None:
    """Show the figures."""
    show(heading(__doc__), figures())


if __name__ == "__main__":
    main()
