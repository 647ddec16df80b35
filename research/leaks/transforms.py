"""Fourier transforms spread the rounding of each value over all: last bits of the past move with the future.

No comparison can tell such noise from a leak of the same size, so the noise is taken away where it arises. In every run
but the first, what an inverse transform gives back is rounded to a grid of 2⁻²⁰ of the largest value that the same
place in the source got on the unperturbed history. Noise (2⁻⁵⁰ of it, or so) is gone from all that follows; whatever
looks ahead through a transform by more than a millionth stays, and all that is not a transform is compared bit for bit.

`numpy.fft`, `scipy.fft` and all that calls them (`scipy.signal`, `statsmodels`) are reached; `torch.fft` and
transforms of one's own are not.
"""

import importlib
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

INVERSE = ("ifft", "irfft", "hfft", "ifft2", "irfft2", "ifftn", "irfftn", "hfft2", "hfftn", "idct", "idctn", "idst")
MODULES = ("numpy.fft", "scipy.fft", "scipy.fftpack")
GRID = 2.0**-20
Place = Callable[[], str]


def reach_transforms(scales: dict[str, float], found: dict[str, float], place: Place) -> None:
    """Wrap the inverse transforms of this process, before the target is imported.

    Parameters
    ----------
    scales : dict of str to float
        Largest absolute value by place in the source, from the first run; empty: nothing is rounded.
    found : dict of str to float
        Where this run's are written down.
    place : callable
        Returns the user's own line that is being run.
    """
    for name in MODULES:
        module = sys.modules.get(name) or (importlib.import_module(name) if name == "numpy.fft" else None)
        for function in INVERSE if module is not None else ():
            if hasattr(module, function):
                setattr(module, function, _watched(getattr(module, function), scales, found, place))


def _watched(
    transform: Callable[..., Any], scales: dict[str, float], found: dict[str, float], place: Place
) -> Callable[..., Any]:
    @wraps(transform)
    def watched(*arguments: Any, **options: Any) -> Any:
        values = transform(*arguments, **options)
        if not isinstance(values, np.ndarray) or values.size == 0:
            return values
        where = place()
        found[where] = max(found.get(where, 0.0), largest(values))
        return rounded(values, scales[where]) if scales.get(where) else values

    return watched


def largest(values: np.ndarray) -> float:
    """Return the largest finite absolute value, 0 where there is none."""
    sizes = np.abs(values)
    return float(np.max(sizes[np.isfinite(sizes)], initial=0.0))


def rounded(values: np.ndarray, scale: float) -> np.ndarray:
    """Return values on the grid of a scale, which is made a power of two so that rounding is exact."""
    grid = 2.0 ** np.ceil(np.log2(scale)) * GRID
    if np.iscomplexobj(values):
        return _on(values.real, grid) + 1j * _on(values.imag, grid)
    return _on(values, grid)


def _on(values: np.ndarray, grid: float) -> np.ndarray:
    """Return real values on a grid; adding nothing turns -0.0 into 0.0."""
    return np.asarray((np.rint(values / grid) * grid + 0.0).astype(values.dtype, copy=False))
