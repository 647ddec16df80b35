"""The fill table: how much trades, how long an order lasts, sessions and halts, cancellations and replacements."""

import pytest

from lockstep.engine import events as e

from .stage import MINUTE, Tape, instrument, play

STILL = (100, 101, 99, 100)
FIRST, LAST = e.SESSION_FIRST, e.SESSION_LAST


def sold(volume):
    return (*STILL, volume)


def bought(run):
    return [quantity for quantity, _ in run.filled()]


# Volume


@pytest.mark.parametrize(("volume", "first"), [(1000, 100), (509, 50), (9, None), (0, None), (float("nan"), None)])
def test_at_most_a_share_of_the_volume_trades(volume, first):
    """10 % of the volume, rounded down; the rest rests for the next bar."""
    run = play(Tape().bars(STILL, sold(volume), sold(1e6)), {0: lambda s: s.market("A", 100)}, share=0.1)
    rest = 100 - (first or 0)
    assert bought(run) == ([first] if first else []) + ([rest] if rest else [])


def test_orders_share_the_volume_oldest_first():
    run = play(
        Tape().bars(STILL, sold(1000)),
        {0: lambda s: (s.market("A", 70), s.market("A", -20), s.market("A", 70))},
        share=0.1,
    )
    assert bought(run) == [70, -20, 10]
    assert run.ended(3) == ("PARTIAL", "VOLUME_CAP")


def test_each_side_of_a_quote_has_its_own_size():
    run = play(Tape().quote(99, 101).quote(99, 101, 5, 7), {0: lambda s: (s.market("A", 10), s.market("A", -10))})
    assert run.filled() == [(7, 101.0), (-5, 99.0)]


def test_cap_counts_lots_of_fractional_instruments():
    run = play(
        Tape().bars(STILL, sold(0.5)),
        {0: lambda s: s.market("A", 1_000_000_000)},
        share=0.1,
        instruments=[instrument(lots_per_unit=10**9)],
    )
    assert bought(run) == [50_000_000]


@pytest.mark.parametrize("adjusted", ["split", "total"])
def test_vendor_adjusted_data_has_no_cap_but_volume_zero_never_fills(adjusted):
    run = play(
        Tape().bars(STILL, sold(0), sold(1)),
        {0: lambda s: s.market("A", 100)},
        share=0.1,
        instruments=[instrument(adjusted=adjusted, tick=1)],
    )
    assert bought(run) == [100]
    assert run.times() == [2 * MINUTE]


def test_close_only_data_has_no_cap():
    run = play(Tape().close(100).close(101), {0: lambda s: s.market("A", 10**6)}, share=0.1, cash=1e9)
    assert bought(run) == [10**6]


# Time in force


def test_ioc_takes_what_there_is_and_cancels_the_rest():
    run = play(Tape().bars(STILL, sold(1000), sold(1e6)), {0: lambda s: s.market("A", 150, tif="ioc")}, share=0.1)
    assert bought(run) == [100]
    assert run.ended(1) == ("CANCELLED", "VOLUME_CAP")


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (lambda s: s.limit("A", 10, 90, tif="ioc"), "NOT_REACHED"),
        (lambda s: s.limit("A", 10, 90, tif="fok"), "NOT_REACHED"),
        (lambda s: s.stop("A", 10, 110, tif="ioc"), "NOT_TRIGGERED"),
    ],
)
def test_immediate_orders_do_not_rest(place, reason):
    run = play(Tape().bars(STILL, STILL, (100, 120, 80, 100)), {0: place})
    assert run.filled() == []
    assert run.ended(1) == ("CANCELLED", reason)


def test_immediate_order_without_volume_ends():
    run = play(Tape().bars(STILL, sold(0), STILL), {0: lambda s: s.market("A", 10, tif="ioc")})
    assert run.filled() == []
    assert run.ended(1) == ("CANCELLED", "NO_VOLUME")


