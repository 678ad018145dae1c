"""Columns of book levels: lists of prices and sizes, one list an event."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def level_columns(name: str, counts: Ints, prices: Floats, sizes: Floats) -> dict[str, pa.Array]:
    """`<name>_price` and `<name>_size`, of the levels of all events one after another, `counts` of them to each."""
    offsets = pa.array(np.concatenate(([0], np.cumsum(counts))), pa.int32())
    return {
        f"{name}_price": pa.ListArray.from_arrays(offsets, pa.array(prices)),
        f"{name}_size": pa.ListArray.from_arrays(offsets, pa.array(sizes)),
    }
