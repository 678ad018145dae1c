"""Extension by class: what YAML can name, and how the names are found.

A component declares its parameters as annotated public attributes; those without a default must be given:

    class MaxSpread(RiskCheck):
        max_spread_bps: Positive
        \"\"\"Deny while the spread is wider.\"\"\"

YAML names the class with `_target_: my_module.MaxSpread`, or by the registry name a package published as an entry
point.
"""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, ClassVar, Generic, TypeVar, get_origin, get_type_hints

from pydantic import create_model

from quantai.core.errors import ConfigError
from quantai.core.identifiers import nearest
from quantai.core.params import Section


class Component:
    """Base of every class that YAML can name. Instances are made with their parameters as keywords, which are
    checked.
    """

    _made_params_model: ClassVar[type[Section]]

    def __init__(self, **params: Any) -> None:
        for name, value in self.params_model()(**params):
            setattr(self, name, value)

    @classmethod
    def params_model(cls) -> type[Section]:
        """The Pydantic model of the class's parameters, made once a class."""
        model: type[Section] | None = cls.__dict__.get("_made_params_model")
        if model is None:
            model = cls._made_params_model = _make_params_model(cls)
        return model

    def validate_params(self) -> None:
        """Override to raise `ValueError` where parameters do not fit together, e.g. `fast` not below `slow`."""


def _make_params_model(cls: type[Component]) -> type[Section]:
    fields: dict[str, Any] = {}
    for name, annotation in get_type_hints(cls, include_extras=True).items():
        if not name.startswith("_") and ClassVar not in (annotation, get_origin(annotation)):
            fields[name] = (annotation, getattr(cls, name, ...))
    return create_model(
        f"{cls.__name__}Params", __base__=Section, __doc__=cls.__doc__, __module__=cls.__module__, **fields
    )


C = TypeVar("C", bound=Component)


class Registry(Generic[C]):
    """Finds the classes of one kind of component: built in by name, by entry point, or by dotted path."""

    def __init__(self, kind: str, base: type[C], group: str, builtin: Mapping[str, str]) -> None:
        """`builtin` maps names to dotted paths (imported only when used); `group` is the entry point group."""
        self.kind = kind
        self.base = base
        self.group = group
        self._builtin = dict(builtin)

    @property
    def builtin(self) -> list[str]:
        """The names of what ships with QuantAI."""
        return sorted(self._builtin)

    def names(self) -> list[str]:
        """Every name that `find` knows."""
        return sorted({*self._builtin, *(point.name for point in entry_points(group=self.group))})

    def find(self, name: str) -> type[C]:
        """The class registered as `name`. Raises `ConfigError`, naming the nearest."""
        if name in self._builtin:
            return self.load(self._builtin[name])
        published = {f"{point.module}.{point.attr}" for point in entry_points(group=self.group, name=name)}
        if len(published) > 1:
            raise ConfigError(
                f"{self.kind} {name!r} is published as {' and as '.join(sorted(published))}: use _target_"
            )
        for path in published:
            return self.load(path)
        near = nearest(name, self.names())
        hint = f"; did you mean {near!r}?" if near else f"; there are {', '.join(self.names()) or 'none'}"
        raise ConfigError(f"no {self.kind} is called {name!r}{hint} (or name a class with _target_)")

    def load(self, path: str) -> type[C]:
        """The class at the dotted `path`. Raises `ConfigError` where it cannot be imported or is of another kind."""
        found = import_dotted(path)
        if not (isinstance(found, type) and issubclass(found, self.base)):
            raise ConfigError(f"{path} is not a {self.kind}: it must be a subclass of {self.base.__name__}")
        return found


def import_dotted(path: str) -> Any:
    """The object at `package.module.name`. Raises `ConfigError` that says which part is missing, or where its module
    fails.
    """
    module_path, _, name = path.rpartition(".")
    if not module_path:
        raise ConfigError(f"{path!r} is not a dotted path such as strategies.ema_cross.EmaCross")
    try:
        module = importlib.import_module(module_path)
    except ModuleNotFoundError as error:
        if error.name and (module_path == error.name or module_path.startswith(error.name + ".")):
            raise ConfigError(f"no module {error.name!r} can be imported (for {path})") from None
        raise ConfigError(f"importing {module_path} failed: {error} ({_where(error)})") from error
    except (Exception, SystemExit) as error:  # a script that was not meant to be imported may exit
        raise ConfigError(
            f"importing {module_path} failed: {type(error).__name__}: {error} ({_where(error)})"
        ) from error
    if not hasattr(module, name):
        near = nearest(name, [candidate for candidate in vars(module) if not candidate.startswith("_")])
        raise ConfigError(f"module {module_path} has no {name!r}" + (f"; did you mean {near!r}?" if near else ""))
    return getattr(module, name)


def _where(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}"
