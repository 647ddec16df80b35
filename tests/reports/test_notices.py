import dataclasses

import pytest

from lockstep.reports import attribution, load, statistics
from lockstep.reports.figures import equity_figure, spans_decades
from lockstep.reports.notices import notices, verdict


@pytest.fixture(scope="module")
def run(run_folder):
    return load(run_folder)


def told(run, **changes):
    changed = dataclasses.replace(run, manifest={**run.manifest, **changes})
    return {notice.title: notice for notice in notices(changed, attribution(changed))}


def test_a_synthetic_run_says_so(run):
    assert told(run)["Synthetic data"].level == "warning"


def test_a_sound_run_of_real_data_says_little(run):
    instruments = [{**row, "synthetic": False} for row in run.manifest["instruments"]]
    clean = told(run, data=[], instruments=instruments, git={"commit": "1", "dirty": False}, leak_check="passed")
    assert list(clean) == ["Leak check"]
    assert clean["Leak check"].text == "passed"


def test_a_missing_leak_check_is_never_silent(run):
    assert "Never checked" in told(run, leak_check=None)["Leak check"].text
    assert "false" in told(run, leak_check={"passed": False})["Leak check"].text


def test_a_leak_is_a_warning_and_a_clean_check_a_note(run):
    clean = {
        "verdict": "clean",
        "reason": "nothing depends on what came after",
        "decisions": 1200,
        "cuts": 10,
        "runs": 22,
    }
    found = told(run, leak_check=clean)["Leak check"]
    assert (found.level, found.text) == (
        "note",
        "Clean: nothing depends on what came after (1,200 decisions, 10 cuts, 22 runs).",
    )
    stale = told(run, leak_check={**clean, "data_changed": ["minutes"]})["Leak check"]
    assert "on other data of minutes than these" in stale.text
    leak = told(run, leak_check={"verdict": "leak", "reason": "features looks 1 ahead"})["Leak check"]
    assert (leak.level, leak.text) == ("warning", "Leak: features looks 1 ahead.")
    vacuous = told(run, leak_check={"verdict": "vacuous", "reason": "it decided nothing"})["Leak check"]
    assert vacuous.level == "warning"
    assert "no proof" in vacuous.text


def test_survivorship_is_told_in_the_data_s_own_words(run):
    data = [{"dataset": "stocks", "survivorship": "chosen after the fact."}, {"dataset": "fine", "survivorship": ""}]
    assert told(run, data=data)["Survivorship"].text == "stocks: chosen after the fact."
    assert "flattered" in told(run, data=[{"dataset": "stocks", "survivorship": True}])["Survivorship"].text


def test_close_only_adjusted_and_shocked_data_are_warned_of(run):
    instruments = [{**row, "close_only": k < 2} for k, row in enumerate(run.manifest["instruments"])]
    found = told(
        run, instruments=instruments, data=[{"dataset": "a", "adjusted": "total"}], shocks=[{"kind": "flash_crash"}]
    )
    assert "2 of 6 instruments" in found["Close-only prices"].text
    assert found["Adjusted prices"].text.startswith("a is adjusted")
    assert "flash crash" in found["Shocked stream"].text


def test_the_manifest_s_warnings_come_first_and_replace_ours(run):
    found = notices(
        dataclasses.replace(run, manifest={**run.manifest, "warnings": ["All prices are synthetic."]}), attribution(run)
    )
    assert (found[0].title, found[0].text) == ("Warning", "All prices are synthetic.")
    assert "Synthetic data" not in [notice.title for notice in found]


def test_books_that_do_not_balance_are_told(run):
    broken = dataclasses.replace(run, fills=run.fills.iloc[:-1])
    assert "Books do not balance" in [notice.title for notice in notices(broken, attribution(broken))]


def test_the_verdict_names_result_benchmark_and_costs(run):
    sentence = verdict(run, statistics(run))
    assert sentence.startswith("Gained 5.5% a year against −10.2% of the benchmark (Equal weight)")
    assert "Costs took 1.39% of equity a year." in sentence
    alone = dataclasses.replace(run, benchmark=run.benchmark.iloc[:0])
    assert "benchmark" not in verdict(alone, statistics(alone))


def test_a_short_run_is_not_stretched_to_a_year(run):
    end = run.equity["ts"].iloc[99]
    cut = {
        name: getattr(run, name)[getattr(run, name)["ts"] <= end]
        for name in ("equity", "marks", "sleeves", "benchmark")
    }
    short = dataclasses.replace(run, **cut)
    assert "over 100 sessions" in verdict(short, statistics(short))


@pytest.mark.parametrize(("growth", "expected"), [(1.0, False), (30.0, True), (5000.0, True)])
def test_wide_spans_open_on_a_logarithmic_axis(run, growth, expected):
    rising = run.equity["equity"] * [growth ** (k / len(run.equity)) for k in range(len(run.equity))]
    grown = dataclasses.replace(run, equity=run.equity.assign(equity=rising))
    assert spans_decades(grown) is expected
    ticks = equity_figure(grown).layout.meta["log"]
    assert bool(ticks) is expected


def test_a_lost_account_stays_on_a_linear_axis(run):
    lost = dataclasses.replace(run, equity=run.equity.assign(equity=run.equity["equity"] - 1_050_000))
    assert spans_decades(lost) is False