@pytest.mark.parametrize(
    ("volume", "fills", "end"), [(1500, [150], ("FILLED", "NONE")), (1499, [], ("CANCELLED", "FILL_OR_KILL"))]
)
def test_fok_takes_all_or_nothing(volume, fills, end):
    run = play(Tape().bars(STILL, sold(volume)), {0: lambda s: s.market("A", 150, tif="fok")}, share=0.1)
    assert bought(run) == fills
    assert run.ended(1) == end


def day_tape():
    """Three sessions of three bars, a minute between sessions."""
    tape = Tape()
    for _ in range(3):
        tape.bar(*STILL, flags=FIRST).bar(*STILL).bar(*STILL, flags=LAST).end_session(gap=MINUTE)
    return tape


def test_day_order_ends_with_its_session_and_gtc_does_not():
    run = play(day_tape(), {0: lambda s: (s.limit("A", 1, 90), s.limit("A", 1, 90, tif="gtc"))})
    assert run.ended(1) == ("EXPIRED", "NOT_REACHED")
    assert int(run.order(1)["done"]) == 3 * MINUTE
    assert run.ended(2)[0] == "ACCEPTED"


def test_day_order_decided_at_the_close_belongs_to_the_next_session():
    """Slice 2 is that of the last bar and of the session's close, which is known first."""
    run = play(day_tape(), {2: lambda s: s.limit("A", 1, 90)})
    assert run.ended(1) == ("EXPIRED", "NOT_REACHED")
    assert int(run.order(1)["done"]) == 7 * MINUTE


def test_day_order_that_latency_carries_over_the_close_belongs_to_the_next_session():
    run = play(day_tape(), {1: lambda s: s.limit("A", 1, 90)}, latency=MINUTE)
    assert int(run.order(1)["done"]) == 7 * MINUTE
    run = play(day_tape(), {1: lambda s: s.limit("A", 1, 90)}, latency=MINUTE - 1)
    assert int(run.order(1)["done"]) == 3 * MINUTE
    assert run.ended(1) == ("EXPIRED", "WAITING")


def priced_days():
    tape = Tape()
    for k in (0, 10, 20):
        tape.bar(100 + k, 101 + k, 99 + k, 100.5 + k, flags=FIRST).bar(*STILL)
        tape.bar(100 + k, 101 + k, 99 + k, 100.75 + k, flags=LAST).end_session(gap=MINUTE)
    return tape


@pytest.mark.parametrize(
    ("slice_", "tif", "price", "ts"),
    [
        (0, "cls", 100.75, 3 * MINUTE),
        (2, "cls", 110.75, 7 * MINUTE),
        (0, "opg", 110.0, 4 * MINUTE),  # too late for today's opening
        (2, "opg", 110.0, 4 * MINUTE),
    ],
)
def test_auction_orders_meet_their_auction(slice_, tif, price, ts):
    run = play(priced_days(), {slice_: lambda s: s.market("A", 10, tif=tif)})
    assert run.filled() == [(10, price)]
    assert run.times() == [ts]


