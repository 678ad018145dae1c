from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field, ValidationError

from quantai.core import component
from quantai.core.component import Component, Registry, import_dotted
from quantai.core.errors import ConfigError
from quantai.core.params import Duration, Positive

GROUP = "quantai.tests"


class Check(Component):
    """A kind of component."""

    kind_name: ClassVar[str] = "check"
    bare: ClassVar = 1
    _hidden: int = 5


class MaxSpread(Check):
    """Has parameters of its own."""

    max_spread_bps: Positive
    """Deny above."""
    window: Duration = 1_000
    tags: list[str] = []


class Wider(MaxSpread):
    """Inherits parameters, changes one, adds one."""

    window: Duration = 2_000
    factor: Annotated[float, Field(gt=1)] = 2.0


class Fitted(Check):
    fast: int = 1
    slow: int = 2

    def validate_params(self) -> None:
        if self.fast >= self.slow:
            raise ValueError("fast must be below slow")


class Unrelated(Component):
    """Of another kind."""


CHECKS = Registry("check", Check, GROUP, {"max_spread": f"{__name__}.MaxSpread", "unrelated": f"{__name__}.Unrelated"})

WriteModule = Callable[[str, str], str]


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteModule:
    """Writes a module that can be imported, and says where it is."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, source: str) -> str:
        path = tmp_path / f"{name}.py"
        path.write_text(source)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return str(path)

    return write


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes packages that publish these entry points."""

    def publish(**points: str | list[str]) -> None:
        every = EntryPoints(
            EntryPoint(name, value, GROUP)
            for name, values in points.items()
            for value in ([values] if isinstance(values, str) else values)
        )
        monkeypatch.setattr(component, "entry_points", every.select)

    return publish


def test_parameters_are_the_annotated_public_attributes() -> None:
    assert set(Check.params_model().model_fields) == set()
    assert set(MaxSpread.params_model().model_fields) == {"max_spread_bps", "window", "tags"}
    assert MaxSpread.params_model() is MaxSpread.params_model()
    assert MaxSpread.params_model().__name__ == "MaxSpreadParams"


def test_parameters_are_inherited() -> None:
    assert set(Wider.params_model().model_fields) == {"max_spread_bps", "window", "tags", "factor"}
    wider = Wider(max_spread_bps=5)
    assert (wider.max_spread_bps, wider.window, wider.factor) == (Decimal(5), 2_000, 2.0)
    assert MaxSpread(max_spread_bps=5).window == 1_000


