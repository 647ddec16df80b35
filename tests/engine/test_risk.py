"""The risk stage: every limit and every code. The account has 100 000 dollars, everything costs 100."""

from dataclasses import replace

import pytest

from lockstep.engine import events as e
from lockstep.engine.settings import Risk

from .stage import MINUTE, Tape, instrument, play

FREE = Risk.unlimited()
STILL = (100, 101, 99, 100)


def tape_of(symbols="A", slices=4, **fields):
    """Bars that stand still; one slice a minute for all symbols."""
    tape = Tape(symbols)
    for _ in range(slices):
        for symbol in symbols:
            tape.bar(*STILL, symbol=symbol, moves=symbol == symbols[-1], **fields)
    return tape


def judged(actions, symbols="A", *, risk=FREE, **options):
    return play(tape_of(symbols), actions, risk=risk, **{"cash": 100_000} | options)


def verdicts(*args, **options):
    return judged(*args, **options).verdicts()


def one(place, **limits):
    """What becomes of the proposals of slice 0."""
    return judged({0: place}, risk=replace(FREE, **limits))


# Sizes


@pytest.mark.parametrize(
    ("limits", "reason", "limit", "value"),
    [
        ({"max_position": 0.25}, "POSITION_LIMIT", 0.25, 0.30),
        ({"max_order": 0.25}, "ORDER_SIZE", 0.25, 0.30),
        ({"max_gross": 0.25}, "GROSS_LIMIT", 0.25, 0.30),
        ({"max_position": 0.25, "max_order": 0.26}, "POSITION_LIMIT", 0.25, 0.30),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_an_order_is_shrunk_to_the_largest_allowed(limits, reason, limit, value, sign):
    run = one(lambda s: s.market("A", sign * 300), **limits)
    assert run.verdicts() == [(sign * 300, sign * 250, reason)]
    assert (run.decisions["limit"][0], run.decisions["value"][0]) == (limit, pytest.approx(value))
    assert run.filled() == [(sign * 250, 100.0)]


def test_an_order_at_the_limit_is_approved():
    assert one(lambda s: s.market("A", 250), max_position=0.25).verdicts() == [(250, 250, "NONE")]


def test_an_order_of_which_nothing_is_left_is_refused():
    run = one(lambda s: (s.market("A", 250), s.market("A", 1)), max_position=0.25)
    assert run.verdicts()[1] == (1, 0, "POSITION_LIMIT")
    assert run.ended(2) == ("REFUSED", "POSITION_LIMIT")


def test_resting_orders_count_as_filled():
    run = one(lambda s: (s.limit("A", 200, 90), s.market("A", 100)), max_position=0.25)
    assert run.verdicts() == [(200, 200, "NONE"), (100, 50, "POSITION_LIMIT")]


def test_resting_orders_of_the_other_side_do_not_make_room():
    run = one(lambda s: (s.limit("A", -200, 110), s.market("A", 300)), max_position=0.25)
    assert run.verdicts()[1] == (300, 250, "POSITION_LIMIT")


def test_resting_orders_count_in_other_instruments_gross_too():
    run = judged({0: lambda s: (s.limit("A", 200, 90), s.market("B", 100))}, "AB", risk=replace(FREE, max_gross=0.25))
    assert run.verdicts() == [(200, 200, "NONE"), (100, 50, "GROSS_LIMIT")]


def test_longs_and_shorts_add_up_in_gross():
    run = judged({0: lambda s: (s.market("A", 150), s.market("B", -150))}, "AB", risk=replace(FREE, max_gross=0.25))
    assert run.verdicts() == [(150, 150, "NONE"), (-150, -100, "GROSS_LIMIT")]


def in_sectors(**sectors):
    return [instrument(symbol, sector=sector) for symbol, sector in sectors.items()]


def test_sector_limit_is_gross():
    place = {0: lambda s: (s.market("A", 300), s.market("B", -300))}
    risk = replace(FREE, max_sector=0.5)
    tech = in_sectors(A="tech", B="tech")
    assert verdicts(place, "AB", risk=risk, instruments=tech)[1] == (-300, -200, "SECTOR_LIMIT")
    apart = in_sectors(A="tech", B="oil")
    assert verdicts(place, "AB", risk=risk, instruments=apart)[1] == (-300, -300, "NONE")


def test_unknown_sectors_are_exempt():
    place = {0: lambda s: (s.market("A", 600), s.market("B", 600))}
    unknown = in_sectors(A="", B="")
    assert [v[1] for v in verdicts(place, "AB", risk=replace(FREE, max_sector=0.5), instruments=unknown)] == [600, 600]


def test_fractional_lots_are_shrunk_to_the_lot():
    """0.25 × 100 000 / 100 = 250 shares of 1e9 lots."""
    run = judged(
        {0: lambda s: s.market("A", 300 * 10**9)},
        risk=replace(FREE, max_position=0.25),
        instruments=[instrument(lots_per_unit=10**9)],
    )
    assert run.verdicts() == [(300 * 10**9, 250 * 10**9, "POSITION_LIMIT")]


def test_limits_follow_equity():
    """Bought 250 at 100; at 120 the account is worth 105 000, the position 30 000, so nothing may be added."""
    tape = Tape().flat(100, 100, 120, 120)
    run = play(
        tape,
        {0: lambda s: s.market("A", 250), 2: lambda s: s.market("A", 1)},
        risk=replace(FREE, max_position=0.25),
        cash=100_000,
    )
    assert run.verdicts()[1] == (1, 0, "POSITION_LIMIT")
    assert run.decisions["value"][1] == pytest.approx(251 * 120 / 105_000)


# Reductions


def test_reductions_pass_every_limit():
    closed = replace(FREE, max_position=0.0, max_gross=0.0, max_order=0.0, max_sector=0.0, collar=0.0)
    tape = tape_of()
    run = play(tape, {0: lambda s: s.market("A", 100)}, cash=100_000)
    assert run.held() == 100
    run = judged({0: lambda s: s.market("A", 100)}, risk=closed)
    assert run.verdicts() == [(100, 0, "ORDER_SIZE")]
    half = replace(FREE, max_order=0.05)
    actions = {0: lambda s: s.market("A", 50), 1: lambda s: s.market("A", 50), 2: lambda s: s.market("A", -100)}
    assert verdicts(actions, risk=half) == [(50, 50, "NONE"), (50, 50, "NONE"), (-100, -100, "NONE")]


def test_only_the_part_beyond_zero_is_limited():
    actions = {0: lambda s: s.market("A", 100), 1: lambda s: s.market("A", -500)}
    assert verdicts(actions, risk=replace(FREE, max_position=0.25))[1] == (-500, -350, "POSITION_LIMIT")


def test_what_already_rests_reduces_only_once():
    actions = {0: lambda s: s.market("A", 100), 1: lambda s: (s.limit("A", -100, 110), s.market("A", -50))}
    assert verdicts(actions, risk=replace(FREE, allow_short=False))[1:] == [
        (-100, -100, "NONE"),
        (-50, 0, "NOT_SHORTABLE"),
    ]


def test_reductions_go_first_then_canonical_order():
    actions = {
        0: lambda s: s.market("C", 100),
        1: lambda s: (s.market("B", 10), s.market("A", 20), s.market("C", -50)),
    }
    assert [v[0] for v in verdicts(actions, "ABC")[1:]] == [-50, 20, 10]


# Shorts


@pytest.mark.parametrize(("shortable", "allow"), [(False, True), (True, False)])
def test_short_rules(shortable, allow):
    actions = {0: lambda s: s.market("A", 100), 1: lambda s: s.market("A", -150), 2: lambda s: s.market("A", -10)}
    run = judged(actions, risk=replace(FREE, allow_short=allow), instruments=[instrument(shortable=shortable)])
    assert run.verdicts()[1:] == [(-150, -100, "NOT_SHORTABLE"), (-10, 0, "NOT_SHORTABLE")]
    assert run.decisions["value"].tolist()[1:] == [-50.0, -10.0]


# Switches


def losing(**options):
    """1000 shares bought at 100; the third bar closes at the given price; the session ends after the fourth."""
    tape = Tape().flat(100, 100).flat(options.pop("price")).flat(97).end_session(gap=MINUTE).flat(97, 97)
    actions = {0: lambda s: s.market("A", 1000)} | options.pop("actions")
    return play(tape, actions, risk=replace(FREE, max_daily_loss=0.02), cash=100_000)


def test_daily_loss_halts_new_risk_but_not_reductions():
    run = losing(price=97, actions={2: lambda s: (s.market("A", 10), s.market("A", -100))})
    assert sorted(run.verdicts()[1:]) == [(-100, -100, "NONE"), (10, 0, "DAILY_LOSS")]
    refused = run.decisions[run.decisions["verdict"] == 2][0]
    assert (refused["limit"], refused["value"]) == (0.02, pytest.approx(0.03))


def test_a_loss_of_exactly_the_limit_does_not_halt():
    assert losing(price=98, actions={2: lambda s: s.market("A", 10)}).verdicts()[1] == (10, 10, "NONE")


def test_a_new_session_begins_anew():
    run = losing(price=97, actions={3: lambda s: s.market("A", 10), 4: lambda s: s.market("A", 10)})
    assert run.verdicts()[1:] == [(10, 0, "DAILY_LOSS"), (10, 10, "NONE")]


def test_kill_switch_refuses_all_but_reductions():
    assert one(lambda s: s.market("A", 1), kill=True).verdicts() == [(1, 0, "KILL_SWITCH")]


def test_order_rate_is_counted_by_the_second():
    run = play(
        Tape().trade(100, after=e.SECOND).trade(100, after=e.SECOND).trade(100, after=e.SECOND),
        {0: lambda s: [s.market("A", 1) for _ in range(3)], 1: lambda s: s.market("A", 1)},
        risk=replace(FREE, max_orders_per_second=2),
    )
    assert run.verdicts() == [(1, 1, "NONE"), (1, 1, "NONE"), (1, 0, "ORDER_RATE"), (1, 1, "NONE")]


@pytest.mark.parametrize(
    ("place", "distance"),
    [
        (lambda s: s.limit("A", 10, 79), 0.21),
        (lambda s: s.stop("A", 10, 121), 0.21),
        (lambda s: s.stop_limit("A", 10, 110, 125), 0.25),
        (lambda s: s.trailing_stop("A", -10, 21), 0.21),
    ],
)
def test_price_collar(place, distance):
    run = one(place, collar=0.2)
    assert [v[2] for v in run.verdicts()] == ["PRICE_COLLAR"]
    assert run.decisions["value"][0] == pytest.approx(distance)


def test_prices_at_the_collar_pass():
    assert one(lambda s: s.limit("A", 10, 80), collar=0.2).verdicts() == [(10, 10, "NONE")]


# What cannot be judged


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (lambda s: s.market("A", 0), "ZERO_QUANTITY"),
        (lambda s: s.limit("A", 10, float("nan")), "INVALID"),
        (lambda s: s.limit("A", 10, -5), "INVALID"),
        (lambda s: s.limit("A", 10, 0.001), "INVALID"),  # below the first tick
        (lambda s: s.stop("A", 10, 0), "INVALID"),
        (lambda s: s.stop_limit("A", 10, 105, float("inf")), "INVALID"),
        (lambda s: s.trailing_stop("A", 10, 0), "INVALID"),
        (lambda s: s.trailing_stop("A", 10, float("nan")), "INVALID"),
    ],
)
def test_malformed_orders_are_refused(place, reason):
    run = one(place)
    assert [v[1:] for v in run.verdicts()] == [(0, reason)]