def test_closing_auction_is_met_by_an_order_sent_during_the_last_bar():
    """Sent at the open of the last bar with half a minute of latency: too late for its range, in time for its close."""
    run = play(priced_days(), {1: lambda s: (s.market("A", 10, tif="cls"), s.market("A", 10))}, latency=MINUTE // 2)
    assert run.filled() == [(10, 100.75)]
    assert run.ended(2) == ("EXPIRED", "WAITING")


@pytest.mark.parametrize(
    ("limit", "tif", "fills"),
    [
        (109.99, "opg", []),
        (110, "opg", []),
        (110.01, "opg", [(10, 110.0)]),
        (110.75, "cls", []),
        (110.76, "cls", [(10, 110.75)]),
    ],
)
def test_limit_in_an_auction_must_lie_beyond_its_price(limit, tif, fills):
    run = play(priced_days(), {2: lambda s: s.limit("A", 10, limit, tif=tif)})
    assert run.filled() == fills
    if not fills:
        assert run.ended(1) == ("CANCELLED", "NOT_REACHED")


def test_auction_order_cut_by_the_cap_does_not_rest():
    tape = Tape().bar(*STILL, flags=FIRST).bar(*STILL, 40, flags=LAST).bars(STILL)
    run = play(tape, {0: lambda s: s.market("A", 10, tif="cls")}, share=0.1)
    assert bought(run) == [4]
    assert run.ended(1) == ("CANCELLED", "VOLUME_CAP")


def test_auction_without_trading_is_passed():
    tape = Tape().bar(*STILL, flags=FIRST).bar(*STILL, 0, flags=LAST).end_session().bars(STILL)
    run = play(tape, {0: lambda s: s.market("A", 10, tif="cls")})
    assert run.ended(1) == ("CANCELLED", "NO_VOLUME")


def test_auction_order_of_an_instrument_without_bars_expires():
    tape = Tape("AB").bar(*STILL, flags=FIRST, moves=False).bar(*STILL, symbol="B", flags=FIRST)
    tape.bar(*STILL, flags=LAST).end_session().bars(STILL)
    run = play(tape, {0: lambda s: s.market("B", 10, tif="cls")})
    assert run.ended(1) == ("EXPIRED", "AUCTION_PASSED")


def test_stops_do_not_go_to_auctions():
    run = play(Tape().bars(STILL, STILL), {0: lambda s: s.stop("A", 10, 105, tif="opg")})
    assert run.verdicts() == [(10, 0, "INVALID")]


# Halts


def test_nothing_fills_while_trading_is_halted():
    tape = (
        Tape()
        .bars(STILL)
        .wait(1)
        .add(e.HALT, "A")
        .bars(STILL, STILL)
        .wait(1)
        .add(e.RESUME, "A")
        .bars((104, 105, 103, 104))
    )
    run = play(tape, {0: lambda s: s.market("A", 10)})
    assert run.filled() == [(10, 104.0)]


def test_order_that_expires_in_a_halt_says_so():
    tape = Tape().bars(STILL).add(e.HALT, "A").bars(STILL, STILL).end_session()
    run = play(tape, {0: lambda s: s.market("A", 10)})
    assert run.ended(1) == ("EXPIRED", "HALTED")


def test_order_can_be_cancelled_in_a_halt():
    tape = Tape().bars(STILL).add(e.HALT, "A").bars(STILL, STILL, STILL)
    run = play(tape, {0: lambda s: s.market("A", 10), 1: lambda s: s.cancel(1)}, latency=1)
    assert run.ended(1) == ("CANCELLED", "BY_STRATEGY")
    assert int(run.order(1)["done"]) == 3 * MINUTE


# Cancel


def cancelling(order=lambda s: s.limit("A", 10, 98, tif="gtc")):
    return {0: order, 1: lambda s: s.cancel(1)}


def test_cancel_without_latency_is_at_once():
    run = play(Tape().bars(STILL, STILL, (97, 98, 96, 97)), cancelling())
    assert run.filled() == []
    assert run.ended(1) == ("CANCELLED", "BY_STRATEGY")


def test_order_may_trade_at_the_open_that_its_cancellation_misses():
    """Cancelled at the close of bar 1 with a latency of 10 s: bar 2 opens before that arrives."""
    run = play(Tape().bars(STILL, STILL, (97, 98, 96, 97)), cancelling(), latency=10 * e.SECOND)
    assert run.filled() == [(10, 97.0)]


def test_order_does_not_trade_inside_the_bar_in_which_it_is_cancelled():
    run = play(Tape().bars(STILL, STILL, (99, 100, 96, 97)), cancelling(), latency=10 * e.SECOND)
    assert run.filled() == []
    assert run.ended(1) == ("CANCELLED", "BY_STRATEGY")


def test_order_stands_until_its_cancellation_arrives():
    """Ticks a second apart, latency 5 s: the order, sent at 1 s, stands from 6 s to 11 s."""
    s = e.SECOND
    tape = Tape()
    for k in range(13):
        tape.trade(97 if k == 8 else 99, after=s)
    run = play(tape, {0: lambda x: x.limit("A", 10, 98, tif="gtc"), 5: lambda x: x.cancel(1)}, latency=5 * s)
    assert run.times() == [9 * s]


def test_cancelled_tick_order_is_gone_once_the_cancellation_has_arrived():
    s = e.SECOND
    tape = Tape()
    for k in range(13):
        tape.trade(97 if k == 10 else 99, after=s)
    run = play(tape, {0: lambda x: x.limit("A", 10, 98, tif="gtc"), 5: lambda x: x.cancel(1)}, latency=5 * s)
    assert run.filled() == []
    assert run.ended(1) == ("CANCELLED", "BY_STRATEGY")


def test_partial_fill_leaves_a_pending_cancellation_pending():
    s = e.SECOND
    tape = Tape()
    for _ in range(13):
        tape.trade(97, 40, after=s)
    run = play(tape, {0: lambda x: x.market("A", 100, tif="gtc"), 5: lambda x: x.cancel(1)}, latency=5 * s, share=0.1)
    assert bought(run) == [4, 4, 4, 4, 4]  # at 6, 7, 8, 9 and 10 s
    assert run.ended(1) == ("CANCELLED", "BY_STRATEGY")


def test_cancel_of_what_is_not_open_is_false():
    said = []
    actions = {
        0: lambda s: said.append(s.cancel(s.market("A", 1))),  # not yet judged
        1: lambda s: said.extend([s.cancel(1), s.cancel(99)]),
        2: lambda s: (s.limit("A", 1, 90), None),
        3: lambda s: said.extend([s.cancel(2), s.cancel(2)]),
    }
    play(Tape().bars(*[STILL] * 6), actions)
    assert said == [False, False, False, True, False]


def test_cancel_all_cancels_an_instruments_or_all():
    def place(s):
        s.limit("A", 1, 90)
        s.limit("A", 2, 90)
        s.limit("B", 3, 90)

    tape = Tape("AB")
    for _ in range(4):
        tape.bar(*STILL, moves=False).bar(*STILL, symbol="B")
    said = []
    run = play(tape, {0: place, 1: lambda s: said.append(s.cancel_all("A")), 2: lambda s: said.append(s.cancel_all())})
    assert said == [2, 1]
    assert {run.ended(k) for k in (1, 2, 3)} == {("CANCELLED", "BY_STRATEGY")}


# Replace


def test_replace_changes_price_and_quantity():
    actions = {0: lambda s: s.limit("A", 10, 95), 1: lambda s: s.replace(1, 6, limit=98.005)}
    run = play(Tape().bars(STILL, STILL, (100, 101, 97, 99)), actions)
    assert run.filled() == [(6, 98.0)]
    assert run.order(1)["limit"] == 98_000_000
    assert run.ended(1) == ("FILLED", "NONE")
    assert run.updates(1) == ["ACCEPTED", "REPLACED", "FILL"]


def test_order_stands_as_it_was_until_its_replacement_arrives():
    """Sent away from the market at 5 s, the replacement arrives at 10 s; at 8 s the old price trades."""
    s = e.SECOND
    tape = Tape()
    for k in range(13):
        tape.trade(97 if k == 7 else 99, after=s)
    run = play(tape, {0: lambda x: x.limit("A", 10, 98), 5: lambda x: x.replace(1, limit=96)}, latency=5 * s)
    assert run.filled() == [(10, 97.0)]


def test_replacement_that_arrived_counts():
    s = e.SECOND
    tape = Tape()
    for k in range(13):
        tape.trade(97 if k == 11 else 99, after=s)
    run = play(tape, {0: lambda x: x.limit("A", 10, 98), 5: lambda x: x.replace(1, limit=96)}, latency=5 * s)
    assert run.filled() == []
    assert run.order(1)["limit"] == 96_000_000


def test_replacement_below_what_has_filled_meanwhile_ends_the_order():
    s = e.SECOND
    tape = Tape()
    for _ in range(13):
        tape.trade(97, 40, after=s)
    run = play(tape, {0: lambda x: x.market("A", 100), 5: lambda x: x.replace(1, 12)}, latency=5 * s, share=0.1)
    assert bought(run) == [4, 4, 4, 4, 4]
    assert run.ended(1) == ("CANCELLED", "BY_STRATEGY")


def test_replaced_trailing_stop_keeps_its_level():
    actions = {0: lambda s: s.trailing_stop("A", -10, 5), 1: lambda s: s.replace(1, -6)}
    run = play(Tape().bars(STILL, (100, 110, 99, 108), (108, 109, 105, 107)), actions)
    assert run.filled() == [(-6, 105.0)]


def test_triggered_stop_limit_stays_triggered_when_its_limit_is_replaced():
    actions = {0: lambda s: s.stop_limit("A", -10, 95, 94), 1: lambda s: s.replace(1, limit=92)}
    run = play(Tape().bars(STILL, (90, 91, 89, 90), (91, 92.5, 90, 92)), actions)
    assert run.filled() == [(-10, 92.0)]


def test_replaced_exit_that_is_held_back_stays_held_back():
    actions = {1: lambda s: s.bracket("A", 10, limit=98, target=110, stop=95), 2: lambda s: s.replace(3, stop=96)}
    run = play(Tape().bars(*[STILL] * 5), actions)
    assert run.ended(3)[0] == "HELD"
    assert run.world.positions[0].sells == 0
    assert run.order(3)["stop"] == 96_000_000
    run = play(Tape().bars(*[STILL] * 5, (99, 100, 97, 99), (99, 100, 96, 97)), actions)
    assert run.filled() == [(10, 98.0), (-10, 96.0)]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.replace(1, 11),  # larger
        lambda s: s.replace(1, -5),  # the other side
        lambda s: s.replace(99, 5),
        lambda s: s.replace(1, 5, limit=float("inf")),
        lambda s: s.replace(1, 5, limit=121),  # beyond the collar of 20 %
        lambda s: s.replace(1, 0.0, limit=3e9),
    ],
)
def test_replacements_that_add_risk_or_make_no_sense_are_not_taken(change):
    from lockstep.engine.settings import INFINITE, Risk

    risk = Risk(INFINITE, INFINITE, INFINITE, INFINITE, INFINITE, 10**9, 0.2)
    said = []
    actions = {0: lambda s: s.limit("A", 10, 95), 1: lambda s: said.append(change(s))}
    run = play(Tape().bars(*[STILL] * 4), actions, risk=risk)
    assert said == [False]
    assert (run.order(1)["quantity"], run.order(1)["limit"]) == (10, 95_000_000)


