"""Brackets and OCO: exits come alive with their entry, the worse one comes first, one ends the other."""

import pytest

from .stage import MINUTE, Tape, instrument, play

STILL = (100, 101, 99, 100)


def bracket(quantity=10, limit=0.0, target=110, stop=95, **options):
    """Entry 1, target 2, stop 3."""
    return lambda s: s.bracket("A", quantity, limit=limit, target=target, stop=stop, **options)


def long_with_oco(quantity=10, target=110, stop=95):
    """Order 1 buys at bar 1; the target is 2, the stop 3, alive from bar 2 on."""
    return {0: lambda s: s.market("A", quantity), 1: lambda s: s.oco("A", quantity, target=target, stop=stop)}


@pytest.mark.parametrize(
    ("later", "fills"),
    [
        ([(100, 105, 99, 104), (104, 110.01, 103, 109)], [(10, 100.0), (-10, 110.0)]),
        ([(100, 105, 99, 104), (104, 110, 103, 109)], [(10, 100.0)]),  # a mere touch of the target
        ([(100, 105, 99, 104), (104, 105, 95, 96)], [(10, 100.0), (-10, 95.0)]),
        ([(100, 105, 95, 96)], [(10, 100.0), (-10, 95.0)]),  # the stop may trigger in the entry bar
        ([(100, 111, 99, 104)], [(10, 100.0)]),  # the target may not
        ([(100, 111, 95, 104)], [(10, 100.0), (-10, 95.0)]),  # both in the entry bar
        ([STILL, (104, 111, 94, 104)], [(10, 100.0), (-10, 95.0)]),  # a bar that holds both: the worse one
        ([STILL, (112, 113, 94, 104)], [(10, 100.0), (-10, 112.0)]),  # the target trades at the very open
        ([STILL, (110, 113, 94, 104)], [(10, 100.0), (-10, 95.0)]),  # an open at the target is only a touch
        ([STILL, (93, 113, 92, 104)], [(10, 100.0), (-10, 93.0)]),  # the stop at the open
        ([(94, 96, 93, 95)], [(10, 94.0), (-10, 94.0)]),  # the entry's own open lies beyond the stop
        ([(112, 113, 111, 112), (109, 112, 108, 111)], [(10, 112.0), (-10, 110.0)]),  # entered beyond the target
    ],
)
def test_bracket_at_the_market(later, fills):
    run = play(Tape().bars(STILL, *later), {0: bracket()})
    assert run.filled() == fills
    if len(fills) == 2:
        assert {run.ended(2), run.ended(3)} == {("FILLED", "NONE"), ("CANCELLED", "OTHER_EXIT")}
        assert run.world.header.n_open == 0


@pytest.mark.parametrize(
    ("later", "fills"),
    [
        ([(97.5, 99.5, 97, 98)], [(10, 97.5)]),  # opens better than the limit
        ([(101, 102, 97.99, 99)], [(10, 98.0)]),
        ([(101, 102, 94, 99)], [(10, 98.0), (-10, 95.0)]),  # limit and stop in one bar
        ([(101, 111, 97, 99)], [(10, 98.0)]),  # the high may have come before the entry
        ([(101, 111, 94, 99)], [(10, 98.0), (-10, 95.0)]),
        ([(94, 99, 93, 98)], [(10, 94.0), (-10, 94.0)]),
    ],
)
def test_bracket_at_a_limit(later, fills):
    assert play(Tape().bars(STILL, *later), {0: bracket(limit=98)}).filled() == fills


@pytest.mark.parametrize(
    ("later", "fills"),
    [
        ([STILL, (100, 101, 89.99, 95)], [(-10, 100.0), (10, 90.0)]),
        ([STILL, (100, 105, 89, 95)], [(-10, 100.0), (10, 105.0)]),
        ([(100, 105, 89, 95)], [(-10, 100.0), (10, 105.0)]),
        ([STILL, (89, 106, 88, 95)], [(-10, 100.0), (10, 89.0)]),
    ],
)
def test_bracket_of_a_short(later, fills):
    run = play(Tape().bars(STILL, *later), {0: bracket(-10, target=90, stop=105)})
    assert run.filled() == fills


