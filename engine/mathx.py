"""exp, log, tanh and their kin in plain arithmetic: the same bits compiled, interpreted, and on every IEEE 754 machine.

numpy's, math's and LLVM's versions differ in the last bits from one another and between processors; these use only
+, -, *, / and the bits of a float64, in a fixed order. Errors are below 1 ulp for exp, log, expm1, log1p, below 2 for
tanh and sigmoid. NaN gives NaN; overflow gives inf and a domain error NaN, silently.

Algorithms and constants are those of fdlibm 5.3 (e_exp.c, e_log.c, s_expm1.c, s_log1p.c, s_tanh.c), whose notice is:

    Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved.
    Developed at SunSoft, a Sun Microsystems, Inc. business.
    Permission to use, copy, modify, and distribute this software is freely granted, provided that this notice is
    preserved.
"""

import numpy as np

from lockstep.engine.compile import kernel

INF = np.inf
NAN = np.nan
LARGEST = 1.7976931348623157e308
LN2 = 6.93147180559945286227e-01
LN2_HI = 6.93147180369123816490e-01
LN2_LO = 1.90821492927058770002e-10
INV_LN2 = 1.44269504088896338700e00
EXP_OVERFLOW = 7.09782712893383973096e02
EXP_UNDERFLOW = -7.45133219101941108420e02
FRACTION_BITS = 52
FRACTION_MASK = (1 << FRACTION_BITS) - 1
ONE_BITS = 1023 << FRACTION_BITS
# The upper 20 bits of a fraction at which log and log1p change their form, shifted to the place they have in 64 bits.
SQRT_HALF_STEP = 0x95F64 << 32
SQRT_TWO = 0x6A09E << 32
LOG_SPLIT_LOW = 0x6147A
LOG_SPLIT_HIGH = 0x6B851


@kernel
def finite(x: float) -> bool:
    """Return whether x is neither NaN nor infinite."""
    return abs(x) <= LARGEST


@kernel
def bits_of(x: float) -> int:
    """Return the 64 bits of a float64 as an int64."""
    return int(np.float64(x).view(np.int64))


@kernel
def float_of(bits: int) -> float:
    """Return the float64 whose 64 bits are those of an int64."""
    return np.int64(bits).view(np.float64)


@kernel
def power_of_two(k: int) -> float:
    """Return 2**k for -1022 <= k <= 1023."""
    return float_of((k + 1023) << FRACTION_BITS)


@kernel
def _halves_of_ln2(x: float) -> int:
    """Return the number of ln 2 nearest to x, as fdlibm counts: 0 up to half of one, then rounded half away from 0."""
    if abs(x) <= 0.5 * LN2:
        return 0
    return int(INV_LN2 * x + (0.5 if x > 0.0 else -0.5))


@kernel
def _scale(y: float, k: int) -> float:
    if k == 1024:
        return y * 2.0 * power_of_two(1023)
    if k >= -1021:
        return y * power_of_two(k)
    return y * power_of_two(k + 1000) * power_of_two(-1000)


@kernel
def exp(x: float) -> float:
    """Return e to the power x."""
    if not abs(x) <= LARGEST:
        return max(x, 0.0)
    if x > EXP_OVERFLOW:
        return INF
    if x < EXP_UNDERFLOW:
        return 0.0
    k = _halves_of_ln2(x)
    high, low = x - k * LN2_HI, k * LN2_LO
    r = high - low
    t = r * r
    series = 6.61375632143793436117e-05 + t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08)
    c = r - t * (1.66666666666666019037e-01 + t * (-2.77777777770155933842e-03 + t * series))
    if k == 0:
        return 1.0 - ((r * c) / (c - 2.0) - r)
    return _scale(1.0 - ((low - (r * c) / (2.0 - c)) - high), k)


@kernel
def _log_series(s: float) -> float:
    z = s * s
    w = z * z
    odd = 2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)
    even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    return z * (6.666666666666735130e-01 + w * odd) + even


