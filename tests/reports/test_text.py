import math
import tomllib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.reports import decimate, toml
from lockstep.reports import format as text


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (text.number(1234567.891), "1\u202f234\u202f567.89"),
        (text.number(-0.004), "0.00"),
        (text.number(-2.5, 1), "−2.5"),
        (text.number(math.nan), "–"),
        (text.money(-1234), "−$1\u202f234"),
        (text.money(math.inf), "–"),
        (text.short_money(1_500_000), "$1.5\u202fM"),
        (text.short_money(-2.5e9), "−$2.5\u202fbn"),
        (text.short_money(999), "$999"),
        (text.percent(-0.1234), "−12.3%"),
        (text.percent(math.nan), "–"),
        (text.quantity(0.000000001), "0.000000001"),
        (text.quantity(1500.0), "1\u202f500"),
        (text.quantity(1.5), "1.5"),
        (text.quantity(545213.417018212), "545\u202f213.417"),
        (text.quantity(2.00000001), "2"),
        (text.days(0.5), "12.0 h"),
        (text.days(0.01), "14.4 min"),
        (text.days(300), "300 d"),
        (text.date(pd.NaT), "–"),
        (text.time(pd.Timestamp("2020-01-02", tz="UTC")), "2020-01-02"),
        (text.time(pd.Timestamp("2020-01-02 09:30", tz="UTC")), "2020-01-02 09:30"),
        (text.long_date(pd.Timestamp("2020-01-02", tz="UTC")), "2 January 2020"),
    ],
)
def test_numbers_and_dates_read_well(found, expected):
    assert found == expected


LETTERS = "abz09_-.# =\"'\\\t\n\r\x00\x1f\x7f\u0085äß€\u2028\U0001f600[]{}"
words = st.text(LETTERS, max_size=8)
names = st.text(LETTERS, min_size=1, max_size=8)
scalars = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), words)
tables = st.recursive(
    st.dictionaries(names, st.one_of(scalars, st.lists(scalars, max_size=3)), max_size=3),
    lambda inner: st.dictionaries(
        names, st.one_of(scalars, inner, st.lists(inner, min_size=1, max_size=2)), max_size=3
    ),
    max_leaves=8,
)


@given(tables)
def test_toml_reads_back_as_it_was(config):
    assert tomllib.loads(toml.dumps(config)) == config


def test_toml_leaves_nulls_out_and_refuses_what_it_cannot_hold():
    assert toml.dumps({"a": None, "b": [1, None]}) == "b = [1]\n"
    with pytest.raises(TypeError, match="TOML cannot hold"):
        toml.dumps({"a": object()})


@given(st.integers(1, 3000), st.integers(1, 40), st.integers(0, 5))
def test_thinning_keeps_first_last_lowest_and_highest(n, buckets, seed):
    values = np.random.default_rng(seed).standard_normal(n)
    kept = decimate.keep(values, buckets)
    assert len(kept) <= 4 * buckets
    assert (np.diff(kept) > 0).all()
    assert {0, n - 1, int(values.argmin()), int(values.argmax())} <= set(kept.tolist())


def test_thinning_drops_nan_points_alone():
    values = np.array([np.nan, 1.0, np.nan, 2.0])
    assert decimate.keep(values).tolist() == [1, 3]
    many = np.where(np.arange(1000) % 2, np.nan, 1.0)
    assert not np.isnan(many[decimate.keep(many, 10)]).any()
