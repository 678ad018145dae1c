"""What every event is: an immutable struct with a topic, cheap to make, that Pydantic can guard at every door.

Events are made positionally and only by code that knows its values are right (decoders, the OMS): making one checks nothing
and costs about 0.1 µs. What comes from outside goes through `TypeAdapter(TheEvent).validate_python(...)`, which does check.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Annotated, Any, ClassVar, Literal, get_type_hints

import msgspec
from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

Timestamp = Annotated[int, Field(ge=0, lt=2**63, description="nanoseconds UTC since 1970")]
Price = Annotated[float, Field(allow_inf_nan=False, description="in quote currency; may be negative")]
Size = Annotated[float, Field(ge=0, allow_inf_nan=False, description="in base currency or contracts")]
Level = tuple[Price, Size]

_ts_init = attrgetter("ts_init")


class Event(msgspec.Struct, frozen=True, gc=False, tag_field="type"):
    """Base of all events.

    `ts_event` is the time of the thing at its source, `ts_init` when this process learned of it: both nanoseconds UTC.
    A class's `topic_prefix` and the fields named in `topic_fields` make its topic, e.g. `market.trade.binance.BTC/USDT`.
    """

    topic_prefix: ClassVar[str] = ""
    topic_fields: ClassVar[tuple[str, ...]] = ()

    @property
    def topic(self) -> str:
        """Where the event is published."""
        return ".".join([self.topic_prefix, *(str(getattr(self, field)) for field in self.topic_fields)])

    @property
    def reference(self) -> str:
        """Names the event for whoever wants to find it again: its topic and `ts_init`."""
        return f"{self.topic}@{_ts_init(self)}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A struct passes as it is; a mapping must have exactly the event's fields, each in range."""
        hints = get_type_hints(cls, include_extras=True)
        fields = {"type": core_schema.typed_dict_field(handler.generate_schema(Literal[cls.tag()]), required=False)}
        for field in msgspec.structs.fields(cls):
            schema = handler.generate_schema(hints[field.name])
            fields[field.name] = core_schema.typed_dict_field(schema, required=field.required)

        def build(value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> Event:
            return value if isinstance(value, cls) else cls._from_mapping(validate(value))

        return core_schema.no_info_wrap_validator_function(
            build,
            core_schema.typed_dict_schema(fields, extra_behavior="forbid"),
            serialization=core_schema.plain_serializer_function_ser_schema(msgspec.to_builtins),
        )

    @classmethod
    def _from_mapping(cls, values: dict[str, Any]) -> Event:
        values.pop("type", None)
        return cls(**values)

    @classmethod
    def tag(cls) -> str:
        """The `type` of the event on a wire and in a store, e.g. `TradeEvent`."""
        return str(cls.__struct_config__.tag)
