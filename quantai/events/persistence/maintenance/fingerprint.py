"""64-bit hashes of rows, by column and without Python objects, and digests of their content.

Equal rows have equal hashes whatever file, batch or dictionary they come from. Two different rows have the same with a
probability of about 2**-57: enough to tell that a copy is true, not enough to guard against somebody who means harm.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

Hashes = np.ndarray
_NULL = np.uint64(0x9E3779B97F4A7C15)
_MODULUS = 2**64


def row_hashes(rows: pa.RecordBatch) -> Hashes:
    """A `uint64` for each row, of all columns in their order."""
    hashes = np.zeros(rows.num_rows, np.uint64)
    for column in rows.columns:
        hashes = mixed(hashes * _NULL + _column_hashes(column))
    return hashes


def mixed(values: np.ndarray) -> Hashes:
    """The finaliser of SplitMix64: every bit of `values` (`uint64`) changes every bit of the result."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    hashes: Hashes = values ^ (values >> np.uint64(31))
    return hashes


@dataclass(slots=True)
class Digest:
    """What rows say, in two sums modulo 2**64: one that their order changes, and one that it does not."""

    rows: int = 0
    content: int = 0
    sequence: int = 0

    @classmethod
    def of(cls, batches: Iterable[pa.RecordBatch]) -> Digest:
        """Of all rows of `batches`."""
        digest = cls()
        for rows in batches:
            digest.add(rows)
        return digest

    def add(self, rows: pa.RecordBatch) -> None:
        """Take the next rows."""
        hashes = row_hashes(rows)
        places = mixed(np.arange(self.rows + 1, self.rows + 1 + len(hashes), dtype=np.uint64))
        self.rows += len(hashes)
        self.content = _wrapped(self.content, hashes)
        self.sequence = _wrapped(self.sequence, mixed(hashes ^ places))

    def __str__(self) -> str:
        return f"{self.rows}-{self.content:016x}-{self.sequence:016x}"


def _wrapped(total: int, values: Hashes) -> int:
    return (total + int(values.sum(dtype=np.uint64))) % _MODULUS


def _column_hashes(column: pa.Array) -> Hashes:
    hashes = _value_hashes(column)
    if column.null_count:
        hashes = np.where(column.is_null().to_numpy(zero_copy_only=False), _NULL, hashes)
    return hashes


def _value_hashes(column: pa.Array) -> Hashes:
    kind = column.type
    if pa.types.is_dictionary(kind):
        positions = column.indices.fill_null(0).to_numpy()
        texts = _value_hashes(column.dictionary)
        return texts[positions] if len(texts) else np.zeros(len(column), np.uint64)
    if pa.types.is_string(kind):
        return _text_hashes(column)
    if pa.types.is_list(kind):
        values = column.flatten()
        lengths = column.value_lengths().fill_null(0).to_numpy().astype(np.int64)
        return _run_hashes(lengths, _column_hashes(values))
    if pa.types.is_boolean(kind):
        return mixed(column.fill_null(False).to_numpy(zero_copy_only=False).astype(np.uint64))
    return _fixed_width_hashes(column)


def _fixed_width_hashes(column: pa.Array) -> Hashes:
    """Of numbers by their bits: 0.0 and -0.0 differ, and a NaN equals itself."""
    words = column.type.bit_width // 64
    bits = np.frombuffer(column.buffers()[1], np.uint64, (column.offset + len(column)) * words)
    bits = bits[column.offset * words :].reshape(len(column), words)
    hashes = np.zeros(len(column), np.uint64)
    for word in range(words):
        hashes = mixed(hashes + bits[:, word] + _NULL)
    return hashes


def _text_hashes(column: pa.Array) -> Hashes:
    _, offsets, content = column.buffers()
    ends = np.frombuffer(offsets, np.int32, column.offset + len(column) + 1)[column.offset :].astype(np.int64)
    letters = np.frombuffer(content, np.uint8) if content is not None else np.zeros(0, np.uint8)
    return _run_hashes(np.diff(ends), letters[ends[0] : ends[-1]].astype(np.uint64))


def _run_hashes(lengths: np.ndarray, values: np.ndarray) -> Hashes:
    """Of runs of `values` of some `lengths`: sums of each value times a weight of its place, modulo 2**64."""
    ends = np.cumsum(lengths)
    starts = ends - lengths
    weights = mixed(np.arange(1, 1 + int(lengths.max(initial=0)), dtype=np.uint64))
    places = np.arange(len(values)) - np.repeat(starts, lengths)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum((values + np.uint64(1)) * weights[places])])
    return mixed(sums[ends] - sums[starts] + mixed(lengths.astype(np.uint64)))
