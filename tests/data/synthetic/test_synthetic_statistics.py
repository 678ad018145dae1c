"""What a quant would look for first: the stylised facts of returns, of order flow and of prices at several venues.

The market is seeded, so these never flake; the bounds are wide enough to hold for other seeds too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from quantai.core.clock import NS_PER_SECOND
from quantai.data.synthetic import MarketModel
from quantai.data.synthetic.paths import STEPS_PER_SECOND, WINDOW_NS, WINDOW_SECONDS, Factor
from quantai.events import TickEvent, TradeEvent

Make = Any
Floats = NDArray[np.float64]
HOURS = 4


@dataclass(frozen=True)
class Series:
    """Log mid prices and trade signs and times, `seconds` by `seconds`."""

    log_mid: Floats
    spread: Floats
    signs: Floats
    trade_ns: NDArray[np.int64]


@pytest.fixture(scope="module")
def market(make: Make) -> dict[str, Series]:
    source = make.market(
        make.instrument("binance:BTC/USDT"),
        make.instrument("okx:BTC/USDT"),
        make.instrument("binance:ETH/USDT", 2_500.0, tick_size="0.01", lot_size="0.0001"),
        seconds=HOURS * 3_600,
        seed=3,
    )
    grid = make.start_ns + np.arange(1, HOURS * 3_600) * NS_PER_SECOND
    series: dict[str, Series] = {}
    for name, events in make.by_instrument(make.events(source, "tick", "trade")).items():
        ticks = [(event.ts_event, event.mid, event.spread) for event in events if isinstance(event, TickEvent)]
        trades = [(event.ts_event, event.side.sign) for event in events if isinstance(event, TradeEvent)]
        times, mids, spreads = (np.array(column) for column in zip(*ticks, strict=True))
        row = np.searchsorted(times, grid, side="right") - 1
        trade_ns, signs = (np.array(column) for column in zip(*trades, strict=True))
        series[name] = Series(np.log(mids[row]), spreads[row], signs.astype(float), trade_ns)
    return series


def autocorrelation(values: Floats, lag: int) -> float:
    centred = values - values.mean()
    return float((centred[lag:] * centred[:-lag]).mean() / (centred * centred).mean())


def kurtosis(values: Floats) -> float:
    return float((values**4).mean() / (values**2).mean() ** 2)


def test_volatility_clusters(market: dict[str, Series]) -> None:
    for series in market.values():
        size = np.minimum(np.abs(np.diff(series.log_mid)), 1e-3)
        assert min(autocorrelation(size, lag) for lag in (1, 5, 10, 30, 60)) > 0.05


def test_returns_have_fat_tails(market: dict[str, Series]) -> None:
    for series in market.values():
        assert kurtosis(np.diff(series.log_mid)) > 4


def test_returns_do_not_foretell_returns(market: dict[str, Series]) -> None:
    for series in market.values():
        returns = np.diff(series.log_mid)
        assert max(abs(autocorrelation(returns, lag)) for lag in (1, 2, 5, 10)) < 0.1


def test_volatility_is_that_of_a_year(market: dict[str, Series]) -> None:
    for series in market.values():
        yearly = float(np.diff(series.log_mid[::60]).std()) * np.sqrt(365 * 1_440)
        assert 0.15 < yearly < 2.4


def test_prices_of_one_asset_stay_together_across_venues(market: dict[str, Series]) -> None:
    premium = market["binance:BTC/USDT"].log_mid - market["okx:BTC/USDT"].log_mid
    assert abs(float(premium.mean())) < 1e-4
    assert 0.5e-4 < float(premium.std()) < 4e-4
    assert np.abs(premium).max() < 20e-4


def test_the_premium_between_venues_reverts(market: dict[str, Series]) -> None:
    premium = market["binance:BTC/USDT"].log_mid - market["okx:BTC/USDT"].log_mid
    assert autocorrelation(premium, 1) > 0.5
    assert abs(autocorrelation(premium, 600)) < 0.25
    later = premium[120:] - premium[:-120]
    assert float(np.corrcoef(premium[:-120], later)[0, 1]) < -0.3


def test_assets_move_with_the_market(market: dict[str, Series]) -> None:
    bitcoin, ether = market["binance:BTC/USDT"].log_mid[::60], market["binance:ETH/USDT"].log_mid[::60]
    assert 0.35 < float(np.corrcoef(np.diff(bitcoin), np.diff(ether))[0, 1]) < 0.97


def test_takers_follow_takers(market: dict[str, Series]) -> None:
    for series in market.values():
        assert autocorrelation(series.signs, 1) > 0.15
        assert autocorrelation(series.signs, 10) > 0.03
        assert abs(float(series.signs.mean())) < 0.1


def test_trades_come_in_clusters(market: dict[str, Series]) -> None:
    """The coefficient of variation of the time between trades is 1 for a Poisson process."""
    for series in market.values():
        gaps = np.diff(series.trade_ns)
        gaps = gaps[gaps < 2 * NS_PER_SECOND]
        assert gaps.std() / gaps.mean() > 1.15


def test_trades_move_with_prices(market: dict[str, Series]) -> None:
    for series in market.values():
        start_ns = series.trade_ns[0] - series.trade_ns[0] % NS_PER_SECOND
        second = (series.trade_ns - start_ns) // NS_PER_SECOND
        flow = np.bincount(second, series.signs, minlength=HOURS * 3_600)[: HOURS * 3_600]
        moves = np.diff(series.log_mid[9::10])
        flows = np.add.reduceat(flow, np.arange(10, len(moves) * 10 + 1, 10))
        assert float(np.corrcoef(flows, moves)[0, 1]) > 0.1


def test_the_spread_widens_with_volatility(market: dict[str, Series]) -> None:
    for series in market.values():
        minutes = len(series.log_mid) // 300
        returns = np.abs(np.diff(series.log_mid))[: minutes * 300 - 300].reshape(-1, 300).mean(axis=1)
        spreads = series.spread[: minutes * 300 - 300].reshape(-1, 300).mean(axis=1)
        assert float(np.corrcoef(returns, spreads)[0, 1]) > 0.3


def test_takers_come_as_often_as_asked(make: Make) -> None:
    model = MarketModel(volatility_of_volatility=0, jumps_per_day=0, gaps_per_day=0, trades_per_second=5)
    trades = make.events(make.market(seconds=1_800, model=model), "trade")
    takers = len({trade.ts_event for trade in trades})
    assert 5 * 0.7 < takers / 1_800 < 5 * 1.4


def test_trades_are_as_large_as_asked(make: Make) -> None:
    trades = make.events(make.market(make.instrument(mean_trade_size=0.5), seconds=900), "trade")
    takers: dict[int, float] = {}
    for trade in trades:
        takers[trade.ts_event] = takers.get(trade.ts_event, 0.0) + trade.size
    assert 0.35 < sum(takers.values()) / len(takers) < 0.65


def test_a_calmer_instrument_moves_less(make: Make) -> None:
    def range_of(volatility: float) -> float:
        instrument = make.instrument(volatility=volatility)
        mids: list[float] = [tick.mid for tick in make.events(make.market(instrument, seconds=900), "tick")]
        return max(mids) / min(mids) - 1

    assert range_of(0.05) < 0.3 * range_of(0.6)


def test_triangles_close(make: Make) -> None:
    """The cross of two assets follows the ratio of their prices."""
    market = make.market(
        make.instrument("a:BTC/USDT", 50_000.0),
        make.instrument("a:ETH/USDT", 2_500.0, tick_size="0.01"),
        make.instrument("a:ETH/BTC", 0.05, tick_size="0.0000001", lot_size="0.0001"),
        seconds=3_600,
        model=MarketModel(basis_bps=0.5, jumps_per_day=0, quotes_per_second=2),
    )
    last = {}
    for event in make.events(market, "tick"):
        last[event.symbol] = event.mid
        if len(last) == 3:
            assert last["ETH/BTC"] == pytest.approx(last["ETH/USDT"] / last["BTC/USDT"], rel=0.001)


def test_a_jump_raises_the_volatility_after_it() -> None:
    calm, jumpy = Factor(1, "x", 0, 0.01, 0.5), Factor(1, "x", 500, 0.01, 0.5)
    calm.advance()
    jumpy.advance()
    extra = jumpy.log_volatility - calm.log_volatility
    jump = int(np.flatnonzero(jumpy.jumps)[0]) // STEPS_PER_SECOND
    assert np.abs(extra[:jump]).max(initial=0) < 1e-12
    assert extra[jump] > 0.5
    assert (extra[jump:] > 0).all()


def test_takers_do_not_know_the_windows_of_the_simulation(make: Make) -> None:
    """Children of a parent in one window may come in the next: no window begins with fewer takers."""
    model = MarketModel(volatility_of_volatility=0, jumps_per_day=0, gaps_per_day=0)
    trades = make.events(make.market(seconds=3 * 3_600, model=model), "trade")
    taker_ns = np.array(sorted({trade.ts_event for trade in trades}))
    into_window = (taker_ns - make.start_ns) % WINDOW_NS
    first = np.count_nonzero(into_window < NS_PER_SECOND) / len(taker_ns) * WINDOW_SECONDS
    assert 0.75 < first < 1.3
