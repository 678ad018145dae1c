"""Long while a fast average of closes is above a slow one, flat below."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from quantai.core.params import Positive
from quantai.events import BarEvent
from quantai.strategy import BaseStrategy

Period = Annotated[int, Field(ge=1, le=10_000)]


class EmaCross(BaseStrategy):
    """Trades the first of its instruments on exponential moving averages of bar closes."""

    fast: Period = 10
    """Bars in the fast average."""
    slow: Period = 30
    """Bars in the slow average."""
    quantity: Positive = Decimal("0.1")
    """How much to hold while long."""

    def validate_params(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"fast ({self.fast}) must be below slow ({self.slow})")

    def on_start(self) -> None:
        self.fast_ema = self.slow_ema = 0.0
        self.bars = 0

    async def on_bar(self, bar: BarEvent) -> None:
        self.bars += 1
        if self.bars == 1:
            self.fast_ema = self.slow_ema = bar.close
        self.fast_ema += (bar.close - self.fast_ema) * 2 / (self.fast + 1)
        self.slow_ema += (bar.close - self.slow_ema) * 2 / (self.slow + 1)
        if self.bars < self.slow or self.open_orders:
            return
        held = self.position(bar.symbol)
        missing = self.quantity - held
        if self.fast_ema > self.slow_ema and missing > 0 and self.is_tradable(bar.symbol, missing):
            await self.buy(bar.symbol, quantity=missing)
        elif self.fast_ema < self.slow_ema and held > 0 and self.is_tradable(bar.symbol, held):
            await self.sell(bar.symbol, quantity=held)
