"""The column mapping of a generic CSV file, as users write it in YAML, and the format made of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import Side
from quantai.core.errors import ConfigError
from quantai.core.identifiers import nearest
from quantai.data.importers.converter import SYMBOL, Format, RowConverter
from quantai.data.importers.files import FileHead
from quantai.data.importers.source import Category, Epoch, Iso, Number, Part, SideOf, Source, Text
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

_CLASSES: dict[str, type[MarketEvent]] = {
    type_name(cls): cls
    for cls in (TradeEvent, TickEvent, BarEvent, FundingRateEvent, MarkPriceEvent, OpenInterestEvent, LiquidationEvent)
}
_OPTIONAL = {"ts_init", "side", "trade_id", "next_funding_ns", "index_price", SYMBOL}
_TIMES = {"ts_event", "ts_init", "next_funding_ns"}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_INTERVAL = re.compile(r"([1-9]\d*)([smhd])")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitColumn(_Strict):
    """One part of a column that holds several values: `2106.98_0.010133` split at `_` has the parts 0 and 1."""

    column: str | Annotated[int, Field(ge=0)]
    split: Annotated[str, Field(min_length=1)]
    part: Annotated[int, Field(ge=0)]


Column = Annotated[int, Field(ge=0)] | str | SplitColumn


class TimeMapping(_Strict):
    """How times are written: numbers since 1970 in a unit, or ISO 8601, which is local to `timezone` if it names no zone."""

    unit: Literal["s", "ms", "us", "ns", "iso"]
    timezone: str = "UTC"

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (OSError, ValueError) as error:
            raise ValueError(f"no time zone {name!r}: use a name such as UTC or America/Chicago") from error
        return name

    def source(self, column: int, shift_ns: int = 0, empty_ns: int | None = None) -> Source:
        """What reads a time; `shift_ns` is added."""
        if self.unit == "iso":
            return Iso(column, self.timezone, shift_ns)
        return Epoch(column, self.unit, shift_ns) if empty_ns is None else Epoch(column, self.unit, empty_ns=empty_ns)


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

    @property
    def event_class(self) -> type[MarketEvent]:
        """What a row becomes."""
        return _CLASSES[self.type]

    @classmethod
    def load(cls, path: Path) -> CsvMapping:
        """The mapping in a YAML file. Raises `ConfigError` naming the file, the key and what is wrong with it."""
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            raise ConfigError(
                "\n".join(f"{path}: {_told(problem['loc'], problem['msg'])}" for problem in error.errors())
            ) from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        fields = {*arrow_schema(self.event_class).names, SYMBOL} - {"interval_ns"}
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
            named := [name for name, column in self.columns.items() if isinstance(_place(column), str)]
        ):
            raise ValueError(f"columns.{named[0]}: without a header columns are numbers from 0, not names")
        return self


def _place(column: Column) -> str | int:
    return column.column if isinstance(column, SplitColumn) else column


def _told(place: tuple[int | str, ...], message: str) -> str:
    where = ".".join(str(key) for key in place if key not in ("constrained-int", "str", "SplitColumn", "int"))
    text = message.removeprefix("Value error, ")
    return f"{where}: {text}" if where else text


class MappedCsv(Format):
    """A generic CSV file with its mapping."""

    name = "csv"
    summary = "any other CSV, described by a column mapping in YAML"

    def __init__(self, mapping: CsvMapping) -> None:
        self._mapping = mapping

    def fits(self, head: FileHead) -> bool:
        return True

    def converter(self, head: FileHead) -> RowConverter:
        mapping = self._mapping
        at = self._columns(head)
        sources = {name: self._source(name, column, at) for name, column in mapping.columns.items()}
        return RowConverter(
            mapping.event_class,
            sources,
            header_lines=int(mapping.has_header),
            delimiter=mapping.delimiter,
            constants={"interval_ns": mapping.bar.interval_ns} if mapping.bar else None,
            allow_negative_price=mapping.allow_negative_price,
        )

    def _columns(self, head: FileHead) -> Mapping[str, int]:
        fields = head.fields(self._mapping.delimiter)
        at = {name: number for number, name in enumerate(fields)} if self._mapping.has_header else {}
        for field, column in self._mapping.columns.items():
            place = _place(column)
            if isinstance(place, str) and place not in at:
                raise ConfigError(
                    f"{head.path} has no column {place!r} for {field}; its header has {', '.join(map(repr, at))}"
                )
            if isinstance(place, int) and place >= len(fields):
                raise ConfigError(
                    f"{head.path} has no column {place} for {field}: its first line has {len(fields)}, from 0"
                )
        return at

    def _source(self, field: str, column: Column, at: Mapping[str, int]) -> Source:
        place = _place(column)
        inner = self._whole(field, at[place] if isinstance(place, str) else place)
        return Part(column.split, column.part, inner) if isinstance(column, SplitColumn) else inner

    def _whole(self, field: str, column: int) -> Source:
        mapping = self._mapping
        if field == "next_funding_ns":
            return mapping.time.source(column, empty_ns=0)
        if field in _TIMES:
            opened = mapping.bar is not None and mapping.bar.time_is == "open"
            return mapping.time.source(column, mapping.bar.interval_ns if mapping.bar and opened else 0)
        if field == "side" and mapping.side:
            return SideOf(column, mapping.side.by_text())
        if field == SYMBOL:
            return Category(column)
        return Text(column) if field == "trade_id" else Number(column)
