from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from quantai.core.enums import Side
from quantai.events import MarketEvent, TradeEvent
from quantai.events.base import Event
from quantai.events.persistence.schema import EVENT_TYPES, arrow_schema, event_class, to_table, type_name


class FlagEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """An event of another package, with a column of each kind our own events happen not to have."""

    topic_prefix = "market.flag"

    is_set: bool


class NotesEvent(MarketEvent, frozen=True, gc=False, tag=True):
    """An event that has no columns."""

    topic_prefix = "market.notes"

    notes: dict[str, str]


def test_every_concrete_event_class_has_a_folder_of_its_own() -> None:
    classes = {cls for cls in _descendants(Event) if cls.__module__.startswith("quantai.") and cls.topic_prefix}
    assert set(EVENT_TYPES.values()) == classes
    assert all(event_class(type_name(cls)) is cls for cls in classes)


def test_a_flag_is_a_column_of_booleans() -> None:
    assert arrow_schema(FlagEvent).field("is_set").type == pa.bool_()


def test_a_field_that_fits_no_column_is_named() -> None:
    with pytest.raises(TypeError, match="event field notes"):
        arrow_schema(NotesEvent)


def _descendants(cls: type[Event]) -> set[type[Event]]:
    return {cls}.union(*(_descendants(child) for child in cls.__subclasses__()))


def test_enums_of_every_table_have_the_same_dictionary() -> None:
    trades = [TradeEvent("v", "A/B", 1, 1, 1.0, 1.0, side, "") for side in (Side.SELL, Side.UNKNOWN)]
    columns = [to_table(TradeEvent, [trade])["side"].chunk(0) for trade in trades]
    assert [column.dictionary.to_pylist() for column in columns] == [["buy", "sell", "unknown"]] * 2
    assert pa.concat_arrays(columns).to_pylist() == ["sell", "unknown"]


@pytest.mark.parametrize("side", ["sideways", None, 1])
def test_what_is_no_member_of_an_enum_is_refused(side: Any) -> None:
    with pytest.raises(ValueError, match="side is .*, which is none of buy, sell, unknown|side is None"):
        to_table(TradeEvent, [TradeEvent("v", "A/B", 1, 1, 1.0, 1.0, side, "")])
