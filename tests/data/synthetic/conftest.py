"""A small market, run once for all tests that only look at it."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest

from quantai.core.clock import NS_PER_SECOND
from quantai.data.synthetic import MarketModel, SyntheticInstrument, SyntheticMarket
from quantai.events import MarketEvent
from quantai.instruments import Instrument

START_NS = 1_767_261_600 * NS_PER_SECOND  # 2026-01-01T10:00:00Z


class Factory:
    """Makes instruments, markets and lists of events."""

    start_ns = START_NS

    def instrument(
        self,
        name: str = "binance:BTC/USDT",
        start_price: float = 50_000.0,
        *,
        tick_size: str = "0.1",
        lot_size: str = "0.00001",
        expiry_ns: int | None = None,
        volatility: float | None = None,
        mean_trade_size: float | None = None,
    ) -> SyntheticInstrument:
        venue, _, symbol = name.partition(":")
        tick, lot = Decimal(tick_size), Decimal(lot_size)
        return SyntheticInstrument(
            instrument=Instrument(venue=venue, symbol=symbol, tick_size=tick, lot_size=lot, expiry_ns=expiry_ns),
            start_price=start_price,
            volatility=volatility,
            mean_trade_size=mean_trade_size,
        )

    def market(
        self,
        *instruments: SyntheticInstrument,
        seconds: float = 300,
        seed: int = 11,
        start_ns: int = START_NS,
        model: MarketModel | None = None,
    ) -> SyntheticMarket:
        return SyntheticMarket(
            instruments=instruments or [self.instrument()],
            seed=seed,
            start_ns=start_ns,
            duration_ns=int(seconds * NS_PER_SECOND),
            model=model,
        )

    def events(self, market: SyntheticMarket, *kinds: str) -> list[MarketEvent]:
        """Every event of the market in order, or those of some kinds, such as `tick`."""
        prefixes = tuple(f"market.{kind}." for kind in kinds) or ("",)
        return [event for batch in market.batches(lambda topic: topic.startswith(prefixes)) for event in batch]

    def by_instrument(self, events: list[MarketEvent]) -> dict[str, list[MarketEvent]]:
        """The events of each `venue:symbol`, in order."""
        groups: dict[str, list[MarketEvent]] = defaultdict(list)
        for event in events:
            groups[f"{event.venue}:{event.symbol}"].append(event)
        return groups


@pytest.fixture(scope="session")
def make() -> Factory:
    return Factory()


@pytest.fixture(scope="session")
def quarter_hour(make: Factory) -> list[MarketEvent]:
    """All events of three instruments of 15 minutes, with many silences."""
    market = make.market(
        make.instrument("binance:BTC/USDT"),
        make.instrument("binance:BTC/USDT:USDT", 50_010.0, tick_size="0.01", lot_size="0.001"),
        make.instrument("okx:DOGE/USDT", 0.1, tick_size="0.00001", lot_size="1"),
        seconds=900,
        model=MarketModel(gaps_per_day=600, gap_seconds=10),
    )
    return make.events(market)
