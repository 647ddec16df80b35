import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.data.adjust import Adjustments, adjustments, backward, forward, shares, total_return
from lockstep.data.reading import read_frame, read_rows
from lockstep.engine.errors import DataError

TS = np.arange(10, 70, 10)
CLOSE = np.array([100.0, 102.0, 50.0, 51.0, 50.0, 25.0])


def actions(*rows):
    ts, split, dividend = (np.array(values, float) for values in zip(*rows, strict=True))
    return Adjustments(ts.astype(np.int64), split, dividend)


def test_a_split_multiplies_the_shares_from_its_time_on():
    assert list(shares(TS, CLOSE, actions((25, 2.0, 0.0)))) == [1, 1, 2, 2, 2, 2]
    assert list(forward(TS, CLOSE, CLOSE, actions((25, 2.0, 0.0)))) == [100, 102, 100, 102, 100, 50]


def test_an_action_at_a_rows_time_counts_for_it():
    assert list(shares(TS, CLOSE, actions((30, 2.0, 0.0)))) == [1, 1, 2, 2, 2, 2]


def test_what_took_effect_before_the_first_row_is_in_its_price():
    assert list(shares(TS, CLOSE, actions((5, 2.0, 0.0), (10, 3.0, 0.0)))) == [1] * 6
    assert list(shares(TS, CLOSE, actions((99, 2.0, 0.0)))) == [1] * 6


def test_a_dividend_is_reinvested_at_the_close_of_its_ex_date():
    total = total_return(TS, CLOSE, actions((25, 2.0, 0.0), (25, 1.0, 4.0)))
    assert total[2] / total[1] == pytest.approx((50.0 * 2 + 4) / 102)
    assert total[3] / total[2] == pytest.approx(51 / 50)


def test_a_series_as_of_a_day_knows_nothing_later():
    later = actions((25, 2.0, 0.0), (55, 2.0, 0.0))
    seen = backward(TS, CLOSE, CLOSE, later, as_of=45)
    assert list(seen[:4]) == [50, 51, 50, 51]
    assert np.isnan(seen[4:]).all()
    assert list(backward(TS, CLOSE, CLOSE, later)) == [25, 25.5, 25, 25.5, 25, 25]
    assert np.isnan(backward(TS, CLOSE, CLOSE, later, as_of=9)).all()


@st.composite
def histories(draw):
    n = draw(st.integers(2, 40))
    close = np.array(draw(st.lists(st.floats(1, 1000), min_size=n, max_size=n)))
    k = draw(st.integers(0, 6))
    ts = np.array(sorted(draw(st.lists(st.integers(0, 10 * n), min_size=k, max_size=k))), np.int64)
    split = np.array(draw(st.lists(st.sampled_from([1.0, 2.0, 0.1, 1.5]), min_size=k, max_size=k)))
    paid = np.array(draw(st.lists(st.floats(0, 5), min_size=k, max_size=k)))
    return 10 * np.arange(1, n + 1), close, Adjustments(ts, split, np.where(split == 1.0, paid, 0.0))


@given(histories(), st.data())
def test_forward_series_are_never_revised(history, data):
    """What follows a row, prices and actions alike, does not change it."""
    ts, close, known = history
    cut = data.draw(st.integers(1, len(ts)))
    whole = forward(ts, close, close, known, dividends=True)
    before = known.ts <= ts[cut - 1]
    seen = Adjustments(known.ts[before], known.split[before], known.dividend[before])
    part = forward(ts[:cut], close[:cut], close[:cut], seen, dividends=True)
    behind = backward(ts, close, close, known, as_of=int(ts[cut - 1]))
    assert np.array_equal(behind[:cut], backward(ts[:cut], close[:cut], close[:cut], seen))
    assert np.array_equal(whole[:cut], part)


@given(histories())
def test_forward_and_backward_have_the_same_returns(history):
    ts, close, known = history
    ahead = forward(ts, close, close, known, dividends=True)
    behind = backward(ts, close, close, known)
    np.testing.assert_allclose(ahead[1:] / ahead[:-1], behind[1:] / behind[:-1], rtol=1e-9)
    assert behind[-1] == close[-1]


def test_the_total_return_of_the_bundled_stocks_is_the_vendors(catalog):
    dataset = catalog.dataset("ohlcv-5")
    rows = read_rows(dataset)
    for code, name in enumerate(rows.ids):
        own = rows["code"] == code
        ts, close, adjusted = (rows[column][own] for column in ("ts_event", "close", "adj_close"))
        total = total_return(ts, close, adjustments(dataset, name))
        np.testing.assert_allclose(total / total[0], adjusted / adjusted[0], rtol=1e-9)


def test_frames_come_adjusted_as_asked(catalog):
    dataset = catalog.dataset("ohlcv-5")
    window = (["AAPL"], "2005-02-25", "2005-02-28")
    assert read_frame(dataset, *window, adjust="forward")["close"].tolist() == [88.99, 2 * 44.86]
    assert read_frame(dataset, *window, adjust="backward")["close"].tolist() == [88.99 / 2, 44.86]
    assert read_frame(dataset, *window, adjust="backward")["open"].tolist()[1] == 44.68
    with pytest.raises(DataError, match="adjust='sideways' for bars"):
        read_frame(dataset, *window, adjust="sideways")
    with pytest.raises(DataError, match="for bars and closes"):
        read_frame(catalog.dataset("synthetic-quotes"), adjust="total")
