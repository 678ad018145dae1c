"""Extension by class."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

import pytest
from pydantic import Field, ValidationError

from quantai.core.component import Component, Registry, import_dotted
from quantai.core.errors import ConfigError


class Shape(Component):
    """A kind of component."""


class Square(Shape):
    """One with parameters."""

    sides: ClassVar[int] = 4
    _secret: str = "x"
    size: Annotated[int, Field(ge=1)]
    """How big."""
    colour: str = "red"


class Framed(Square):
    """Inherits parameters, and has one of its own."""

    border: int = 1


SHAPES: Registry[Shape] = Registry("shape", Shape, "quantai.test_shapes", {"square": f"{__name__}.Square"})


def test_annotated_public_attributes_are_parameters() -> None:
    assert list(Square.params_model().model_fields) == ["size", "colour"]
    assert set(Framed.params_model().model_fields) == {"size", "colour", "border"}


def test_an_instance_has_its_parameters() -> None:
    framed = Framed(size=3, border="2")
    assert (framed.size, framed.colour, framed.border) == (3, "red", 2)


@pytest.mark.parametrize(
    "params", [{}, {"size": 0}, {"size": "x"}, {"size": 1, "sides": 3}, {"size": 1, "_secret": "y"}, {"size": True}]
)
def test_wrong_parameters_are_refused(params: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Square(**params)


def test_parameters_of_a_class_are_not_those_of_its_child() -> None:
    Framed.params_model()
    assert "border" not in Square.params_model().model_fields


def test_a_registered_name_finds_its_class() -> None:
    assert import_dotted("decimal.Decimal").__name__ == "Decimal"
    assert "square" in SHAPES.names()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing", "not a dotted path"),
        ("no_such_module.Thing", "no module 'no_such_module'"),
        ("decimal.Decimaal", "did you mean 'Decimal'"),
        ("decimal.Decimal", "not a shape: it must be a subclass of Shape"),
        ("decimal.getcontext", "not a shape"),
    ],
)
def test_what_cannot_be_loaded_is_told(path: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SHAPES.load(path)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'square'"):
        SHAPES.find("sqare")
    with pytest.raises(ConfigError, match="there are square"):
        SHAPES.find("zzz")


def test_a_module_that_misses_another_is_not_called_missing_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "needs_more.py").write_text("import does_not_exist_anywhere\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match=r"importing needs_more failed: No module named 'does_not_exist_anywhere'"):
        import_dotted("needs_more.Thing")
