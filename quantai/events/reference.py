"""The event reference, made from the classes: what the documentation says is what is checked and stored."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
from pydantic import TypeAdapter

from quantai.events import Event, MarketEvent, OrderEvent, PortfolioEvent, PositionEvent, SystemEvent
from quantai.events.persistence.schema import type_name

Schema = dict[str, Any]

_FIRST: tuple[type[Event], ...] = (MarketEvent, OrderEvent, PositionEvent, PortfolioEvent, SystemEvent)

_HEAD = """# Events

Made from the code by `make docs`; do not edit. Queries of recorded ones: [Querying recordings](guides/queries.md).

An event is published at its topic and recorded below the folder of its type. Wherever one comes from outside (Redis,
HTTP, tools), its fields are checked: `TypeAdapter(TradeEvent).json_schema()` is the rule in full. An unknown field is
refused, and so are NaN, infinity and a time before 1970. An exact number is a `Decimal`; in JSON, text or a number.

In a file, a whole number is `int64`, a number `float64`, an exact number `decimal128(38, 18)`, a choice a dictionary of
texts; levels are two lists of `float64`, such as `bids_price` and `bids_size`. What the folders say (venue, symbol) is
not repeated in the file.
"""


def reference() -> str:
    """The whole page, in Markdown."""
    return _HEAD + "".join(text for family in families() for text in _family(family))


def families() -> list[type[Event]]:
    """The base class of each family, those first that everybody needs."""
    return list(dict.fromkeys([*_FIRST, *filter(_is_own, Event.__subclasses__())]))


def family_tree(family: type[Event]) -> Iterator[type[Event]]:
    """A family's classes, bases included: each before what is made from it."""
    yield family
    for cls in filter(_is_own, family.__subclasses__()):
        yield from family_tree(cls)


def field_docs(cls: type[Event]) -> dict[str, str]:
    """The text below each field that `cls` itself declares, or what its type says, in one line."""
    properties = _properties(cls)
    own = _attribute_docs(cls)
    return {name: own.get(name) or _description(properties[name]) for name in _own_fields(cls)}


def _family(family: type[Event]) -> Iterator[str]:
    module = sys.modules[family.__module__]
    yield f"\n## {_title(family)}\n\n{inspect.getdoc(module)}\n"
    for cls in family_tree(family):
        yield f"\n### {cls.__name__}\n\n{inspect.getdoc(cls)}\n"
        if cls.topic_prefix:
            yield f"\nTopic `{_topic(cls)}`, folder `type={type_name(cls)}`.\n"
        if rows := "".join(_rows(cls)):
            yield f"\n| field | value | default | |\n|---|---|---|---|\n{rows}"
        if cls is not family:
            yield "".join(
                f"\nAnd the fields of [{base.__name__}](#{base.__name__.lower()}).\n" for base in cls.__bases__
            )


def _rows(cls: type[Event]) -> Iterator[str]:
    properties, docs = _properties(cls), field_docs(cls)
    fields = {field.name: field for field in msgspec.structs.fields(cls)}
    for name in _own_fields(cls):
        default = "required" if fields[name].required else f"`{_plain(fields[name].default)}`"
        yield f"| `{name}` | {_value(properties[name])} | {default} | {docs[name]} |\n"


def _is_own(cls: type[Event]) -> bool:
    return cls.__module__.startswith("quantai.events.")


def _title(family: type[Event]) -> str:
    return family.__module__.rpartition(".")[2].replace("_", " ").capitalize()


def _topic(cls: type[Event]) -> str:
    return ".".join([cls.topic_prefix, *(f"<{field}>" for field in cls.topic_fields)])


def _own_fields(cls: type[Event]) -> list[str]:
    inherited = {name for base in cls.__bases__ for name in getattr(base, "__struct_fields__", ())}
    return [name for name in cls.__struct_fields__ if name not in inherited]


def _properties(cls: type[Event]) -> Schema:
    """The JSON schema of each field, with choices in place of references."""
    concrete = next(each for each in family_tree(cls) if each.topic_prefix)
    schema = TypeAdapter(concrete).json_schema()
    choices = schema.get("$defs", {})

    def resolved(field: Schema) -> Schema:
        return choices[field["$ref"].rpartition("/")[2]] if "$ref" in field else field

    return {name: resolved(field) for name, field in schema["properties"].items()}


def _value(schema: Schema) -> str:
    """What a field may be, in words."""
    if "enum" in schema:
        return ", ".join(f"`{choice}`" for choice in schema["enum"])
    if "anyOf" in schema:
        return _alternatives(schema["anyOf"])
    if schema["type"] == "array":
        return "levels: price and size"
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true, false"}
    return words[schema["type"]] + _bounds(schema)


def _alternatives(schemas: list[Schema]) -> str:
    null = {"type": "null"}
    if null in schemas:
        return f"{' or '.join(_value(schema) for schema in schemas if schema != null)} or null"
    return f"exact {_value(next(schema for schema in schemas if schema['type'] == 'number'))}"


def _bounds(schema: Schema) -> str:
    if "exclusiveMinimum" in schema:
        return f" > {schema['exclusiveMinimum']:g}"
    return f" ≥ {schema['minimum']:g}" if "minimum" in schema else ""


def _description(schema: Schema) -> str:
    """What the type of a field says of it, or of the one that is not null."""
    text = schema.get("description") or next(
        (part["description"] for part in schema.get("anyOf", ()) if "description" in part), ""
    )
    sentence = " ".join(text.split()).removesuffix(".")
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else ""


def _plain(value: Any) -> str:
    return "null" if value is None else '""' if value == "" else str(value)


def _attribute_docs(cls: type) -> dict[str, str]:
    body = ast.parse(inspect.getsource(cls)).body[0]
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(body.body if isinstance(body, ast.ClassDef) else [])
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
