"""Pydantic's findings in the reader's words: the key, the value, what was expected, the nearest valid name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from quantai.config.annotations import valid_keys
from quantai.config.problems import KeyPath, Problem, show_value
from quantai.config.resolve import Unresolved
from quantai.core.identifiers import nearest


def problems_of(
    error: ValidationError,
    model: type[BaseModel],
    values: Any,
    prefix: KeyPath = (),
    also_valid: Sequence[str] = (),
) -> list[Problem]:
    """One problem for each finding, with `prefix` put before its key path; `values` is what was validated.

    `also_valid` are keys that may stand beside those of `model`, for «did you mean».
    """
    found = []
    for detail in error.errors(include_url=False):
        if isinstance(detail["input"], Unresolved):
            continue
        path = _key_path(detail, values)
        full = (*prefix, *path)
        shown = None if detail["type"] == "missing" else show_value(full, detail["input"])
        found.append(Problem(full, _message(detail, model, path, values, also_valid), shown=shown))
    return found


def _key_path(detail: ErrorDetails, values: Any) -> KeyPath:
    """The location without the names of unions and their members that Pydantic puts between."""
    path: list[str] = []
    node = values
    *parents, last = detail["loc"] or ("",)
    for part in parents:
        if isinstance(node, dict) and part in node:
            node = node[part]
        elif isinstance(node, list) and isinstance(part, int):
            node = node[part]
        else:
            continue
        path.append(str(part))
    is_key = isinstance(node, dict) and (last in node or detail["type"] in ("missing", "extra_forbidden"))
    if is_key or isinstance(node, list):
        path.append(str(last))
    return tuple(path)


def _message(
    detail: ErrorDetails, model: type[BaseModel], path: KeyPath, values: Any, also_valid: Sequence[str]
) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return "unknown key; " + suggestion(
            path[-1], [*valid_keys(model, path[:-1], values), *also_valid], "valid keys: "
        )
    if kind == "missing":
        return "required, but not set"
    if kind in ("enum", "literal_error"):
        choices = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        return "expected " + suggestion(str(detail["input"]), choices, "one of ")
    if kind == "union_tag_invalid":
        choices = str(context["expected_tags"]).replace("'", "").split(", ")
        return "type: expected " + suggestion(str(context["tag"]), choices, "one of ")
    if kind == "union_tag_not_found":
        return "needs a type"
    if kind == "string_pattern_mismatch":
        return f"expected a name of small letters, digits and _ (pattern {context['pattern']})"
    if kind == "value_error":
        return str(context.get("error", detail["msg"]))
    return _plain(detail["msg"])


def suggestion(name: str, valid: Sequence[str], introduction: str) -> str:
    """«did you mean» where a name is close, else all the names there are."""
    near = nearest(name, valid)
    every = introduction + (", ".join(valid) or "none")
    return f"did you mean {near!r}? ({every})" if near else every


def _plain(message: str) -> str:
    return (
        message.replace("Input should be", "expected")
        .replace("Value should be", "expected")
        .replace("unable to parse string as an", "not an")
    )
