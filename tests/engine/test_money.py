"""Exact products and roundings, against Python's unbounded integers."""

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockstep.engine import money

WORD = st.integers(-(2**63) + 1, 2**63 - 1)
NATURAL = st.integers(0, 2**63 - 1)
DIVISOR = st.integers(1, 2**62)


def expected(rounded):
    return rounded if -(2**63) < rounded < 2**63 else int(money.OVERFLOW)


@given(WORD, WORD, DIVISOR)
@example(5, 1, 2)
@example(7, 1, 2)
@example(-5, 1, 2)
@example(-7, 1, 2)
@example(100_000_000_000, 100_000_000, 1_000_000_000)
@example(2**63 - 1, 2**63 - 1, 1)
@example(2**62, 2, 2)
@example(4 * 10**18, 10**18, 2**62)
def test_mul_div_rounds_half_even(a, b, divisor):
    assert money.mul_div(a, b, divisor) == expected(round(Fraction(a * b, divisor)))


@given(NATURAL, NATURAL, DIVISOR)
@example(10**12, 27_800_000, 10**16)
@example(2**62, 3, 2**62)
def test_mul_down_and_mul_up(a, b, divisor):
    assert money.mul_down(a, b, divisor) == expected(a * b // divisor)
    assert money.mul_up(a, b, divisor) == expected(-(-a * b // divisor))


@given(st.integers(-(10**14), 10**14), st.integers(1, 10**12), st.sampled_from([1, 100, 10**9]))
@example(100 * 10**9, 100_000_000, 10**9)  # 100 shares in 1e-9 lots at 100 dollars: the product is 1e19
@example(2**24 - 1, 2**38 - 1, 1)
@example(-(2**24), 2**38, 1)
def test_notional(quantity, price, lots):
    assert money.notional(quantity, price, lots) == expected(round(Fraction(quantity * price, lots)))


def test_a_hundred_shares_in_billionths_at_a_hundred_dollars():
    assert money.notional(100 * 10**9, 100_000_000, 10**9) == 10_000_000_000


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**12), st.integers(0, 10**12))
def test_shares_of_an_amount_add_up(amount, whole, part):
    part = min(part, whole)
    assert money.share_of(amount, part, whole) == round(Fraction(amount * part, whole))
    assert money.share_of(amount, whole, whole) == amount


@given(st.decimals(0, 2_000_000_000, places=6))
def test_decimals_of_six_places_are_exact(price):
    assert money.to_micros(float(price)) == int(price * 10**6)


@pytest.mark.parametrize("price", [float("nan"), float("inf"), -float("inf"), 1e300, 4.1e12])
def test_what_is_no_price_is_zero(price):
    assert money.to_micros(price) == 0


@pytest.mark.parametrize(
    ("amount", "sound"), [(0, True), (4 * 10**18, True), (-4 * 10**18, True), (4 * 10**18 + 1, False)]
)
def test_money_has_bounds(amount, sound):
    assert money.is_money(amount) is sound
    assert not money.is_money(int(money.OVERFLOW))
