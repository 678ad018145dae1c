"""Finding one's way in a schema: which model, which keys, at a place in the configuration."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from quantai.config.problems import KeyPath


def valid_keys(model: type[BaseModel], path: KeyPath, values: Any) -> list[str]:
    """The keys that may stand at `path` below `model`."""
    annotation: Any = model
    for part in path:
        annotation = _step(annotation, part, values)
        values = values.get(part) if isinstance(values, dict) else None
    section = section_of(annotation, values)
    if section is None:
        return []
    return [field.alias or name for name, field in section.model_fields.items()]


def _step(annotation: Any, part: str, values: Any) -> Any:
    section = section_of(annotation, values)
    if section is not None:
        by_key = {field.alias or name: field.annotation for name, field in section.model_fields.items()}
        return by_key.get(part)
    arguments = get_args(bare(annotation))
    return arguments[-1] if arguments else None


def section_of(annotation: Any, values: Any) -> type[BaseModel] | None:
    """The model an annotation stands for; of a union, the one whose `type` the values have."""
    annotation = bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType):
        members = [member for part in get_args(annotation) if (member := section_of(part, values)) is not None]
        tagged = [member for member in members if _accepts_type(member, values)]
        return next(iter(tagged or members), None)
    return None


def _accepts_type(member: type[BaseModel], values: Any) -> bool:
    field = member.model_fields.get("type")
    return isinstance(values, dict) and field is not None and values.get("type") in get_args(field.annotation)


def bare(annotation: Any) -> Any:
    """An annotation without what `Annotated` adds."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def mentions(annotation: Any, wanted: type) -> bool:
    """Whether `wanted` is the annotation, or a member of its union."""
    annotation = bare(annotation)
    if get_origin(annotation) in (Union, UnionType):
        return any(mentions(part, wanted) for part in get_args(annotation))
    return annotation is wanted
