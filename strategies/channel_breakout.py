"""Buys when the price leaves its recent range to the upside, with a take profit and a stop loss from the start."""

from collections import deque
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from quantai.core.params import Positive, Rate
from quantai.events import BarEvent
from quantai.strategy import BaseStrategy


class ChannelBreakout(BaseStrategy):
    """Trades the first of its instruments on highs and lows of bars (a Donchian channel), one bracket at a time."""

    lookback: Annotated[int, Field(ge=2, le=10_000)] = 30
    """Bars in the range."""
    quantity: Positive = Decimal("0.1")
    """How much to buy."""
    reward: Annotated[Rate, Field(gt=0)] = Decimal("0.004")
    """How far above the close the take profit is."""
    risk: Annotated[Rate, Field(gt=0, lt=1)] = Decimal("0.002")
    """How far below the close the stop loss is."""

    def on_start(self) -> None:
        self.highs: deque[float] = deque(maxlen=self.lookback)

    def on_bar(self, bar: BarEvent) -> None:
        is_breakout = len(self.highs) == self.lookback and bar.close > max(self.highs)
        self.highs.append(bar.high)
        if is_breakout and not self.open_orders and not self.position(bar.symbol):
            close = Decimal(str(bar.close))
            self.bracket(
                "buy", bar.symbol, self.quantity,
                take_profit=close * (1 + self.reward), stop_loss=close * (1 - self.risk),
            )  # fmt: skip