@kernel
def log(x: float) -> float:
    """Return the natural logarithm: -inf at 0, NaN below."""
    if not x > 0.0:
        return -INF if x == 0.0 else NAN
    if x > LARGEST:
        return x
    k = -1023
    if x < 2.2250738585072014e-308:
        k, x = k - 54, x * 18014398509481984.0
    bits = bits_of(x)
    fraction = bits & FRACTION_MASK
    carry = (fraction + SQRT_HALF_STEP) & (1 << FRACTION_BITS)
    k += (bits >> FRACTION_BITS) + (carry >> FRACTION_BITS)
    f = float_of(fraction | (carry ^ ONE_BITS)) - 1.0
    s = f / (2.0 + f)
    series = _log_series(s)
    upper = fraction >> 32
    if (upper - LOG_SPLIT_LOW) | (LOG_SPLIT_HIGH - upper) > 0:
        half = 0.5 * f * f
        return k * LN2_HI - ((half - (s * (half + series) + k * LN2_LO)) - f)
    return k * LN2_HI - ((s * (f - series) - k * LN2_LO) - f)


@kernel
def log1p(x: float) -> float:
    """Return log(1 + x) without loss near 0: -inf at -1, NaN below."""
    if not x > -1.0:
        return -INF if x == -1.0 else NAN
    if x > LARGEST or abs(x) < 5.551115123125783e-17:
        return x
    if -0.2928932188134524 < x < 0.41421356237309503:
        return _log1p_near_zero(x)
    u = 1.0 + x
    bits = bits_of(u)
    k = (bits >> FRACTION_BITS) - 1023
    lost = 0.0
    if x < 9007199254740992.0:
        lost = (1.0 - (u - x) if k > 0 else x - (u - 1.0)) / u
    fraction = bits & FRACTION_MASK
    exponent = ONE_BITS
    if fraction >= SQRT_TWO:
        k, exponent = k + 1, ONE_BITS - (1 << FRACTION_BITS)
    f = float_of(fraction | exponent) - 1.0
    s = f / (2.0 + f)
    half = 0.5 * f * f
    return k * LN2_HI - ((half - (s * (half + _log_series(s)) + (k * LN2_LO + lost))) - f)


@kernel
def _log1p_near_zero(x: float) -> float:
    half = 0.5 * x * x
    if abs(x) < 1.862645149230957e-09:
        return x - half
    s = x / (2.0 + x)
    return x - (half - s * (half + _log_series(s)))


@kernel
def expm1(x: float) -> float:
    """Return exp(x) - 1 without loss near 0."""
    if not abs(x) <= LARGEST:
        return -1.0 if x < 0.0 else x
    if x > EXP_OVERFLOW:
        return INF
    if x < -56.0 * LN2:
        return -1.0
    if abs(x) < 5.551115123125783e-17:
        return x
    k = _halves_of_ln2(x)
    high, low = x - k * LN2_HI, k * LN2_LO
    r = high - low
    lost = (high - r) - low
    half = 0.5 * r
    square = r * half
    series = -7.93650757867487942473e-05 + square * (4.00821782732936239552e-06 - square * 2.01099218183624371326e-07)
    p = 1.0 + square * (-3.33333333333331316428e-02 + square * (1.58730158725481460165e-03 + square * series))
    t = 3.0 - p * half
    e = square * ((p - t) / (6.0 - r * t))
    if k == 0:
        return r - (r * e - square)
    return _expm1_scaled(r, (r * (e - lost) - lost) - square, k)


@kernel
def _expm1_scaled(r: float, e: float, k: int) -> float:
    """Return 2**k * (1 + r - e) - 1, in the order that keeps most digits for this k."""
    if k == -1:
        return 0.5 * (r - e) - 0.5
    if k == 1:
        return -2.0 * (e - (r + 0.5)) if r < -0.25 else 1.0 + 2.0 * (r - e)
    if k <= -2 or k > 56:
        return _scale(1.0 - (e - r), k) - 1.0
    if k < 20:
        return ((1.0 - power_of_two(-k)) - (e - r)) * power_of_two(k)
    return ((r - (e + power_of_two(-k))) + 1.0) * power_of_two(k)


@kernel
def tanh(x: float) -> float:
    """Return the hyperbolic tangent."""
    size = abs(x)
    if size < 3.725290298461914e-09 or not size <= LARGEST:
        return x if size < 1.0 or x != x else (1.0 if x > 0.0 else -1.0)
    if size >= 22.0:
        value = 1.0
    elif size >= 1.0:
        value = 1.0 - 2.0 / (expm1(2.0 * size) + 2.0)
    else:
        t = expm1(-2.0 * size)
        value = -t / (t + 2.0)
    return value if x > 0.0 else -value


@kernel
def sigmoid(x: float) -> float:
    """Return 1 / (1 + exp(-x)) without overflow."""
    e = exp(-abs(x))
    return (1.0 if x >= 0.0 else e) / (1.0 + e)
