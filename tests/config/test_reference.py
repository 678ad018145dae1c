"""The configuration reference is what the schema says."""

from __future__ import annotations

from pathlib import Path

from quantai.config.reference import reference
from quantai.config.schema import Config

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run `make docs`"


def test_every_group_and_the_keys_of_classes_are_in_it() -> None:
    page = reference()
    for group in Config.model_fields:
        assert f"\n## {group}\n" in page
    for key in ("`max_notional`", "`valuation_interval`", "`start_price`", "`_target_`"):
        assert key in page