def test_bracket_on_close_only_data():
    tape = Tape().close(100).close(102).close(112).close(90)
    run = play(tape, {0: bracket()}, instruments=[instrument(close_only=True)])
    assert run.filled() == [(10, 102.0), (-10, 112.0)]
    run = play(Tape().close(100).close(94), {0: bracket()}, instruments=[instrument(close_only=True)])
    assert run.filled() == [(10, 94.0), (-10, 94.0)]


def test_exits_rest_only_once_the_entry_has_filled():
    run = play(Tape().bars(STILL, STILL), {1: bracket()})
    assert [run.ended(k)[0] for k in (1, 2, 3)] == ["SUBMITTED", "HELD", "HELD"]
    held = run.world.positions[0]
    assert (held.buys, held.sells, held.open_orders) == (10, 0, 3)
    run = play(Tape().bars(STILL, STILL, STILL), {1: bracket()})
    held = run.world.positions[0]
    assert (held.quantity, held.buys, held.sells, held.open_orders) == (10, 0, 10, 2)
    assert run.updates(3)[-1] == "ACTIVATED"


def test_exits_end_with_an_entry_that_never_filled():
    run = play(Tape().bars(STILL, STILL).end_session().bars(STILL), {0: bracket(limit=90, target=120, stop=80)})
    assert run.ended(1) == ("EXPIRED", "NOT_REACHED")
    assert run.ended(2) == run.ended(3) == ("CANCELLED", "PARENT_DONE")
    assert run.world.positions[0].open_orders == 0


def test_exits_come_alive_for_the_part_that_filled():
    """Volume 40 leaves room for 4 of 10; the rest expires with the session; the next session opens through the stop."""
    tape = Tape().bars(STILL, (100, 101, 99, 100, 40)).end_session(gap=MINUTE).bars((94, 95, 93, 94))
    run = play(tape, {0: bracket()}, share=0.1)
    assert run.filled() == [(4, 100.0), (-4, 94.0)]
    assert run.ended(1) == ("EXPIRED", "VOLUME_CAP")
    assert int(run.order(3)["quantity"]) == -4
    assert run.held() == 0


def test_immediate_entry_in_part_gapping_below_its_stop_exits_at_the_open():
    """The exits come alive within the bar at whose open the entry traded, so a stop of 95 is no price of this bar."""
    run = play(Tape().bars(STILL, (90, 92, 88, 91, 40)), {0: bracket(tif="ioc")}, share=0.1)
    assert run.filled() == [(4, 90.0)]
    tape = Tape().bars(STILL, (90, 92, 88, 91, 40), (89, 92, 88, 91))
    assert play(tape, {0: bracket(tif="ioc")}, share=0.1).filled() == [(4, 90.0), (-4, 89.0)]


def test_entry_in_the_closing_auction_cannot_be_stopped_before_it():
    from lockstep.engine.events import SESSION_LAST

    tape = Tape().bars(STILL).bar(100, 101, 90, 100, flags=SESSION_LAST).bars((100, 101, 95, 97))
    run = play(tape, {0: bracket(tif="cls")})
    assert run.filled() == [(10, 100.0), (-10, 95.0)]
    assert run.times() == [2 * MINUTE, 3 * MINUTE]


@pytest.mark.parametrize(
    ("later", "fills"),
    [
        ([(104, 110.01, 103, 109)], [(-10, 110.0)]),
        ([(104, 105, 95, 96)], [(-10, 95.0)]),
        ([(104, 111, 95, 96)], [(-10, 95.0)]),
        ([(111, 112, 95, 96)], [(-10, 111.0)]),
        ([STILL], []),
    ],
)
def test_oco(later, fills):
    run = play(Tape().bars(STILL, STILL, *later), long_with_oco())
    assert run.filled()[1:] == fills
    assert run.held() == (0 if fills else 10)


