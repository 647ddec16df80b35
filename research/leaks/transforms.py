"""Fourier transforms spread the rounding of each value over all: last bits of the past move with the future.

No comparison can tell such noise from a leak of the same size, so the noise is taken away where it arises. In every run
but the first, what an inverse transform gives back is rounded to a grid of 2⁻²⁰ of the largest value that the same
place in the source got on the unperturbed history. Noise (2⁻⁵⁰ of it, or so) is gone from all that follows; whatever
looks ahead through a transform by more than a millionth stays, and all that is not a transform is compared bit for bit.

Histories of another length are cut into other blocks, whose rounded parts add up otherwise. There the grid is 2⁻³⁰,
well within the tolerance that holds for them, and still a zero is a zero.

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
COARSE, FINE = 2.0**-20, 2.0**-30
Place = Callable[[], str]


def reach_transforms(scales: dict[str, float], grid: float, found: dict[str, float], place: Place) -> None:
    """Wrap the inverse transforms of this process, before the target is imported.

    Parameters
    ----------
    scales : dict of str to float
        Largest absolute value by place in the source, from the first run; empty: nothing is rounded.
    grid : float
        Part of the largest value that results are multiples of: `COARSE` or `FINE`.
    found : dict of str to float
        Where this run's are written down.
    place : callable
        Returns the user's own line that is being run.
    """
    for name in MODULES:
        module = sys.modules.get(name) or (importlib.import_module(name) if name == "numpy.fft" else None)
        for function in INVERSE if module is not None else ():
            if hasattr(module, function):
                setattr(module, function, _watched(getattr(module, function), scales, grid, found, place))


def _watched(
    transform: Callable[..., Any], scales: dict[str, float], grid: float, found: dict[str, float], place: Place
) -> Callable[..., Any]:
    @wraps(transform)
    def watched(*arguments: Any, **options: Any) -> Any:
        values = transform(*arguments, **options)
        if not isinstance(values, np.ndarray) or values.size == 0:
            return values
        where = place()
        found[where] = max(found.get(where, 0.0), largest(values))
        return rounded(values, scales[where], grid) if scales.get(where) else values

    return watched


def largest(values: np.ndarray) -> float:
    """Return the largest finite absolute value, 0 where there is none."""
    sizes = np.abs(values)
    return float(np.max(sizes[np.isfinite(sizes)], initial=0.0))


def rounded(values: np.ndarray, scale: float, grid: float) -> np.ndarray:
    """Return values as multiples of a part of a scale, which is made a power of two so that rounding is exact."""
    step = 2.0 ** np.ceil(np.log2(scale)) * grid
    if np.iscomplexobj(values):
        return _on(values.real, step) + 1j * _on(values.imag, step)
    return _on(values, step)


def _on(values: np.ndarray, step: float) -> np.ndarray:
    """Return real values as multiples of a step; adding nothing turns -0.0 into 0.0."""
    return np.asarray((np.rint(values / step) * step + 0.0).astype(values.dtype, copy=False))
