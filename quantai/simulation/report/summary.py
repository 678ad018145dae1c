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

SUMMARY_FILE = "summary.json"


def _as_utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


Money = Annotated[Decimal, BeforeValidator(to_decimal)]
Instant = Annotated[datetime, AfterValidator(_as_utc)]


class StrategySummary(BaseModel):
    """One strategy's share of the run. `max_drawdown` is a positive fraction of its peak equity."""

    model_config = ConfigDict(frozen=True)

    orders: NonNegativeInt
    fills: NonNegativeInt
    denied: NonNegativeInt
    errors: NonNegativeInt
    fees: Money
    pnl: Money
    realized_pnl: Money
    unrealized_pnl: Money
    max_drawdown: Money | None
    traded_notional: Money


class InstrumentSummary(BaseModel):
    """One instrument's share of the run; `position` is signed, at the end, over all strategies."""

    model_config = ConfigDict(frozen=True)

    fills: NonNegativeInt
    fees: Money
    pnl: Money
    traded_notional: Money
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
    fees: Money
    currency: str
    starting_equity: Money
    ending_equity: Money
    pnl: Money
    max_drawdown: Money | None
    start: Instant | None
    end: Instant | None
    data: str
    strategies: dict[str, StrategySummary]
    instruments: dict[str, InstrumentSummary]

    @property
    def traded_notional(self) -> Decimal:
        """What all strategies bought and sold, in `currency`."""
        return sum((strategy.traded_notional for strategy in self.strategies.values()), ZERO)

    @property
    def realized_pnl(self) -> Decimal:
        """What all strategies realized, before fees."""
        return sum((strategy.realized_pnl for strategy in self.strategies.values()), ZERO)

    @property
    def unrealized_pnl(self) -> Decimal:
        """What the open positions of all strategies had gained at the end."""
        return sum((strategy.unrealized_pnl for strategy in self.strategies.values()), ZERO)


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
