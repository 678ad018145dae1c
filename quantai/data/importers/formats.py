"""All formats, and which one a file is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quantai.core.errors import ConfigError
from quantai.core.identifiers import nearest
from quantai.data.importers import binance, bybit, tardis
from quantai.data.importers.converter import Format
from quantai.data.importers.files import FileHead
from quantai.data.importers.mapped_csv import MappedCsv
from quantai.data.importers.mapping import CsvMapping

CSV = "csv"
FORMATS: Sequence[Format] = [*binance.FORMATS, *tardis.FORMATS, *bybit.FORMATS]


def list_formats() -> Mapping[str, str]:
    """The name and one line about each format; the part before the first `_` names the whole family."""
    return {known.name: known.summary for known in FORMATS} | {
        CSV: "any other CSV, described by a column mapping in YAML"
    }


def find_format(head: FileHead, name: str | None, mapping: CsvMapping | None) -> Format:
    """What reads a file: a mapping where one is given, else the format or family `name`, else what the file looks like.

    Raises `ConfigError` where that is not one format.
    """
    if mapping is not None:
        if name not in (None, CSV):
            raise ConfigError(f"format {name!r} and a column mapping exclude each other: leave out one of them")
        return MappedCsv(mapping)
    if name is None:
        return _the_one(head, [known for known in FORMATS if known.recognises(head)])
    family = _family(name)
    return _the_one(head, [one for one in family if one.recognises(head)] or [one for one in family if one.fits(head)])


def _family(name: str) -> list[Format]:
    if name == CSV:
        raise ConfigError("format csv needs a column mapping (a YAML file: see docs/guides/importing.md)")
    wanted = name.lower()
    family = [known for known in FORMATS if known.name.lower() == wanted or known.name.startswith(f"{wanted}_")]
    if not family:
        families = {known.name.partition("_")[0] for known in FORMATS}
        guess = nearest(wanted, [*list_formats(), *families])
        hint = f", did you mean {guess}?" if guess else "."
        raise ConfigError(f"there is no import format {name!r}{hint} Known are {', '.join(list_formats())}")
    return family


def _the_one(head: FileHead, found: Sequence[Format]) -> Format:
    if len(found) == 1:
        return found[0]
    names = [known.name for known in found]
    what = f"fits several formats ({', '.join(names)})" if names else "has no format that was expected"
    raise ConfigError(
        f"{head.path} {what}; its first line is {head.lines[0][:120]!r}. "
        f"Name one of {', '.join(list_formats())}, the last with a column mapping"
    )
