"""Pydantic's findings in the reader's words: the key, the value, what was expected, the nearest valid name."""

from __future__ import annotations

import re
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
        message = _message(detail, model, path, values, also_valid)
        found.append(Problem((*prefix, *path), message, shown=_shown(detail, (*prefix, *path))))
    return found


def _shown(detail: ErrorDetails, path: KeyPath) -> str | None:
    """The value as given; of a missing key, or a key that is wrong itself, there is none."""
    if detail["type"] == "missing" or detail["loc"][-1:] == ("[key]",):
        return None
    tag = detail.get("ctx", {}).get("tag") if detail["type"] == "union_tag_invalid" else None
    return show_value(path, tag if tag is not None else detail["input"])


def _key_path(detail: ErrorDetails, values: Any) -> KeyPath:
    """The location without the names of unions and their members that Pydantic puts between."""
    path: list[str] = []
    node: Any = values
    *parents, last = detail["loc"] or ("",)
    for part in parents:
        children = dict(enumerate(node)) if isinstance(node, list) else node
        if isinstance(children, dict) and part in children:
            node = children[part]
            path.append(str(part))
    is_key = isinstance(node, dict) and (last in node or detail["type"] in ("missing", "extra_forbidden"))
    if is_key or isinstance(node, list):
        path.append(str(last))
    if detail["type"] == "union_tag_invalid":
        path.append("type")
    return tuple(path)


_WORDS = {
    "missing": "required, but not set",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "int_type": "expected a whole number",
    "decimal_parsing": "expected a number",
    "decimal_type": "expected a number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "string_type": "expected text",
    "list_type": "expected a list",
    "dict_type": "expected keys and values below it",
    "model_type": "expected keys and values below it",
    "model_attributes_type": "expected keys and values below it",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "a name is small letters, digits and _, at most 32, beginning with a letter",
    "union_tag_not_found": "needs a type",
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected at least {ge}",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected at most {le}",
    "too_short": "expected at least {min_length} of them",
    "datetime_from_date_parsing": "expected a time such as 2026-01-01T00:00:00Z",
    "datetime_parsing": "expected a time such as 2026-01-01T00:00:00Z",
    "datetime_type": "expected a time such as 2026-01-01T00:00:00Z",
}


def _message(
    detail: ErrorDetails, model: type[BaseModel], path: KeyPath, values: Any, also_valid: Sequence[str]
) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        keys = [*valid_keys(model, path[:-1], values), *also_valid]
        return f"unknown key; {suggestion(path[-1], keys, 'valid keys: ')}"
    if kind in ("enum", "literal_error"):
        return _choice(str(detail["input"]), str(context["expected"]).replace(" or ", ", "))
    if kind == "union_tag_invalid":
        return _choice(str(context["tag"]), str(context["expected_tags"]))
    if kind == "value_error":
        return str(context.get("error", detail["msg"]))
    words = _WORDS[kind].format_map(context) if kind in _WORDS else detail["msg"].replace("Input should be", "expected")
    return re.sub(r"Decimal\('(.+?)'\)", r"\1", words)


def _choice(given: str, choices: str) -> str:
    valid = choices.replace("'", "").split(", ")
    return suggestion(given, valid, "one of " if nearest(given, valid) else "expected one of ")


def suggestion(name: str, valid: Sequence[str], introduction: str) -> str:
    """«did you mean» where a name is close, else all the names there are."""
    near = nearest(name, valid)
    every = introduction + (", ".join(valid) or "none")
    return f"did you mean {near!r}? ({every})" if near else every
