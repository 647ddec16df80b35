import pytest

from lockstep.engine.events import DAY, MS, SECOND
from lockstep.scenarios.durations import nanoseconds, text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("50ms", 50 * MS),
        ("0s", 0),
        ("1.5s", 1_500 * MS),
        (" 15min ", 900 * SECOND),
        ("2d", 2 * DAY),
        ("7ns", 7),
        ("0.25 us", 250),
        ("366d", 366 * DAY),
    ],
)
def test_a_span_is_read(written, expected):
    assert nanoseconds(written) == expected


@pytest.mark.parametrize("written", ["", "50", "ms", "-1s", "1 fortnight", "1,5s", "1e3s", "367d", "50 ms ms"])
def test_what_is_no_span_is_refused(written):
    with pytest.raises(ValueError, match="expected"):
        nanoseconds(written)


@pytest.mark.parametrize("span", [0, 1, 999, 50 * MS, 61 * SECOND, 3 * DAY])
def test_text_gives_the_span_back(span):
    assert nanoseconds(text(span)) == span
