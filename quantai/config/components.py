"""Checks everything that names a class: the class is there, is of the right kind, and takes those parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from quantai.config.problems import KeyPath, Problem, show_value
from quantai.config.resolve import Unresolved
from quantai.config.schema import ComponentSection, ExchangeSection, RiskCheckSection, RoutingSection, StrategySection
from quantai.config.schema.routing import DEFAULT_ROUTER
from quantai.config.secrets import secret_paths
from quantai.config.validate import problems_of
from quantai.core.component import C, Component, Registry
from quantai.core.errors import ConfigError
from quantai.exchanges.registry import EXCHANGES
from quantai.oms.risk import RISK_CHECKS
from quantai.oms.routing import ROUTERS
from quantai.strategy import STRATEGIES


@dataclass(frozen=True, slots=True)
class Kind:
    """A place in the configuration where classes are named: the keys of `section` are not the class's.

    There are many by name below `path`; with a `default`, the class where none is named, `path` itself is one.
    """

    path: KeyPath
    section: type[ComponentSection]
    registry: Registry[Any]
    is_optional: bool = False
    default: str | None = None


KINDS = (
    Kind(("strategies",), StrategySection, STRATEGIES),
    Kind(("risk", "checks"), RiskCheckSection, RISK_CHECKS),
    Kind(("exchanges",), ExchangeSection, EXCHANGES, is_optional=True),
    Kind(("routing",), RoutingSection, ROUTERS, default=DEFAULT_ROUTER),
)


@dataclass
class ComponentFindings:
    """What is wrong with components, and which of their parameters are secrets."""

    problems: list[Problem] = field(default_factory=list)
    secrets: list[KeyPath] = field(default_factory=list)


def check_components(values: dict[str, Any]) -> ComponentFindings:
    """Look at every class named in a configuration and its parameters."""
    findings = ComponentFindings()
    for kind in KINDS:
        for path, section in _sections(values, kind):
            findings.problems += _check(section, path, kind, findings)
    return findings


def _sections(values: Any, kind: Kind) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    for key in kind.path:
        values = values.get(key) if isinstance(values, dict) else None
    if not isinstance(values, dict):
        return
    if kind.default is not None:
        yield kind.path, values
        return
    yield from (((*kind.path, name), section) for name, section in values.items() if isinstance(section, dict))


def _check(section: dict[str, Any], path: KeyPath, kind: Kind, findings: ComponentFindings) -> list[Problem]:
    name, target = section.get("type"), section.get("_target_")
    key = "type" if name else "_target_"
    if name and target:
        return [Problem((*path, "_target_"), "give type or _target_, not both")]
    own_keys = {field.alias or key for key, field in kind.section.model_fields.items()}
    params = {key: value for key, value in section.items() if key not in own_keys}
    if not name and not target:
        name = kind.default
    if not name and not target:
        return _unnamed(params, path, kind)
    if not isinstance(name or target, str):
        return []  # the schema says so
    try:
        cls = find_class(kind.registry, name, target)
    except ConfigError as error:
        return [Problem((*path, key), str(error), shown=show_value((*path, key), name or target))]
    return _check_params(cls, params, path, sorted(own_keys), findings)


def _unnamed(params: dict[str, Any], path: KeyPath, kind: Kind) -> list[Problem]:
    if not kind.is_optional:
        return [Problem((*path, "_target_"), f"required, but not set: which class is this {kind.registry.kind}?")]
    valid = ", ".join(field.alias or key for key, field in kind.section.model_fields.items())
    return [
        Problem((*path, key), f"unknown key (valid keys: {valid}; a connector named by type adds its own)",
                shown=show_value((*path, key), value))
        for key, value in params.items()
    ]  # fmt: skip


def find_class(registry: Registry[C], name: str | None, target: str | None) -> type[C]:
    """The class of a section. Raises `ConfigError`."""
    return registry.find(name) if name else registry.load(str(target))


def _check_params(
    cls: type[Component], params: dict[str, Any], path: KeyPath, own_keys: list[str], findings: ComponentFindings
) -> list[Problem]:
    if any(isinstance(value, Unresolved) for value in params.values()):
        return []
    try:
        model = cls.params_model()
    except Exception as error:
        return [Problem(path, f"{cls.__name__} has parameters that cannot be read: {type(error).__name__}: {error}")]
    findings.secrets += secret_paths(model, params, path)
    try:
        model(**params)
        cls(**params).validate_params()
    except ValidationError as error:
        return problems_of(error, model, params, path, also_valid=own_keys)
    except ValueError as error:
        return [Problem(path, str(error))]
    except Exception as error:
        return [Problem(path, f"{cls.__name__} cannot be made: {type(error).__name__}: {error}")]
    return []
