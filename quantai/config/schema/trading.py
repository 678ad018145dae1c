"""What trades, with what, and how a simulation fills it: `strategies`, `portfolio`, `simulation`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from quantai.config.schema.component import ComponentSection
from quantai.core.params import Duration, Name, NonNegative, PositiveDuration, Section

Currency = Annotated[str, Field(pattern=r"^[^\s/:\-]{1,20}$")]


class StrategySection(ComponentSection):
    """A strategy by its name. `_target_` is its class (`strategies.ema_cross.EmaCross`); other keys are its own."""

    enabled: bool = True
    """A disabled strategy is checked but not run."""
    instruments: Annotated[list[Name], Field(min_length=1)]
    """What it may see and trade, by the names in `instruments`."""
    bar_interval: PositiveDuration | None = None
    """Bars for `on_bar`: taken from the data where it has them, else built from trades."""
    max_errors: Annotated[int, Field(ge=1)] = 10
    """After this many errors of its own the strategy is stopped and its orders are cancelled."""


class PortfolioSection(Section):
    """What the account holds at the start, and in what it is valued."""

    base_currency: Currency
    """Equity, PnL and drawdown are told in it."""
    balances: dict[Name, dict[Currency, NonNegative]]
    """Starting balances by venue and currency, where execution is simulated."""
    valuation_interval: PositiveDuration = 1_000_000_000
    """How often equity is taken: each is a point of the equity curve, a `portfolio.value` event."""


class LatencyModel(Section):
    """How long messages travel to and from the simulated venue."""

    order: Duration = 5_000_000
    """From `buy()` until the venue has the order or the cancel."""
    report: Duration = 5_000_000
    """From what happened at the venue until it is known here."""


class SimulationSection(Section):
    """The simulated exchange, and what a simulation leaves behind."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    """Everything random comes from it: the same seed and config give the same run, byte for byte."""
    latency: LatencyModel = LatencyModel()
    """Both ways, constant."""
    queue_position: Literal["back", "front"] = "back"
    """Where a resting limit order stands among what the book shows at its price: behind all of it, or before."""
    speed: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """How fast recorded time passes: 1 is the original timing, 10 ten times as fast, null as fast as possible."""
    progress: bool = True
    """Show a progress bar on a terminal."""
    report: bool = True
    """Write `report.html`."""
    open_report: bool = False
    """Open the report in a browser when the run is done, where there is a display."""
    decimals: Annotated[int, Field(ge=0, le=18)] = 8
    """Fees are rounded to this many decimals, half up."""
