"""Fewer points for a drawing that looks the same."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from quantai.simulation.report.columns import Floats, Ints

MAX_POINTS = 5_000


def extremes(values: Floats, limit: int = MAX_POINTS) -> Ints:
    """The rows to draw, at most `limit` (4 or more): the first, the last, and the extremes of equal stretches between.

    So no spike is lost, whatever the zoom (min-max decimation). NaN counts as neither low nor high.
    """
    if len(values) <= limit:
        return np.arange(len(values), dtype=np.int64)
    low, high = np.where(np.isnan(values), np.inf, values), np.where(np.isnan(values), -np.inf, values)
    edges = np.linspace(0, len(values), (limit - 2) // 2 + 1).astype(np.int64).tolist()
    rows = {0, len(values) - 1}
    for first, stop in pairwise(edges):
        rows.add(first + int(np.argmin(low[first:stop])))
        rows.add(first + int(np.argmax(high[first:stop])))
    return np.array(sorted(rows), np.int64)


def evenly(rows: Ints, limit: int) -> Ints:
    """At most `limit` (2 or more) of `rows`, evenly spread, the first and the last among them."""
    if len(rows) <= limit:
        return rows
    return np.asarray(rows[np.linspace(0, len(rows) - 1, limit).astype(np.int64)])
