"""Secrets are references in YAML, `${oc.env:NAME}` or `${credential:NAME}`; they are never shown."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from omegaconf import OmegaConf
from pydantic import SecretStr

from quantai.config.annotations import bare, mentions, section_of
from quantai.config.problems import KeyPath

_REFERENCE = re.compile(r"^\$\{(oc\.env|credential):\s*[A-Za-z_][\w.-]*\s*(,\s*null\s*)?\}$")

REFERENCE_HELP = (
    "a secret must be a reference, ${oc.env:NAME} or ${credential:NAME} (a systemd credential), never the secret itself"
)


def is_reference(raw: Any) -> bool:
    """Whether `raw`, as written, is nothing but a reference to a secret (`, null` may stand for «not set»)."""
    return isinstance(raw, str) and _REFERENCE.match(raw) is not None


def secret_paths(annotation: Any, values: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The key paths of all secrets that are set in `values`, which need not be valid, below a model or other type."""
    if mentions(annotation, SecretStr):
        if values is not None:
            yield path
        return
    section = section_of(annotation, values)
    if section is not None and isinstance(values, dict):
        fields = {field.alias or name: field.annotation for name, field in section.model_fields.items()}
        for key, value in values.items():
            yield from secret_paths(fields.get(key), value, (*path, key))
    elif isinstance(values, dict) and (arguments := get_args(bare(annotation))):
        for key, value in values.items():
            yield from secret_paths(arguments[-1], value, (*path, key))


def read_credential(name: str) -> str:
    """A systemd credential (`LoadCredential=`), from the folder systemd names in `CREDENTIALS_DIRECTORY`.

    Raises `ValueError` where there is none. Source: systemd.exec(5), «Credentials».
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise ValueError(f"no systemd credentials here (CREDENTIALS_DIRECTORY is not set), so {name!r} cannot be read")
    if not re.fullmatch(r"[\w.-]+", name) or name.startswith("."):
        raise ValueError(f"{name!r} is not the name of a credential")
    file = Path(folder) / name
    try:
        return file.read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise ValueError(f"the systemd credential {name!r} cannot be read: {error.strerror}") from None


def register_resolvers() -> None:
    """Make `${credential:NAME}` known to OmegaConf."""
    OmegaConf.register_new_resolver("credential", read_credential, replace=True)
