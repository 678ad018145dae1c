"""How fast the synthetic market makes events: `pytest benchmarks/bench_synthetic.py`."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from quantai.core.clock import NS_PER_SECOND
from quantai.data.synthetic import SyntheticInstrument, SyntheticMarket
from quantai.instruments import Instrument

_START_NS = 1_767_225_600 * NS_PER_SECOND
_INSTRUMENTS = (
    ("binance", "BTC/USDT", "0.1", 50_000.0),
    ("okx", "BTC/USDT", "0.1", 50_000.0),
    ("binance", "ETH/USDT", "0.01", 2_500.0),
)


@pytest.fixture
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


@pytest.mark.parametrize("kinds", [("tick", "trade"), ("trade",), ("book", "book_delta")], ids="+".join)
def test_bench_delivery(benchmark: Callable[..., int], hour: SyntheticMarket, kinds: tuple[str, ...]) -> None:
    """Build every event and hand it to a loop; events a second go to the benchmark's extra info."""
    prefixes = tuple(f"market.{kind}." for kind in kinds)

    def deliver() -> int:
        count = 0
        for batch in hour.batches(lambda topic: topic.startswith(prefixes)):
            for _event in batch:
                count += 1
        return count

    events = benchmark(deliver)
    record: Any = benchmark
    if record.stats:
        record.extra_info["events_per_second"] = round(events / record.stats.stats.median)
    assert events > 10_000
