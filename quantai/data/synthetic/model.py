"""What a synthetic market is made of: the parameters of the model and the instruments that trade in it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite

from quantai.core.errors import ConfigError
from quantai.instruments import Instrument

# Above these a number is a slip of the pen, and the arithmetic on whole ticks and lots could lose digits.
_LIMITS = {
    "volatility": 10.0,
    "volatility_of_volatility": 1.5,
    "correlation": 1.0,
    "jumps_per_day": 1_000.0,
    "jump_size": 0.2,
    "trades_per_second": 10_000.0,
    "quotes_per_second": 10_000.0,
    "mean_trade_notional": 1e9,
    "spread_bps": 1_000.0,
    "basis_bps": 500.0,
    "basis_seconds": 86_400.0,
    "cross_venue_lag_ms": 1_000,
    "latency_ms": 1_000.0,
    "gaps_per_day": 10_000.0,
    "gap_seconds": 3_600.0,
    "book_depth": 1_000,
    "book_interval_ms": 60_000,
    "snapshot_seconds": 86_400,
    "mark_seconds": 3_600,
}
_MAY_BE_ZERO = frozenset(
    {
        "volatility_of_volatility",
        "correlation",
        "jumps_per_day",
        "jump_size",
        "basis_bps",
        "cross_venue_lag_ms",
        "latency_ms",
        "gaps_per_day",
    }
)


@dataclass(frozen=True, kw_only=True)
class MarketModel:
    """The parameters of every instrument; the defaults resemble a busy crypto pair. Raises `ConfigError` out of range.

    `volatility` is a year's standard deviation of the log price (0.6 is 60 %), without jumps.
    `volatility_of_volatility` is the standard deviation of its logarithm, 0 for a constant one. `correlation` is
    between the shocks of any two assets. `jumps_per_day` come in each asset, half of them in all assets at once, of
    standard deviation `jump_size`.

    `trades_per_second` counts taker orders, a sweep is one; `mean_trade_notional` is in quote currency. `spread_bps`
    is the median spread at usual volatility, `basis_bps` the standard deviation of a venue's premium over the common
    price, which reverts over `basis_seconds`. A venue learns of a new common price up to `cross_venue_lag_ms` late.

    `latency_ms` is the mean way from a venue to here. A feed falls silent `gaps_per_day` times for about
    `gap_seconds`. The book has `book_depth` levels a side and is published every `book_interval_ms`, whole every
    `snapshot_seconds`; the mark price of a perpetual every `mark_seconds`.
    """

    volatility: float = 0.6
    volatility_of_volatility: float = 0.65
    correlation: float = 0.75
    jumps_per_day: float = 5.0
    jump_size: float = 0.0025
    trades_per_second: float = 8.0
    quotes_per_second: float = 20.0
    mean_trade_notional: float = 1_500.0
    spread_bps: float = 0.3
    basis_bps: float = 1.0
    basis_seconds: float = 60.0
    cross_venue_lag_ms: int = 150
    latency_ms: float = 5.0
    gaps_per_day: float = 2.0
    gap_seconds: float = 20.0
    book_depth: int = 20
    book_interval_ms: int = 100
    snapshot_seconds: int = 60
    mark_seconds: int = 3

    def __post_init__(self) -> None:
        for field in fields(self):
            _check(f"synthetic market: {field.name}", getattr(self, field.name), field.name)


@dataclass(frozen=True, kw_only=True)
class SyntheticInstrument:
    """An instrument of the synthetic market and the price it starts from, in quote currency.

    `volatility`, `trades_per_second`, `quotes_per_second` and `spread_bps` override the model's. Give instruments of
    one asset one volatility, or their prices drift apart. `mean_trade_size` is in base currency or contracts; without
    it the model's notional decides. Raises `ConfigError` for a value out of range.
    """

    instrument: Instrument
    start_price: float
    volatility: float | None = None
    trades_per_second: float | None = None
    quotes_per_second: float | None = None
    spread_bps: float | None = None
    mean_trade_size: float | None = None

    def __post_init__(self) -> None:
        for name in ("volatility", "trades_per_second", "quotes_per_second", "spread_bps"):
            value = getattr(self, name)
            if value is not None:
                _check(f"synthetic {self.instrument}: {name}", value, name)
        for name in ("start_price", "mean_trade_size"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value > 0):
                raise ConfigError(f"synthetic {self.instrument}: {name} must be positive and finite, not {value}")


def _check(where: str, value: float, name: str) -> None:
    limit = _LIMITS[name]
    if not (isfinite(value) and (0 < value <= limit or (value == 0 and name in _MAY_BE_ZERO))):
        least = "from 0" if name in _MAY_BE_ZERO else "above 0"
        raise ConfigError(f"{where} must be {least} up to {limit:,}, not {value}")
