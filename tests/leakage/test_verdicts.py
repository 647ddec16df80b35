"""What a verdict says of functions that look ahead, do not, or look at nothing."""

from lockstep.research.leaks.suite import Options, check

SOURCE = """
def peeks(bars):
    return (bars["close"].shift(-2) / bars["close"]).to_frame("next")


def blind(bars):
    return (bars["close"] * 0.0).to_frame("nothing")


def lacks(bars):
    import no_such_package_anywhere

    return no_such_package_anywhere.f(bars)
"""


def judged(folder, name: str):
    (folder / "targets.py").write_text(SOURCE)
    return check(f"targets:{name}", folder=folder, options=Options(seconds=60.0, cuts=2))


def test_a_peek_is_found_with_its_exact_distance_and_column(tmp_path):
    verdict = judged(tmp_path, "peeks")
    assert (verdict.verdict, verdict.stage, verdict.peek_bound, verdict.peek_events) == ("leak", "output", "exact", 2)
    assert [each.split(".")[1] for each in verdict.reads] == ["close"]


def test_rows_that_do_not_depend_on_data_are_vacuous_though_their_number_does(tmp_path):
    verdict = judged(tmp_path, "blind")
    assert verdict.verdict == "vacuous", verdict.reason
    assert verdict.decisions > 100


def test_a_missing_package_is_named(tmp_path):
    verdict = judged(tmp_path, "lacks")
    assert verdict.verdict == "error"
    assert "no_such_package_anywhere" in verdict.reason
