"""Parquet columns as NumPy arrays, checked on the way in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from quantai.core.errors import StoreError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A column of few distinct texts: row `i` says `names[codes[i]]`; names are in order of first appearance."""

    names: tuple[str, ...]
    codes: Ints

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, row: int) -> str:
        return self.names[int(self.codes[row])]

    def equals(self, name: str) -> Bools:
        """Which rows say `name`."""
        code = self.names.index(name) if name in self.names else -1
        return np.asarray(self.codes == code)

    def counts(self) -> dict[str, int]:
        """How many rows say each name."""
        totals = np.bincount(self.codes, minlength=len(self.names))
        return dict(zip(self.names, totals.tolist(), strict=True))

    def groups(self) -> Iterator[tuple[str, Ints]]:
        """Each name with the rows that say it, in order."""
        order = np.argsort(self.codes, kind="stable")
        edges = np.searchsorted(self.codes[order], np.arange(len(self.names) + 1))
        for code, name in enumerate(self.names):
            yield name, order[edges[code] : edges[code + 1]]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The columns a reader asked for, of the types it asked for, without nulls and non-finite numbers."""

    table: pa.Table

    @classmethod
    def read(cls, path: Path, types: Mapping[str, pa.DataType], nullable: Collection[str] = ()) -> Columns:
        """The columns `types` of one Parquet file; nulls in a `nullable` text column read as empty.

        Raises `StoreError` where the file is missing or corrupt, lacks a column, or holds a value that
        is missing or not finite.
        """
        try:
            # A ParquetFile, unlike read_table, takes no columns from folders named like `key=value`.
            with pq.ParquetFile(path) as file:
                missing = [name for name in types if name not in file.schema_arrow.names]
                if missing:
                    raise StoreError(f"{path} has no column {', '.join(missing)}; run the simulation again")
                table = file.read(columns=list(types))
            columns = [
                _checked(table[name], kind, name in nullable, f"{path}, column {name}") for name, kind in types.items()
            ]
        except FileNotFoundError:
            raise StoreError(f"{path} is missing: not a run folder, or the run did not finish") from None
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"{path} cannot be read: {error}; run the simulation again") from error
        return cls(pa.table(columns, names=list(types)))

    def sorted_by(self, name: str) -> Columns:
        """The same rows in order of the integers in `name`, stable among equals."""
        return Columns(self.table.take(np.argsort(self.ints(name), kind="stable")))

    def ints(self, name: str) -> Ints:
        """A column of integers."""
        return np.asarray(self.table[name].to_numpy(), np.int64)

    def floats(self, name: str) -> Floats:
        """A column of finite numbers."""
        return np.asarray(self.table[name].to_numpy(), np.float64)

    def coded(self, *names: str) -> Coded:
        """A column of texts, or several joined by a colon."""
        texts = (
            self.table[names[0]]
            if len(names) == 1
            else pc.binary_join_element_wise(*map(self.table.column, names), ":")
        )
        encoded = texts.combine_chunks().dictionary_encode()
        return Coded(tuple(encoded.dictionary.to_pylist()), encoded.indices.to_numpy().astype(np.int64))


def _checked(column: pa.ChunkedArray, kind: pa.DataType, is_nullable: bool, where: str) -> pa.ChunkedArray:
    values = column.cast(kind)
    if is_nullable:
        values = values.fill_null("")
    if values.null_count:
        raise StoreError(f"{where} has {values.null_count} empty values; run the simulation again")
    if kind == pa.float64() and not pc.all(pc.is_finite(values), min_count=0).as_py():
        raise StoreError(f"{where} has a value that is not a finite number; run the simulation again")
    return values
