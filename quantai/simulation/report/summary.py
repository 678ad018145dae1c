"""What `summary.json` of a finished run says, validated at the door."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, NonNegativeInt, ValidationError

from quantai.core.errors import StoreError
from quantai.core.numbers import ZERO, to_decimal
from quantai.portfolio.valuation import add_up
from quantai.simulation.report.formatting import money_places
from quantai.simulation.report.statistics import total_return

SUMMARY_FILE = "summary.json"


def _as_utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


Money = Annotated[Decimal, BeforeValidator(to_decimal)]
MaybeMoney = Money | None
"""None where something in it had no price: it is shown as a dash, ranks last, and is in no sum."""
Instant = Annotated[datetime, AfterValidator(_as_utc)]


class StrategySummary(BaseModel):
    """One strategy's share of the run. `max_drawdown` is a positive fraction of its peak equity."""

    model_config = ConfigDict(frozen=True)

    orders: NonNegativeInt
    fills: NonNegativeInt
    denied: NonNegativeInt
    errors: NonNegativeInt
    fees: MaybeMoney
    pnl: MaybeMoney
    realized_pnl: MaybeMoney
    unrealized_pnl: MaybeMoney
    max_drawdown: MaybeMoney
    traded_notional: MaybeMoney


class InstrumentSummary(BaseModel):
    """One instrument's share of the run; `position` is signed, at the end, over all strategies."""

    model_config = ConfigDict(frozen=True)

    fills: NonNegativeInt
    fees: MaybeMoney
    pnl: MaybeMoney
    traded_notional: MaybeMoney
    position: Money


class RunSummary(BaseModel):
    """A whole run. Money is in `currency`; `start` and `end` bound the simulated period, UTC.

    The wall-clock figures of the file are left out on purpose: they differ between two runs that decided the same.
    """

    model_config = ConfigDict(frozen=True)

    mode: str
    config_hash: str
    decision_hash: str
    events: NonNegativeInt
    orders: NonNegativeInt
    fills: NonNegativeInt
    denied: NonNegativeInt
    errors: NonNegativeInt
    fees: MaybeMoney
    currency: str
    starting_equity: MaybeMoney
    ending_equity: MaybeMoney
    pnl: MaybeMoney
    max_drawdown: MaybeMoney
    start: Instant | None
    end: Instant | None
    data: str
    strategies: dict[str, StrategySummary]
    instruments: dict[str, InstrumentSummary]

    @property
    def traded_notional(self) -> Decimal | None:
        """What all strategies bought and sold, in `currency`."""
        return add_up(strategy.traded_notional for strategy in self.strategies.values())

    @property
    def realized_pnl(self) -> Decimal | None:
        """What all strategies realized, before fees."""
        return add_up(strategy.realized_pnl for strategy in self.strategies.values())

    @property
    def unrealized_pnl(self) -> Decimal | None:
        """What the open positions of all strategies had gained at the end."""
        return add_up(strategy.unrealized_pnl for strategy in self.strategies.values())

    @property
    def total_return(self) -> float | None:
        """What one unit of the starting equity earned."""
        if self.starting_equity is None or self.ending_equity is None:
            return None
        return total_return(float(self.starting_equity), float(self.ending_equity))

    @property
    def places(self) -> int:
        """How many decimals suit amounts of this account."""
        return money_places(self.starting_equity)


def most_first(amount: Decimal | None) -> tuple[bool, Decimal]:
    """The key that sorts the largest amount first and the unknown ones last."""
    return amount is None, ZERO if amount is None else -amount


def read_summary(folder: Path) -> dict[str, Any]:
    """The JSON object in `summary.json` of a run folder, not yet validated. Raises `StoreError` naming the file."""
    path = folder / SUMMARY_FILE
    try:
        content = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        raise StoreError(f"{folder} has no {SUMMARY_FILE}: not a run folder, or the run did not finish") from None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} cannot be read: {error}; run the simulation again") from error
    if not isinstance(content, dict):
        raise StoreError(f"{path} must hold a JSON object, not {type(content).__name__}; run the simulation again")
    return content


def failure(content: Mapping[str, Any]) -> str | None:
    """The error of a run that failed, or None when `content` is of a finished one."""
    if content.get("status") != "failed":
        return None
    return str(content.get("error") or "no error was recorded")


def parse_summary(content: Mapping[str, Any], where: str = SUMMARY_FILE) -> RunSummary:
    """The validated summary in `content`. Raises `StoreError` for a failed run, and for a malformed summary."""
    error = failure(content)
    if error is not None:
        raise StoreError(f"{where} is of a run that failed: {error}")
    try:
        return RunSummary.model_validate(content)
    except ValidationError as invalid:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in invalid.errors()[:5]
        )
        raise StoreError(f"{where} is no summary of a run: {problems}; run the simulation again") from invalid
