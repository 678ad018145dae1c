"""The configuration reference, made from the schema: what the documentation says is what is checked."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from quantai.config.annotations import bare
from quantai.config.folders import shipped_conf
from quantai.config.schema import Config
from quantai.core.component import Component, Registry
from quantai.core.numbers import MAX_MAGNITUDE, plain
from quantai.core.params import duration_text
from quantai.exchanges.registry import EXCHANGES
from quantai.oms.risk import RISK_CHECKS
from quantai.oms.routing import ROUTERS

_HEAD = """# Configuration reference

Made from the schema by `make docs`; do not edit. How to use it: [the configuration guide](guides/configuration.md).

Durations are texts with a unit: `250us`, `5ms`, `1s`, `1h30m`, `2d`. Rates are fractions, percents or basis points:
`0.001`, `0.1%`, `10bps`. Names are small letters, digits and `_`. An unknown key is refused.
"""

_BOUNDS = ((Gt, "gt", ">"), (Ge, "ge", "≥"), (Lt, "lt", "<"), (Le, "le", "≤"))


def reference() -> str:
    """The whole page, in Markdown."""
    parts = [_HEAD]
    for name, field in Config.model_fields.items():
        parts.append(f"\n## {name}\n\n{field.description}\n")
        choices = ", ".join(f"`{name}={file.stem}`" for file in sorted((shipped_conf() / name).glob("*.yaml")))
        parts.append(f"\nShipped: {choices}\n" if choices else "")
        parts += _sections(field.annotation, name)
    parts += _components("Risk checks", RISK_CHECKS, "risk.checks.<name>")
    parts += _components("Routers", ROUTERS, "routing")
    parts += _components("Exchange connectors", EXCHANGES, "exchanges.<name>")
    return "".join(parts)


def _sections(annotation: Any, path: str) -> Iterator[str]:
    """A table for each model at or below `annotation`."""
    annotation = bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield _table(annotation, path)
        for name, field in annotation.model_fields.items():
            yield from _sections(field.annotation, f"{path}.{field.alias or name}")
    elif get_origin(annotation) is dict:
        yield from _sections(get_args(annotation)[1], f"{path}.<name>")
    elif get_origin(annotation) is list:
        yield from _sections(get_args(annotation)[0], f"{path}[]")
    elif get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from _sections(part, path)


def _table(model: type[BaseModel], path: str) -> str:
    if not model.model_fields:
        return ""
    kind = model.model_fields.get("type")
    tag = f" (`type: {get_args(kind.annotation)[0]}`)" if kind and get_origin(kind.annotation) is Literal else ""
    rows = "".join(_row(field.alias or name, field) for name, field in model.model_fields.items())
    return f"\n### `{path}`{tag}\n\n{_first_paragraph(model)}\n\n| key | value | default | |\n|---|---|---|---|\n{rows}"


def _row(name: str, field: FieldInfo, doc: str = "") -> str:
    default = "required" if field.is_required() else f"`{_default(field)}`"
    text = " ".join((field.description or doc).split())
    return f"| `{name}` | {_value(field)} | {default} | {text} |\n"


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value is PydanticUndefined:
        return "null"
    if field.json_schema_extra == {"format": "duration"}:
        return duration_text(value)
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, BaseModel):
        return "its defaults"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(field: FieldInfo) -> str:
    text = _type(field.annotation, field)
    bounds = [
        f"{sign} {_number(getattr(mark, attribute))}"
        for mark in field.metadata
        for kind, attribute, sign in _BOUNDS
        if isinstance(mark, kind) and abs(getattr(mark, attribute)) != MAX_MAGNITUDE
    ]
    bounds += ["not empty" for mark in field.metadata if isinstance(mark, MinLen)]
    return f"{text} {', '.join(bounds)}".strip()


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and value < 10**9 else str(value)


def _type(annotation: Any, field: FieldInfo | None = None) -> str:
    annotation = bare(annotation)
    if field is not None and isinstance(field.json_schema_extra, dict):
        return str(field.json_schema_extra["format"])
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " or ".join(_type(part) for part in arguments if part is not type(None))
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin is dict:
        return f"{_type(arguments[0])} → {_type(arguments[1])}"
    if origin is list:
        return f"list of {_type(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "see below"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return ", ".join(f"`{choice}`" for choice in annotation)
    return _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


_WORDS = {
    str: "text",
    int: "whole number",
    Decimal: "number",
    float: "number",
    bool: "true, false",
    SecretStr: "secret",
}


def _components(title: str, registry: Registry[Any], path: str) -> Iterator[str]:
    yield f"\n## {title}\n\nBesides the keys of `{path}`, by `type`. Your own class is named with `_target_`.\n"
    for name in registry.names():
        cls: type[Component] = registry.find(name)
        docs = _attribute_docs(cls)
        rows = "".join(_row(key, field, docs.get(key, "")) for key, field in cls.params_model().model_fields.items())
        table = f"\n| key | value | default | |\n|---|---|---|---|\n{rows}" if rows else ""
        yield f"\n### `type: {name}`\n\n{_first_paragraph(cls)}\n{table}"


def _attribute_docs(cls: type) -> dict[str, str]:
    """The text below each annotated attribute of a class, and of those it is made from."""
    docs: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if issubclass(each, Component):
            body = ast.parse(inspect.cleandoc("\n" + inspect.getsource(each))).body[0]
            docs |= dict(_documented(body))
    return docs


def _documented(body: ast.stmt) -> Iterator[tuple[str, str]]:
    for statement, following in pairwise(body.body if isinstance(body, ast.ClassDef) else []):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, " ".join(text.split())


def _first_paragraph(cls: type) -> str:
    return " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())