def test_parameters_are_checked_and_converted() -> None:
    check = MaxSpread(max_spread_bps="2.5", window="1.5s", tags=["a"])
    assert (check.max_spread_bps, check.window, check.tags) == (Decimal("2.5"), 1_500_000_000, ["a"])


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({}, "max_spread_bps\n  Field required"),
        ({"max_spread_bps": 0}, "greater than 0"),
        ({"max_spread_bps": True}, "must not be a boolean"),
        ({"max_spread_bps": 1, "windows": "1s"}, "windows\n  Extra inputs"),
        ({"max_spread_bps": 1, "_hidden": 1}, "_hidden\n  Extra inputs"),
        ({"max_spread_bps": 1, "kind_name": "x"}, "kind_name\n  Extra inputs"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        MaxSpread(**params)


def test_instances_do_not_share_defaults() -> None:
    first, second = MaxSpread(max_spread_bps=1), MaxSpread(max_spread_bps=1)
    first.tags.append("mine")
    assert second.tags == []


def test_a_class_may_say_what_does_not_fit_together() -> None:
    MaxSpread(max_spread_bps=1).validate_params()
    with pytest.raises(ValueError, match="fast must be below slow"):
        Fitted(fast=3).validate_params()


def test_a_class_is_found_by_its_built_in_name_or_path() -> None:
    assert CHECKS.find("max_spread") is MaxSpread
    assert CHECKS.load(f"{__name__}.Wider") is Wider


def test_a_class_is_found_by_its_entry_point(publish: Callable[..., None]) -> None:
    publish(wide=f"{__name__}:Wider", twice=[f"{__name__}:Wider", f"{__name__}:Wider [extra]"])
    assert CHECKS.find("wide") is Wider
    assert CHECKS.find("twice") is Wider
    assert CHECKS.names() == ["max_spread", "twice", "unrelated", "wide"]


def test_an_entry_point_does_not_hide_what_is_built_in(publish: Callable[..., None]) -> None:
    publish(max_spread=f"{__name__}:Wider")
    assert CHECKS.find("max_spread") is MaxSpread


def test_two_classes_published_under_one_name_are_refused(publish: Callable[..., None]) -> None:
    publish(both=[f"{__name__}:Wider", f"{__name__}:MaxSpread"])
    with pytest.raises(ConfigError, match=r"'both' is published as .*MaxSpread and as .*Wider: use _target_"):
        CHECKS.find("both")


def test_an_unknown_name_is_refused_with_the_nearest(publish: Callable[..., None]) -> None:
    publish()
    with pytest.raises(ConfigError, match="no check is called 'max_spred'; did you mean 'max_spread'?"):
        CHECKS.find("max_spred")
    with pytest.raises(ConfigError, match="there are max_spread, unrelated"):
        CHECKS.find("zzz")
    with pytest.raises(ConfigError, match="there are none"):
        Registry("check", Check, GROUP, {}).find("zzz")


@pytest.mark.parametrize("name", ["Unrelated", "CHECKS", "test_instances_do_not_share_defaults"])
def test_what_is_of_another_kind_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is not a check: it must be a subclass of Check"):
        CHECKS.load(f"{__name__}.{name}")
    with pytest.raises(ConfigError, match="is not a check"):
        CHECKS.find("unrelated")


def test_anything_can_be_imported_by_its_path() -> None:
    assert import_dotted("decimal.Decimal") is Decimal
    assert import_dotted(f"{__name__}.GROUP") is GROUP


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("Decimal", "'Decimal' is not a dotted path"),
        ("", "'' is not a dotted path"),
        ("no_such_package.Thing", "no module 'no_such_package' can be imported"),
        ("decimal.missing.Thing", "no module 'decimal.missing' can be imported"),
        ("decimal.Decimals", "module decimal has no 'Decimals'; did you mean 'Decimal'?"),
        ("decimal.zzzzzzz", "module decimal has no 'zzzzzzz'$"),
        ("decimal.", "module decimal has no ''"),
        (".decimal.Decimal", "importing .decimal failed: TypeError"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(path: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        import_dotted(path)


@pytest.mark.parametrize(
    ("source", "line", "complaint"),
    [
        ("x = 1\nimport no_such_package\n", 2, "No module named 'no_such_package'"),
        ("from decimal import Decimals\n", 1, "ImportError: cannot import name 'Decimals'"),
        ("def f():\n    raise ValueError('broken')\nf()\n", 2, "ValueError: broken"),
        ("x = 1\ny = (\n", 2, "SyntaxError"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
    ],
)
def test_a_module_that_fails_is_named_with_the_line(
    write_module: WriteModule, source: str, line: int, complaint: str
) -> None:
    path = write_module("a_broken_module", source)
    with pytest.raises(ConfigError) as caught:
        import_dotted("a_broken_module.Thing")
    message = str(caught.value)
    assert message.startswith("importing a_broken_module failed: ")
    assert complaint in message
    assert message.endswith(f"({path}:{line})")


def test_a_component_of_a_written_module_is_loaded(write_module: WriteModule) -> None:
    write_module(
        "a_working_module",
        f"from {__name__} import Check\n\nclass Mine(Check):\n    size: int = 3\n",
    )
    loaded = CHECKS.load("a_working_module.Mine")
    assert issubclass(loaded, Check)
    assert set(loaded.params_model().model_fields) == {"size"}
