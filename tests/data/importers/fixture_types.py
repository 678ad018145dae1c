"""What the fixtures of this folder are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from quantai.data.imports import CsvMapping, FileReport, ImportReport

Write = Callable[..., Path]
Run = Callable[..., ImportReport]
RunOne = Callable[..., FileReport]
Events = Callable[[], list[Any]]
LoadMapping = Callable[[str], CsvMapping]
