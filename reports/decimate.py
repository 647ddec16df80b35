"""Fewer points for drawing, without losing an extreme."""

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1_200


def keep(values: NDArray[np.float64], buckets: int = BUCKETS) -> NDArray[np.int64]:
    """Return the indices of the points to draw: first, last, lowest and highest of each of `buckets` equal runs.

    Parameters
    ----------
    values : ndarray, shape (n,)
        NaN points are never kept.
    buckets : int
        Runs; up to ``4 * buckets`` points are all kept.

    Returns
    -------
    ndarray
        Sorted indices.
    """
    known = np.flatnonzero(~np.isnan(values))
    if len(known) <= 4 * buckets:
        return known
    dense = values[known]
    edges = np.linspace(0, len(dense), buckets + 1).astype("int64")
    runs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return known[np.unique([place for begin, end in runs for place in _extremes(dense, begin, end)])]


def _extremes(values: NDArray[np.float64], begin: int, end: int) -> tuple[int, int, int, int]:
    part = values[begin:end]
    return begin, begin + int(part.argmin()), begin + int(part.argmax()), end - 1