def test_no_second_replacement_while_one_is_on_its_way():
    said = []
    actions = {0: lambda s: s.limit("A", 10, 95), 1: lambda s: said.extend([s.replace(1, 8), s.replace(1, 6)])}
    run = play(Tape().bars(*[STILL] * 4), actions, latency=1)
    assert said == [True, False]
    assert run.order(1)["quantity"] == 8


# Sums


def test_every_order_that_did_not_fill_says_why():
    def place(s):
        s.market("A", 10, tif="opg")  # 1
        s.limit("A", 10, 90)  # 2
        s.stop("A", 10, 110)  # 3
        s.market("A", 10**9, tif="fok")  # 4
        s.market("A", 10**9)  # 5
        s.bracket("A", 10, limit=95, target=120, stop=90)  # 6, 7, 8
        s.market("A", 0)  # 9

    tape = Tape().bars(STILL, STILL, STILL).end_session(gap=MINUTE).bar(80, 81, 79, 80, 0, flags=FIRST)
    run = play(tape, {0: place, 3: lambda s: s.market("A", 5)}, share=0.1, cash=1e12, max_orders=16)
    ends = {k: run.ended(k)[1] for k in range(1, 11)}
    assert ends == {
        1: "NO_VOLUME", 2: "NOT_REACHED", 3: "NO_VOLUME", 4: "FILL_OR_KILL", 5: "VOLUME_CAP",
        6: "NOT_REACHED", 7: "PARENT_DONE", 8: "PARENT_DONE", 9: "ZERO_QUANTITY", 10: "END_OF_DATA",
    }  # fmt: skip
