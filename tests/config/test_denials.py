"""The table of denials has every code there is."""

from __future__ import annotations

import re
from pathlib import Path

from quantai.config.denials import denials
from quantai.oms.risk import RISK_CHECKS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "denials.md"

_CODE = re.compile(r'"([A-Z]{2,}(?:_[A-Z]+)+)[":]')
_NO_CODES = {"RISK_CHECKS"}


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == denials(), "run `make docs`"


def test_every_check_has_a_row() -> None:
    page = denials()
    for name in RISK_CHECKS.names():
        assert f"| `{RISK_CHECKS.find(name).code}` | `type: {name}`. " in page


def test_every_code_of_the_oms_has_a_row() -> None:
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", denials(), re.MULTILINE))
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "quantai" / "oms").rglob("*.py")]
    found = {code for source in sources for code in _CODE.findall(source)} - _NO_CODES
    assert found <= listed
    assert listed - found == {"DRAWDOWN", "STOPPING", "SUPERSEDED"}
