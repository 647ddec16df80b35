"""The fill table: when an order meets a price for the first time, and at which price it trades."""

import pytest

from lockstep.engine import events as e
from lockstep.engine.codes import Trigger

from .stage import MINUTE, Tape, instrument, play

STILL = (100, 101, 99, 100)


def buy(quantity=10, **options):
    return lambda s: s.market("A", quantity, **options)


# Earliest price


def test_market_order_fills_at_the_next_open_and_never_at_its_own_bar():
    run = play(Tape().bars(STILL, (102, 103, 97, 98), STILL), {0: buy()})
    assert run.filled() == [(10, 102.0)]
    assert run.times() == [MINUTE]
    assert run.fills["ts_known"].tolist() == [2 * MINUTE]
    assert run.fills["trigger"].tolist() == [int(Trigger.OPEN)]


def test_open_before_submission_plus_latency_is_missed():
    """Bar 1 opens at the very time of the decision, one ns too early; the order waits for bar 2."""
    tape = Tape().bars(STILL, (102, 103, 97, 98), (104, 105, 103, 104))
    assert play(tape, {0: buy()}, latency=1).filled() == [(10, 104.0)]


def test_open_at_exactly_submission_plus_latency_counts():
    tape = Tape().bars(STILL).wait(5).bars((102, 103, 97, 98))
    assert play(tape, {0: buy()}, latency=5).filled() == [(10, 102.0)]
    assert play(tape, {0: buy()}, latency=6).filled() == []


def test_delay_of_the_feed_counts_before_the_latency():
    """Bar 0 is known two minutes late: bar 1 has opened by then, bar 2 opens at the very time."""
    tape = Tape().bar(*STILL, delay=MINUTE).bar(102, 103, 97, 98, delay=MINUTE).bar(104, 105, 103, 104, delay=MINUTE)
    assert play(tape, {0: buy()}).filled() == [(10, 104.0)]


def test_a_stop_does_not_see_the_bar_in_which_it_was_submitted_or_delayed():
    tape = Tape().bars(STILL, (100, 120, 99, 100), (100, 101, 99, 100), (100, 116, 99, 110))
    run = play(tape, {0: lambda s: s.stop("A", 10, 115)}, latency=1)
    assert run.filled() == [(10, 115.0)]
    assert run.times() == [4 * MINUTE]


def test_an_order_that_never_met_a_price_says_so():
    run = play(Tape().bars(STILL, STILL), {1: buy()})
    assert run.ended(1) == ("SUBMITTED", "END_OF_DATA")
    run = play(Tape().bars(STILL, STILL), {0: buy()}, latency=1)
    assert run.ended(1)[1] == "WAITING"


# Market orders


def test_market_order_meets_the_opposite_quote():
    tape = Tape().quote(99, 101).quote(99.5, 100.5).quote(98, 102)
    run = play(tape, {0: buy(10), 1: buy(-10)})
    assert run.filled() == [(10, 100.5), (-10, 98.0)]
    assert run.fills["trigger"].tolist() == [int(Trigger.QUOTE)] * 2


def test_quote_without_the_other_side_fills_nothing_there():
    tape = Tape().quote(99, 101).quote(99, 0, ask_size=0).quote(99, 103)
    run = play(tape, {0: lambda s: (s.market("A", 10), s.market("A", -4))})
    assert run.filled() == [(-4, 99.0), (10, 103.0)]


def test_nan_quote_fills_nothing():
    nan = float("nan")
    run = play(Tape().quote(99, 101).quote(nan, nan, nan, nan).quote(99, 103), {0: buy()})
    assert run.filled() == [(10, 103.0)]
    assert run.world.positions[0].mark == 101_000_000


def test_market_order_meets_the_next_trade():
    run = play(Tape().trade(100).trade(100.25).trade(101), {0: buy()})
    assert run.filled() == [(10, 100.25)]


def test_market_order_on_close_only_data_meets_the_next_close():
    run = play(Tape().close(100).close(103).close(101), {0: buy()}, instruments=[instrument(close_only=True)])
    assert run.filled() == [(10, 103.0)]
    assert run.fills["trigger"].tolist() == [int(Trigger.CLOSE)]


def test_market_order_rests_until_there_is_volume():
    run = play(Tape().bars(STILL, (102, 103, 97, 98, 0), (104, 105, 103, 104)), {0: buy()})
    assert run.filled() == [(10, 104.0)]


@pytest.mark.parametrize("bad", [float("nan"), 0.0, -1.0, float("inf")])
@pytest.mark.parametrize("field", ["open", "high", "low", "close"])
def test_a_bar_without_sound_prices_fills_nothing(field, bad):
    tape = Tape().bars(STILL, STILL, STILL)
    tape.rows[1][field] = bad
    run = play(tape, {0: buy()})
    assert run.times() == [2 * MINUTE]