def test_without_equity_nothing_is_opened():
    """1000 shares short at 100 against 100 000 of cash; at 201 the account is worth less than nothing."""
    tape = Tape().flat(100, 100, 201, 201, 201)
    actions = {0: lambda s: s.market("A", -1000), 2: lambda s: (s.market("A", -1), s.market("A", 500))}
    run = play(tape, actions, cash=100_000)
    assert sorted(run.verdicts()[1:]) == [(-1, 0, "EQUITY"), (500, 500, "NONE")]


def test_proposals_beyond_the_capacity_are_counted_and_logged():
    run = play(tape_of(), {0: lambda s: [s.limit("A", 1, 90) for _ in range(11)]}, max_orders=8)
    assert run.verdicts()[-1] == (3, 0, "CAPACITY")
    assert (int(run.world.header.count_refused), int(run.world.header.n_free)) == (3, 0)


def test_brackets_beyond_the_capacity_are_not_half_proposed():
    run = play(
        tape_of(), {0: lambda s: [s.bracket("A", 1, target=110, stop=95, limit=98) for _ in range(3)]}, max_orders=8
    )
    assert int(run.world.header.count_orders) == 6
    assert run.verdicts()[-1][2] == "CAPACITY"


def test_refusals_for_lack_of_capacity_never_outgrow_the_log():
    """Every slice is refused something; the log is emptied in time (it holds 64 rows and a reserve)."""

    def stubborn(s):
        s.limit("A", 1, 90, tif="gtc")

    run = play(tape_of(slices=1500), dict.fromkeys(range(1500), stubborn), max_orders=8)
    assert len(run.decisions) == 1500


