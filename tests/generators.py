"""Hypothesis strategies that several test modules share."""

from __future__ import annotations

import types
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints
from unicodedata import normalize

import msgspec
from hypothesis import strategies as st

from quantai.events import Event
from quantai.events.base import Count, Money, Nanoseconds, Price, Quantity, Size, Timestamp
from quantai.instruments import OptionRight, Symbol

amounts = st.decimals(min_value=Decimal("-1e12"), max_value=Decimal("1e12"), places=8)
"""Signed exact numbers as money and quantities have."""

quantities = st.decimals(min_value=0, max_value=Decimal("1e12"), places=8)
"""Exact numbers that are not negative."""

steps = st.one_of(
    st.builds(lambda places: Decimal(1).scaleb(-places), st.integers(-3, 12)),
    st.decimals(min_value=Decimal("0.0001"), max_value=1000, places=4),
)
"""Grids: powers of ten mostly, as venues have, and others."""

codes = (
    st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=8)
    .map(lambda text: normalize("NFC", text))
    .filter(lambda text: text.isprintable() and not set(text) & set("/:-*"))
)
"""Currency codes, which need not be ASCII."""

days = st.dates(date(2000, 1, 1), date(2099, 12, 31))

_BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    Timestamp: st.integers(0, 2**63 - 1),
    Nanoseconds: st.integers(1, 2**63 - 1),
    Count: st.integers(0, 2**63 - 1),
    Price: st.floats(allow_nan=False, allow_infinity=False),
    Size: st.floats(min_value=0, allow_nan=False, allow_infinity=False),
    Money: amounts,
    Quantity: quantities,
    str: st.text(max_size=20),
    bool: st.booleans(),
    types.NoneType: st.none(),
}


def _of_type(hint: Any) -> st.SearchStrategy[Any]:
    if hint in _BY_TYPE:
        return _BY_TYPE[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if get_origin(hint) in (Union, types.UnionType):
        return st.one_of([_of_type(part) for part in get_args(hint)])
    if get_origin(hint) is tuple:
        first, *rest = get_args(hint)
        if rest == [...]:
            return st.lists(_of_type(first), max_size=4).map(tuple)
        return st.tuples(_of_type(first), *[_of_type(part) for part in rest])
    raise AssertionError(f"no strategy for {hint}")


def events(cls: type[Event]) -> st.SearchStrategy[Event]:
    """Events of one concrete class, every field anything that is allowed."""
    hints = get_type_hints(cls, include_extras=True)
    return st.builds(cls, *[_of_type(hints[field.name]) for field in msgspec.structs.fields(cls)])


@st.composite
def symbols(draw: st.DrawFn) -> Symbol:
    """Spot pairs, perpetuals, futures and options."""
    base, quote, settle = draw(codes), draw(codes), draw(codes)
    kind = draw(st.sampled_from(["spot", "perpetual", "future", "option"]))
    if kind == "spot":
        return Symbol(base, quote)
    if kind == "perpetual":
        return Symbol(base, quote, settle)
    if kind == "future":
        return Symbol(base, quote, settle, draw(days))
    strike = draw(st.decimals(min_value=Decimal("0.00000001"), max_value=Decimal("1e9"), places=8))
    return Symbol(base, quote, settle, draw(days), strike, draw(st.sampled_from(OptionRight)))
