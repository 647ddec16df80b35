"""Fourier transforms: the noise of rounding is taken away where it arises, and nothing else is."""

import numpy as np

from lockstep.research.leaks.suite import Options, check
from lockstep.research.leaks.transforms import COARSE, rounded

SOURCE = """
import numpy as np


def causal(bars):
    returns = np.log(bars["close"]).diff().fillna(0.0).to_numpy()
    n, kernel = len(returns), np.exp(-np.arange(50) / 20)
    m = 2 * (n + len(kernel))
    spectrum = np.fft.rfft(returns, m) * np.fft.rfft(kernel, m)
    return bars.assign(trend=np.fft.irfft(spectrum, m)[:n])[["trend"]]


def whole_spectrum(bars):
    returns = np.log(bars["close"]).diff().fillna(0.0).to_numpy()
    spectrum = np.fft.rfft(returns)
    spectrum[20:] = 0
    return bars.assign(smooth=np.fft.irfft(spectrum, len(returns)))[["smooth"]]


def last_bits(bars):
    flat = float((bars["high"] == bars["low"]).any())
    return bars.assign(place=bars["close"] * (1 + 2.0**-52 * flat))[["place"]]
"""


def judged(folder, workshop, name: str):
    (folder / "transforms_mine.py").write_text(SOURCE)
    options = Options(cuts=6)
    return check(f"transforms_mine:{name}", folder=folder, options=options, workshop=workshop)


def test_a_causal_filter_is_clean(tmp_path, workshop):
    assert judged(tmp_path, workshop, "causal").verdict == "clean"


def test_a_filter_of_the_whole_spectrum_is_a_leak(tmp_path, workshop):
    assert judged(tmp_path, workshop, "whole_spectrum").verdict == "leak"


def test_a_last_bit_that_no_transform_moves_is_a_leak(tmp_path, workshop):
    verdict = judged(tmp_path, workshop, "last_bits")
    assert verdict.verdict == "leak"
    assert sorted(each.partition(".")[2] for each in verdict.reads) == ["high", "low"]


def test_noise_goes_and_size_stays():
    values = np.array([3.0, -0.5, 1e-3, 0.0])
    coarse = rounded(values, 3.0, COARSE)
    assert np.array_equal(coarse, rounded(values + 1e-13, 3.0, COARSE))
    assert np.abs(coarse - values).max() < 4.0 * COARSE
    assert np.array_equal(rounded(values * 1j, 3.0, COARSE), 1j * coarse)
    assert not np.signbit(rounded(np.array([-1e-9]), 3.0, COARSE)).any()
