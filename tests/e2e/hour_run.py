"""What an hour is: what is asked for, which strategies trade, what came out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TRADING, RECORDING = "live_trading", "live_recording"
QUIET_S = 30.0
"""Venue seconds without faults before the daemon is stopped."""
LIMIT_S = 60.0
"""Real seconds for a daemon to come up, or to end."""
STRATEGIES = (
    "strategies=[]",
    "strategies.ema_cross={_target_: strategies.ema_cross.EmaCross, instruments: [btc_spot], bar_interval: 2s,"
    " fast: 3, slow: 8, quantity: 0.01}",
    "strategies.channel={_target_: strategies.channel_breakout.ChannelBreakout, instruments: [eth_perp],"
    " bar_interval: 5s, lookback: 10, quantity: 0.1, reward: 0.001, risk: 0.0005}",
    "strategies.spot_maker={_target_: strategies.market_maker.MarketMaker, instruments: [eth_spot], quantity: 0.1,"
    " max_position: 0.5, half_spread_bps: 1, tolerance_bps: 1}",
    "strategies.perp_maker={_target_: strategies.market_maker.MarketMaker, instruments: [btc_perp], quantity: 0.01,"
    " max_position: 0.05, half_spread_bps: 1, tolerance_bps: 1}",
    "strategies.spread={_target_: strategies.cross_venue_spread.CrossVenueSpread, instruments: [eth_perp, eth_spot],"
    " notional: 1000, entry_bps: 2, exit_bps: 0}",
)


@dataclass
class Report:
    """What a run was, and what does not agree."""

    figures: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def judge_limits(self, answered: dict[int, int], faults: dict[str, int]) -> None:
        """Nobody asked more than the venues allow: who was told so was told it by a fault."""
        self.figures["answered_429"] = answered[429]
        for status, count in answered.items():
            if count != faults.get("rate_limit", 0) * (status == 429):
                self.wrong.append(f"{count} answers of {status}")


@dataclass(frozen=True)
class Run:
    """What is asked for. `folder` is where the daemon works."""

    mode: str
    minutes: float
    speed: float
    seed: int
    folder: Path
    kills: int = 1

    @property
    def span_s(self) -> float:
        """Venue seconds with faults."""
        return self.minutes * 60

    def kill_times_s(self) -> list[float]:
        """When the daemon is killed: spread over the time with faults, none near its end."""
        return [self.span_s * number / (self.kills + 2) for number in range(1, self.kills + 1)]
