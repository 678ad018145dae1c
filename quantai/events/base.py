"""What every event is: an immutable struct with a topic, cheap to make, that Pydantic can guard at every door.

Events are made positionally and only by code that knows its values are right (decoders, the OMS): making one checks
nothing and costs about 0.1 µs. What comes from outside goes through `TypeAdapter(TheEvent).validate_python(...)`, which
does check.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from inspect import get_annotations
from operator import attrgetter
from typing import Annotated, Any, ClassVar, Literal, get_type_hints

import msgspec
from msgspec import Meta
from pydantic import BeforeValidator, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


def _refuse_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number, not a boolean")
    return value


_no_boolean = BeforeValidator(_refuse_boolean)

# Pydantic judges by the `Field`s and msgspec, while it decodes, by the `Meta`s: bounds of floats keep NaN and infinity
# out. msgspec has no bounds for decimals, so the codec looks at those after decoding.
_FINITE = Meta(ge=-sys.float_info.max, le=sys.float_info.max)
_NOT_NEGATIVE = Meta(ge=0, le=sys.float_info.max)
_INT64 = Meta(ge=0, le=2**63 - 1)
_POSITIVE_INT64 = Meta(gt=0, le=2**63 - 1)

Timestamp = Annotated[int, _INT64, Field(ge=0, lt=2**63, description="nanoseconds UTC since 1970"), _no_boolean]
Nanoseconds = Annotated[
    int, _POSITIVE_INT64, Field(gt=0, lt=2**63, description="a length of time in nanoseconds"), _no_boolean
]
Count = Annotated[int, _INT64, Field(ge=0, lt=2**63), _no_boolean]
Price = Annotated[
    float, _FINITE, Field(allow_inf_nan=False, description="in quote currency; may be negative"), _no_boolean
]
Size = Annotated[
    float, _NOT_NEGATIVE, Field(ge=0, allow_inf_nan=False, description="in base currency or contracts"), _no_boolean
]
Level = tuple[Price, Size]
Money = Annotated[Decimal, Field(allow_inf_nan=False, description="exact; signed"), _no_boolean]
Quantity = Annotated[Decimal, Field(ge=0, allow_inf_nan=False, description="exact; not negative"), _no_boolean]

_ts_init = attrgetter("ts_init")


class Event(msgspec.Struct, frozen=True, gc=False, tag_field="type", forbid_unknown_fields=True):
    """Base of all events.

    `ts_event` is the time of the thing at its source, `ts_init` when this process learned of it: both nanoseconds UTC.
    A class's `topic_prefix` and the fields named in `topic_fields` make its topic, e.g.
    `market.trade.binance.BTC/USDT`; its `own_field` tells events of one topic and one nanosecond apart.
    """

    topic_prefix: ClassVar[str] = ""
    topic_fields: ClassVar[tuple[str, ...]] = ()
    own_field: ClassVar[str] = ""

    @property
    def topic(self) -> str:
        """Where the event is published."""
        return ".".join([self.topic_prefix, *[str(getattr(self, field)) for field in self.topic_fields]])

    @property
    def reference(self) -> str:
        """Names the event for whoever wants to find it again: its topic, its `own_field` if it has one, `ts_init`.

        `market.tick.binance.BTC/USDT@1767603600000000000`, `order.filled.ema#0ema-7@1767603600000000000`.
        """
        own = getattr(self, self.own_field) if self.own_field else ""
        return f"{self.topic}#{own}@{_ts_init(self)}" if own else f"{self.topic}@{_ts_init(self)}"

    def __init_subclass__(cls) -> None:
        for name in ("topic", "reference"):
            if name in get_annotations(cls):
                raise TypeError(f"{cls.__name__} cannot have a field {name!r}: it would hide the event's own {name}")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A struct passes as it is; a mapping must have exactly the event's fields, each in range.

        Of a base class, which has no `topic_prefix`, `type` in the mapping says which event it is.
        """

        def accept(value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> Any:
            return value if isinstance(value, cls) else validate(value)

        return core_schema.no_info_wrap_validator_function(
            accept,
            cls._mapping_schema(handler) if cls.topic_prefix else cls._union_schema(handler),
            serialization=core_schema.plain_serializer_function_ser_schema(msgspec.to_builtins),
        )

    @classmethod
    def _union_schema(cls, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.tagged_union_schema(
            {event.tag(): handler.generate_schema(event) for event in cls.concrete()}, discriminator="type"
        )

    @classmethod
    def _mapping_schema(cls, handler: GetCoreSchemaHandler) -> CoreSchema:
        hints = get_type_hints(cls, include_extras=True)
        fields = {"type": core_schema.typed_dict_field(handler.generate_schema(Literal[cls.tag()]), required=False)}
        for field in msgspec.structs.fields(cls):
            schema = handler.generate_schema(hints[field.name])
            fields[field.name] = core_schema.typed_dict_field(schema, required=field.required)
        return core_schema.no_info_after_validator_function(
            cls._from_mapping, core_schema.typed_dict_schema(fields, extra_behavior="forbid", cls_name=cls.__name__)
        )

    @classmethod
    def concrete(cls) -> list[type[Event]]:
        """The classes below this one that events are made of, in the order they were declared."""
        found = [cls] if cls.topic_prefix else []
        return found + [event for subclass in cls.__subclasses__() for event in subclass.concrete()]

    @classmethod
    def _from_mapping(cls, values: dict[str, Any]) -> Event:
        values.pop("type", None)
        return cls(**values)

    @classmethod
    def tag(cls) -> str:
        """The `type` of the event on a wire and in a store, e.g. `TradeEvent`."""
        return str(cls.__struct_config__.tag)
