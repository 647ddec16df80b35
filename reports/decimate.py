"""Fewer points for drawing, without losing an extreme."""

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1_200


def keep(values: NDArray[np.float64], buckets: int = BUCKETS) -> NDArray[np.int64]:
    """Return the indices of the points to draw: first, last, lowest and highest of each of `buckets` equal runs of points.

    Parameters
    ----------
    values : ndarray, shape (n,)
        NaN points are never kept.
    buckets : int
        Runs; at most four points of each are kept. Up to ``4 * buckets`` points, all are.

    Returns
    -------
    ndarray
        Sorted indices.
    """
    known = np.flatnonzero(~np.isnan(values))
    if len(known) <= 4 * buckets:
        return known
    edges = np.linspace(0, len(known), buckets + 1).astype("int64")
    kept = {int(known[place]) for begin, end in zip(edges[:-1], edges[1:], strict=True) for place in _extremes(values[known], begin, end)}
    return np.array(sorted(kept), dtype="int64")


def _extremes(values: NDArray[np.float64], begin: int, end: int) -> tuple[int, int, int, int]:
    part = values[begin:end]
    return begin, begin + int(part.argmin()), begin + int(part.argmax()), end - 1
