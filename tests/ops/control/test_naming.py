"""Names of orders, whole and in parts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.ops.control.naming import OrderName, shortened

NAME = "emacross2k9f0abc000012"


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (NAME, True),
        ("ema", True),
        (" ema ", True),
        ("emac…0012", True),
        ("emac...0012", True),
        ("…0012", True),
        ("ema…0013", False),
        ("emb", False),
        ("0012", False),
        (f"{NAME}…2", False),
        (f"{NAME[:-1]}…2", True),
    ],
)
def test_an_id_has_many_names(text: str, fits: bool) -> None:
    assert OrderName.of(text).fits(NAME) is fits


def test_what_is_shortened_keeps_its_ends() -> None:
    assert shortened(NAME, 12) == "emac…c000012"
    assert shortened(NAME, len(NAME)) == NAME
    assert shortened(NAME, len(NAME) - 1) == f"{NAME[: len(NAME) - 10]}…{NAME[-8:]}"


@given(st.text("abc0123", min_size=1, max_size=40), st.integers(4, 40))
@settings(max_examples=50)
def test_what_is_shown_fits_the_column_and_finds_the_order(order_id: str, width: int) -> None:
    shown = shortened(order_id, width)
    assert len(shown) <= width
    assert OrderName.of(shown).fits(order_id)
