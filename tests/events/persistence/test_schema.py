from __future__ import annotations

import pyarrow as pa
import pytest

from quantai.events import MarketEvent
from quantai.events.base import Event
from quantai.events.persistence.schema import EVENT_TYPES, arrow_schema, event_class, type_name


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
