"""Writes `docs/configuration.md` from the schema: `make docs`. A test checks that it is up to date."""

from __future__ import annotations

from pathlib import Path

from quantai.config.reference import reference

TARGET = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"

if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
