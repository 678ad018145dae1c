"""Secrets: only ever references, `${oc.env:NAME}` or `${credential:NAME}`, in YAML; never on the command line, never shown."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from pydantic import BaseModel, SecretStr

from quantai.config.problems import KeyPath

_REFERENCE = re.compile(r"^\$\{(oc\.env|credential):\s*[A-Za-z_][\w.-]*\s*(,\s*null\s*)?\}$")

REFERENCE_HELP = (
    "a secret must be a reference, ${oc.env:NAME} or ${credential:NAME} (a systemd credential), never the secret itself"
)


def is_reference(raw: Any) -> bool:
    """Whether `raw`, as written, is nothing but a reference to a secret (`, null` may stand for «not set»)."""
    return isinstance(raw, str) and _REFERENCE.match(raw) is not None


def secret_paths(model: BaseModel, prefix: KeyPath = ()) -> Iterator[KeyPath]:
    """The key paths of every secret that is set in `model`."""
    values = {name: getattr(model, name) for name in type(model).model_fields}
    yield from _secrets_in(values | (model.model_extra or {}), prefix)


def _secrets_in(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    if isinstance(value, SecretStr):
        yield path
    elif isinstance(value, BaseModel):
        yield from secret_paths(value, path)
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from _secrets_in(child, (*path, str(key)))


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