# Groups


def grouped(*legs):
    def place(s):
        s.begin_group()
        for symbol, quantity in legs:
            s.market(symbol, quantity)
        s.end_group()

    return {0: place}


def test_a_group_is_shrunk_by_one_ratio_to_the_largest_allowed():
    """75 % each against a gross of 100 %: two thirds of both, not a third."""
    out = verdicts(grouped(("A", 750), ("B", -750)), "AB", risk=replace(FREE, max_gross=1.0))
    assert out == [(750, 500, "GROUP"), (-750, -500, "GROSS_LIMIT")]


def test_a_group_keeps_its_proportions():
    """B may have 250 of 1000: a quarter of every leg."""
    run = judged(grouped(("A", 40), ("B", 1000), ("C", -20)), "ABC", risk=replace(FREE, max_position=0.25))
    assert run.verdicts() == [(40, 10, "GROUP"), (1000, 250, "POSITION_LIMIT"), (-20, -5, "GROUP")]
    assert (run.decisions["limit"][0], run.decisions["value"][0]) == (0.25, 1.0)


@pytest.mark.parametrize(("small", "large"), [(49, 343), (7, 49), (1, 21), (21, 147)])
def test_ratios_do_not_lose_a_lot_to_rounding(small, large):
    """The limit of B is exactly a seventh of what is asked; 49 × (1 / 49) in floats would be no lot at all."""
    risk = replace(FREE, max_position=(large / 7 + 0.5) * 100 / 100_000)
    out = verdicts(grouped(("A", small), ("B", large)), "AB", risk=risk)
    assert [v[1] for v in out] == ([small // 7, large // 7] if small >= 7 else [0, 0])


def test_a_group_with_a_leg_that_would_vanish_is_refused_whole():
    out = verdicts(grouped(("A", 1), ("B", 1000)), "AB", risk=replace(FREE, max_position=0.25))
    assert out == [(1, 0, "GROUP"), (1000, 0, "POSITION_LIMIT")]


@pytest.mark.parametrize(
    ("legs", "options", "reasons"),
    [
        ((("A", 100), ("B", -100)), {"risk": replace(FREE, allow_short=False)}, ["GROUP", "NOT_SHORTABLE"]),
        ((("A", 100), ("B", 0)), {}, ["GROUP", "ZERO_QUANTITY"]),
        ((("A", 100), ("B", 100)), {"risk": replace(FREE, max_orders_per_second=1)}, ["GROUP", "ORDER_RATE"]),
    ],
)
def test_a_group_with_a_leg_that_is_refused_is_refused_whole(legs, options, reasons):
    out = verdicts(grouped(*legs), "AB", **options)
    assert [v[1:] for v in out] == [(0, reason) for reason in reasons]


def test_a_refused_group_leaves_nothing_reserved():
    run = judged(grouped(("A", 100), ("B", -100)), "AB", risk=replace(FREE, allow_short=False))
    assert [(p.buys, p.sells, p.open_orders) for p in run.world.positions] == [(0, 0, 0)] * 2
    assert run.world.header.n_open == 0


def test_legs_of_one_instrument_see_one_another():
    out = verdicts(grouped(("A", 200), ("A", 200)), risk=replace(FREE, max_position=0.25))
    assert [v[1] for v in out] == [125, 125]


def test_a_bracket_is_shrunk_whole():
    run = one(lambda s: s.bracket("A", 300, target=110, stop=95), max_position=0.25)
    assert [(v[0], v[1]) for v in run.verdicts()] == [(300, 250), (-300, -250), (-300, -250)]
    assert [v[2] for v in run.verdicts()] == ["POSITION_LIMIT", "GROUP", "GROUP"]
    assert run.world.positions[0].sells == 250


def test_exits_may_close_no_more_than_is_held():
    actions = {0: lambda s: s.market("A", 100), 1: lambda s: s.oco("A", 150, target=110, stop=95)}
    run = judged(actions)
    assert [v[1] for v in run.verdicts()[1:]] == [-100, -100]
    assert "REDUCE_ONLY" in [v[2] for v in run.verdicts()[1:]]


def test_exits_pass_collar_and_limits():
    tight = replace(FREE, collar=0.01, max_order=0.2)
    actions = {0: lambda s: s.market("A", 100), 1: lambda s: s.oco("A", 100, target=150, stop=50)}
    assert [v[1] for v in verdicts(actions, risk=tight)[1:]] == [-100, -100]


def test_a_group_left_open_ends_with_its_callback():
    actions = {0: lambda s: (s.begin_group(), s.market("A", 10)), 1: lambda s: s.market("A", 20)}
    run = judged(actions)
    assert run.decisions["group"].tolist() == [1, 0]


# Targets


def test_target_asks_for_the_difference():
    actions = {0: lambda s: s.target("A", 100), 1: lambda s: s.target("A", 30), 2: lambda s: s.target("A", 30)}
    assert [v[0] for v in verdicts(actions)] == [100, -70]


def test_target_counts_what_is_on_its_way():
    actions = {0: lambda s: (s.market("A", 40), s.target("A", 100)), 1: lambda s: s.target("A", 100)}
    assert [v[0] for v in verdicts(actions, latency=e.HOUR)] == [40, 60]


def test_the_last_target_of_a_callback_counts():
    run = judged({0: lambda s: (s.target("A", 100), s.target("A", 50))})
    assert run.held() == 50


def test_target_does_not_count_exits():
    """Exits of 100 rest: asked for 100 again nothing is to do, asked for 0 everything is to be sold."""
    actions = {
        0: lambda s: s.bracket("A", 100, target=150, stop=50),
        1: lambda s: s.target("A", 100),
        2: lambda s: s.target("A", 0),
    }
    assert [v[0] for v in verdicts(actions)] == [100, -100, -100, -100]


def test_target_does_not_count_what_is_being_cancelled():
    actions = {0: lambda s: s.limit("A", 100, 90), 1: lambda s: (s.cancel(1), s.target("A", 100))}
    run = judged(actions)
    assert run.filled() == [(100, 100.0)]