def test_oco_counts_once_among_resting_orders():
    run = play(Tape().bars(STILL, STILL, STILL), long_with_oco())
    assert (run.world.positions[0].sells, run.world.positions[0].open_orders) == (10, 2)


def test_partial_fill_of_one_exit_shrinks_the_other():
    """The stop fills 4 of 10 (volume 40), then as a market order the other 6; the target never trades again."""
    tape = Tape().bars(STILL, STILL, (100, 101, 94, 96, 40), (112, 113, 111, 112, 1000))
    run = play(tape, {0: lambda s: s.market("A", 10), 1: lambda s: s.oco("A", 10, target=110, stop=95)}, share=0.1)
    assert run.filled()[1:] == [(-4, 95.0), (-6, 112.0)]
    assert run.ended(2) == ("CANCELLED", "OTHER_EXIT")
    assert run.ended(3) == ("FILLED", "NONE")
    assert run.held() == 0


def test_target_filled_in_part_leaves_the_stop_the_rest():
    tape = Tape().bars(STILL, STILL, (100, 111, 99, 110, 40), (100, 101, 94, 96))
    run = play(tape, {0: lambda s: s.market("A", 10), 1: lambda s: s.oco("A", 10, target=110, stop=95)}, share=0.1)
    assert run.filled()[1:] == [(-4, 110.0), (-6, 95.0)]
    assert run.ended(3) == ("FILLED", "NONE")
    assert int(run.order(3)["quantity"]) == -6
    assert run.world.positions[0].open_orders == 0


def test_cancelling_one_exit_cancels_the_other():
    actions = long_with_oco() | {2: lambda s: s.cancel(3)}
    run = play(Tape().bars(*[STILL] * 5), actions)
    assert run.ended(2) == run.ended(3) == ("CANCELLED", "BY_STRATEGY")
    assert run.world.positions[0].sells == 0


def test_cancelled_exits_are_not_revived_by_another_brackets_entry():
    """The exits of bracket 1 are cancelled; bracket 2 takes over their slots before the entry of bracket 1 fills."""
    actions = {
        0: bracket(limit=98, tif="gtc"),
        1: lambda s: s.cancel(2),
        3: bracket(limit=90, target=120, stop=85, tif="gtc"),
    }
    tape = Tape().bars(STILL, STILL, STILL, STILL, (100, 101, 97, 99), (99, 100, 84, 99))
    run = play(tape, actions, max_orders=8)
    assert run.filled() == [(10, 98.0), (10, 90.0), (-10, 85.0)]
    assert run.held() == 10


def test_cancelling_an_entry_leaves_orders_in_its_old_exits_slots_alone():
    actions = {
        0: bracket(limit=98, tif="gtc"),
        1: lambda s: s.cancel(2),
        3: lambda s: (s.limit("A", 1, 90, tif="gtc"), s.limit("A", 1, 91, tif="gtc")),
        4: lambda s: s.cancel(1),
    }
    run = play(Tape().bars(*[STILL] * 7), actions, max_orders=8)
    assert [run.ended(k)[0] for k in (1, 4, 5)] == ["CANCELLED", "ACCEPTED", "ACCEPTED"]


@pytest.mark.parametrize(
    "wrong",
    [
        bracket(target=99, stop=105),  # the exits the wrong way round
        bracket(target=110, stop=110),
        bracket(target=float("nan")),
        bracket(stop=0),
        bracket(limit=98, target=110, stop=98.5),  # stopped before it is in
        bracket(limit=98, target=97, stop=95),
        bracket(-10, target=105, stop=90),
    ],
)
def test_exits_that_make_no_sense_are_refused_with_their_entry(wrong):
    run = play(Tape().bars(STILL, STILL), {0: wrong})
    assert [(approved, reason) for _, approved, reason in run.verdicts()] == [
        (0, "INVALID"),
        (0, "GROUP"),
        (0, "GROUP"),
    ]
    assert run.filled() == []