# Limit orders: each row is the bar that a buy at 100.00 meets, what it should cost, and whether it fills at a touch


@pytest.mark.parametrize(
    ("bar", "price", "touched"),
    [
        ((101, 102, 99.99, 101), 100.0, 100.0),  # through by a tick: at the limit
        ((101, 102, 100.00, 101), None, 100.0),  # a mere touch
        ((101, 102, 100.01, 101), None, None),
        ((98.5, 102, 98, 101), 98.5, 98.5),  # opens better: at the open
        ((99.99, 102, 99.99, 101), 99.99, 99.99),
        ((100, 102, 100, 101), None, 100.0),  # opens at the limit and goes no lower: a touch
        ((100, 102, 99.98, 101), 100.0, 100.0),
    ],
)
def test_buy_limit(bar, price, touched):
    actions = {0: lambda s: s.limit("A", 10, 100)}
    tape = Tape().bars(STILL, bar)
    assert play(tape, actions).filled() == ([(10, price)] if price else [])
    assert play(tape, actions, fill_on_touch=True).filled() == ([(10, touched)] if touched else [])


@pytest.mark.parametrize(
    ("bar", "price", "touched"),
    [
        ((99, 100.01, 98, 99), 100.0, 100.0),
        ((99, 100.00, 98, 99), None, 100.0),
        ((99, 99.99, 98, 99), None, None),
        ((101.5, 102, 98, 99), 101.5, 101.5),
        ((100, 100, 98, 99), None, 100.0),
    ],
)
def test_sell_limit(bar, price, touched):
    actions = {0: lambda s: s.limit("A", -10, 100)}
    tape = Tape().bars(STILL, bar)
    assert play(tape, actions).filled() == ([(-10, price)] if price else [])
    assert play(tape, actions, fill_on_touch=True).filled() == ([(-10, touched)] if touched else [])


def test_unreached_limit_says_so():
    run = play(Tape().bars(STILL, STILL).end_session(), {0: lambda s: s.limit("A", 10, 90)})
    assert run.ended(1) == ("EXPIRED", "NOT_REACHED")


def test_limit_is_put_on_the_tick_to_the_proposers_favour_and_stop_against_him():
    def place(s):
        s.limit("A", 10, 99.999)
        s.limit("A", -10, 100.001)
        s.stop("A", 10, 105.001)
        s.stop("A", -10, 94.999)

    run = play(Tape().bars(STILL, STILL), {0: place})
    assert [int(run.order(k)["limit"]) for k in (1, 2)] == [99_990_000, 100_010_000]
    assert [int(run.order(k)["stop"]) for k in (3, 4)] == [105_010_000, 94_990_000]


def test_limit_trades_with_a_quote_at_its_price_but_with_a_trade_only_beyond_it():
    actions = {0: lambda s: s.limit("A", 10, 100)}
    assert play(Tape().quote(101, 102).quote(99, 100.01).quote(99, 100), actions).filled() == [(10, 100.0)]
    assert play(Tape().trade(101).trade(100).trade(99.5), actions).filled() == [(10, 99.5)]


def test_limit_on_close_only_data_fills_at_the_close():
    actions = {0: lambda s: s.limit("A", 10, 100, tif="gtc")}
    run = play(Tape().close(101).close(100).close(98), actions, instruments=[instrument(close_only=True)])
    assert run.filled() == [(10, 98.0)]


# Stops


@pytest.mark.parametrize(
    ("bar", "price"),
    [
        ((100, 105, 99, 101), 105.0),  # reached inside: at the stop, a touch suffices
        ((100, 104.99, 99, 101), None),
        ((107, 108, 99, 101), 107.0),  # opens beyond: at the open
        ((105, 108, 99, 101), 105.0),
    ],
)
def test_buy_stop(bar, price):
    run = play(Tape().bars(STILL, bar), {0: lambda s: s.stop("A", 10, 105)})
    assert run.filled() == ([(10, price)] if price else [])
    if price is None:
        assert run.ended(1)[1] == "NOT_TRIGGERED"


@pytest.mark.parametrize(
    ("bar", "price"), [((100, 101, 95, 99), 95.0), ((100, 101, 95.01, 99), None), ((93, 101, 92, 99), 93.0)]
)
def test_sell_stop(bar, price):
    run = play(Tape().bars(STILL, bar), {0: lambda s: s.stop("A", -10, 95)})
    assert run.filled() == ([(-10, price)] if price else [])


