"""The protocols that loopback venues speak: those that ship, and those that packages publish as entry points."""

from __future__ import annotations

from importlib.metadata import entry_points

from quantai.core.component import import_dotted
from quantai.core.errors import ConfigError
from quantai.core.identifiers import nearest
from quantai.loopback.dialects.binance import BinanceSpotDialect, BinanceUsdmDialect
from quantai.loopback.server.dialect import Dialect

GROUP = "quantai.loopback_dialects"
"""The entry point group of packages with a dialect of their own; the name of one is what `quantai venue` calls it."""

DIALECTS: dict[str, type[Dialect]] = {dialect.name: dialect for dialect in (BinanceSpotDialect, BinanceUsdmDialect)}
"""Those that ship, by what `quantai venue` calls them."""

__all__ = ["DIALECTS", "GROUP", "BinanceSpotDialect", "BinanceUsdmDialect", "dialect_names", "find_dialect"]


def dialect_names() -> list[str]:
    """Every name that `find_dialect` knows."""
    return sorted({*DIALECTS, *(point.name for point in entry_points(group=GROUP))})


def find_dialect(name: str) -> type[Dialect]:
    """The dialect called `name`. Raises `ConfigError`, naming the nearest, and for one that is published twice, cannot
    be imported or is no dialect.
    """
    if name in DIALECTS:
        return DIALECTS[name]
    published = sorted({f"{point.module}.{point.attr}" for point in entry_points(group=GROUP, name=name)})
    if len(published) > 1:
        raise ConfigError(f"the loopback venue {name!r} is published as {' and as '.join(published)}: uninstall one")
    if not published:
        near = nearest(name, dialect_names())
        hint = f"did you mean {near!r}?" if near else f"there are {', '.join(dialect_names())}"
        raise ConfigError(f"there is no loopback venue {name!r}: {hint}")
    [path] = published
    found = import_dotted(path)
    if not (isinstance(found, type) and issubclass(found, Dialect)):
        raise ConfigError(f"{path}, published as the loopback venue {name!r}, is not a subclass of {Dialect.__name__}")
    return found
