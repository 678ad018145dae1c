"""The column mapping of a generic CSV file, as users write it in YAML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import Side
from quantai.core.errors import ConfigError
from quantai.core.identifiers import nearest
from quantai.data.importers.converter import SYMBOL
from quantai.events import (
    BarEvent,
    FundingRateEvent,
    LiquidationEvent,
    MarketEvent,
    MarkPriceEvent,
    OpenInterestEvent,
    TickEvent,
    TradeEvent,
)
from quantai.events.persistence.schema import arrow_schema, type_name

EVENT_CLASSES: dict[str, type[MarketEvent]] = {
    type_name(cls): cls
    for cls in (TradeEvent, TickEvent, BarEvent, FundingRateEvent, MarkPriceEvent, OpenInterestEvent, LiquidationEvent)
}
_OPTIONAL = {"ts_init", "side", "trade_id", "next_funding_ns", "index_price", SYMBOL}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_INTERVAL = re.compile(r"([1-9]\d*)([smhd])")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitColumn(_Strict):
    """One part of a column that holds several values: `2106.98_0.010133` split at `_` has the parts 0 and 1."""

    column: Annotated[int, Field(ge=0)] | str
    split: Annotated[str, Field(min_length=1)]
    part: Annotated[int, Field(ge=0)]


def _column_kind(value: object) -> str | None:
    if isinstance(value, bool):
        return None
    return {int: "number", str: "name", dict: "split", SplitColumn: "split"}.get(type(value))


Column = Annotated[
    Annotated[Annotated[int, Field(ge=0)], Tag("number")]
    | Annotated[str, Tag("name")]
    | Annotated[SplitColumn, Tag("split")],
    Discriminator(
        _column_kind,
        custom_error_type="column",
        custom_error_message="a column is its name, its number from 0, or {column: …, split: …, part: …}",
    ),
]


class TimeMapping(_Strict):
    """How times are written: numbers since 1970 in a unit, or ISO 8601, local to `timezone` if it names no zone."""

    unit: Literal["s", "ms", "us", "ns", "iso"]
    timezone: str = "UTC"

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError) as error:
            raise ValueError(f"no time zone {name!r}: use a name such as UTC or America/Chicago") from error
        return name


class SideMapping(_Strict):
    """Which texts in the side column mean what; for trades it is the taker's side."""

    buy: list[str] = []
    sell: list[str] = []
    unknown: list[str] = []

    def by_text(self) -> dict[str, Side]:
        """The side of every text."""
        return {text: side for side in Side for text in getattr(self, side.value)}

    @model_validator(mode="after")
    def _no_text_twice(self) -> Self:
        texts = [*self.buy, *self.sell, *self.unknown]
        if twice := sorted({text for text in texts if texts.count(text) > 1}):
            raise ValueError(f"{', '.join(map(repr, twice))} is named for two sides")
        return self


class BarMapping(_Strict):
    """How long bars are (`1m`, `4h`, `1d`), and whether a row's time is that of their open or their close."""

    interval: str
    time_is: Literal["open", "close"]

    @field_validator("interval")
    @classmethod
    def _is_interval(cls, text: str) -> str:
        if not _INTERVAL.fullmatch(text):
            raise ValueError(f"{text!r} is no interval such as 30s, 1m, 4h or 1d")
        return text

    @property
    def interval_ns(self) -> int:
        """The length in nanoseconds."""
        return int(self.interval[:-1]) * _SECONDS[self.interval[-1]] * NS_PER_SECOND


class CsvMapping(_Strict):
    """What the columns of a CSV file mean, by name or by number from 0."""

    type: Literal["trade", "tick", "bar", "funding_rate", "mark_price", "open_interest", "liquidation"]
    columns: dict[str, Column]
    time: TimeMapping
    has_header: bool = True
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    side: SideMapping | None = None
    bar: BarMapping | None = None
    allow_negative_price: bool = False

    @classmethod
    def load(cls, path: Path) -> CsvMapping:
        """The mapping in a YAML file. Raises `ConfigError` naming the file, the key and what is wrong with it."""
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            raise ConfigError(
                "\n".join(f"{path}: {_told(problem)}" for problem in error.errors(include_url=False))
            ) from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        fields = {*arrow_schema(EVENT_CLASSES[self.type]).names, SYMBOL} - {"interval_ns"}
        for name in self.columns:
            if name not in fields:
                guess = nearest(name, fields)
                raise ValueError(
                    f"columns.{name}: a {self.type} has no such field"
                    + (f", did you mean {guess}?" if guess else f", it has {', '.join(sorted(fields))}")
                )
        if missing := sorted(fields - _OPTIONAL - self.columns.keys()):
            raise ValueError(f"columns: a {self.type} needs {', '.join(missing)}")
        if ("side" in self.columns) != (self.side is not None):
            raise ValueError(
                "columns.side and side belong together: which column, and which texts in it mean buy and sell"
            )
        if (self.type == "bar") != (self.bar is not None):
            raise ValueError("type bar and the key bar belong together: bar: {interval: 1m, time_is: open}")
        if self.time.unit != "iso" and self.time.timezone != "UTC":
            raise ValueError(f"time: unit {self.time.unit} counts from 1970 UTC; a timezone goes with unit iso only")
        if not self.has_header and (
            named := [name for name, column in self.columns.items() if isinstance(place_of(column), str)]
        ):
            raise ValueError(f"columns.{named[0]}: without a header columns are numbers from 0, not names")
        return self


def place_of(column: Column) -> str | int:
    """The name or number of a column, split or not."""
    return column.column if isinstance(column, SplitColumn) else column


_TAGS = {"number", "name", "split"}
_MODELS: dict[str, type[BaseModel]] = {"": CsvMapping, "time": TimeMapping, "side": SideMapping, "bar": BarMapping}


def _told(problem: Any) -> str:
    """One line: the key and what is wrong with it."""
    place = [str(key) for depth, key in enumerate(problem["loc"]) if not (depth == 2 and key in _TAGS)]
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        model = _MODELS.get(".".join(place[:-1]), SplitColumn)
        guess = nearest(place[-1], model.model_fields)
        message = f"there is no such key{f', did you mean {guess}?' if guess else ''}"
    return ": ".join(filter(None, (".".join(place), message)))