@pytest.mark.parametrize(
    ("bars", "fills"),
    [
        ([(100, 106, 99, 104)], [(10, 105.0)]),  # triggered inside, limit beyond the stop: at the stop
        ([(105.5, 107, 104, 106)], [(10, 105.5)]),  # gap within the limit: at the open
        ([(110, 112, 109, 111), (110, 111, 105, 106)], [(10, 106.0)]),  # gap over the limit: rests, and comes back
        ([(110, 112, 105.99, 111)], [(10, 106.0)]),  # gap over the limit, and back within the bar
        ([(110, 112, 106, 111)], []),
    ],
)
def test_buy_stop_limit(bars, fills):
    run = play(Tape().bars(STILL, *bars), {0: lambda s: s.stop_limit("A", 10, 105, 106)})
    assert run.filled() == fills


@pytest.mark.parametrize(("close", "fills"), [(104.5, []), (103.0, []), (102.99, [(10, 103.0)])])
def test_stop_limit_with_its_limit_before_the_stop_needs_a_close_beyond_it(close, fills):
    """The low of 99 may have come before the trigger at 105; only the close certainly came after it."""
    run = play(Tape().bars(STILL, (100, 106, 99, close)), {0: lambda s: s.stop_limit("A", 10, 105, 103)})
    assert run.filled() == fills


def test_sell_stop_limit_that_gaps_away_rests_as_a_limit_order():
    tape = Tape().bars(STILL, (90, 93.99, 89, 91), (91, 94.01, 90, 92))
    run = play(tape, {0: lambda s: s.stop_limit("A", -10, 95, 94)})
    assert run.filled() == [(-10, 94.0)]
    assert run.times() == [3 * MINUTE]
    assert run.updates(1) == ["ACCEPTED", "TRIGGERED", "FILL"]


def test_stop_on_close_only_data_fills_at_the_close():
    run = play(
        Tape().close(100).close(96).close(93),
        {0: lambda s: s.stop("A", -10, 95)},
        instruments=[instrument(close_only=True)],
    )
    assert run.filled() == [(-10, 93.0)]


def test_stop_on_quotes_is_triggered_by_the_opposite_side():
    run = play(Tape().quote(99, 101).quote(94.9, 96).quote(94, 96), {0: lambda s: s.stop("A", -10, 95)})
    assert run.filled() == [(-10, 94.9)]


# Trailing stops: submitted at a mark of 100 with a distance of 5


@pytest.mark.parametrize(
    ("bars", "fill"),
    [
        ([(100, 101, 95, 99)], (-10, 95.0)),  # the level from before the bar
        ([(94, 96, 93, 95)], (-10, 94.0)),  # a gap below it
        ([(100, 110, 99, 108), (108, 109, 105, 106)], (-10, 105.0)),  # follows the high: 110 - 5
        ([(100, 110, 99, 104)], (-10, 105.0)),  # the close lies below the level of the bar's own high
        ([(100, 110, 104, 106)], None),  # the low of 104 may have come before the high
        ([(100, 110, 99, 108), (104, 106, 103, 105)], (-10, 104.0)),
    ],
)
def test_trailing_sell_stop(bars, fill):
    run = play(Tape().bars(STILL, *bars), {0: lambda s: s.trailing_stop("A", -10, 5)})
    assert run.filled() == ([fill] if fill else [])


@pytest.mark.parametrize(
    ("bars", "fill"),
    [
        ([(100, 105, 99, 101)], (10, 105.0)),
        ([(100, 101, 90, 92), (92, 95, 91, 93)], (10, 95.0)),
        ([(100, 101, 90, 96)], (10, 95.0)),
        ([(100, 101, 90, 94)], None),
    ],
)
def test_trailing_buy_stop(bars, fill):
    run = play(Tape().bars(STILL, *bars), {0: lambda s: s.trailing_stop("A", 10, 5)})
    assert run.filled() == ([fill] if fill else [])


# Ticks


def test_fill_off_the_tick_goes_to_the_next_worse_tick():
    """Vendors give opens such as 100.005 where the tick is a cent."""
    run = play(Tape().bars(STILL, (100.005, 101, 99, 100)), {0: lambda s: (s.market("A", 10), s.market("A", -10))})
    assert run.filled() == [(10, 100.01), (-10, 100.0)]


def test_micro_tick_leaves_prices_alone():
    run = play(Tape().bars(STILL, (100.000001, 101, 99, 100)), {0: buy()}, instruments=[instrument(tick=1)])
    assert run.fills["price"].tolist() == [100_000_001]


def test_kinds_of_events_are_numbered_by_rank():
    ranks = [e.SPLIT, e.HALT, e.ORDER, e.BAR, e.HAND_OVER, e.TIMER, e.SLICE]
    assert [kind // 16 for kind in ranks] == [0, 1, 2, 3, 4, 5, 6]
