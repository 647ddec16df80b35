"""Every planted leak is found for its reason, with its distance; every clean strategy passes and decides something.

One seed of the acceptance corpus here, all tables in the nightly profile (``HYPOTHESIS_PROFILE=nightly``);
``lockstep leaks corpus --seeds 20`` goes on.
"""

import pytest
from hypothesis import settings

from lockstep.research.leaks.corpus import TABLES, load_cases, run_case
from lockstep.research.leaks.suite import Options

NIGHTLY = settings.get_current_profile_name() == "nightly"
CASES = [(table, case) for table in (TABLES if NIGHTLY else TABLES[:1]) for case in load_cases(table)]


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[f"{table}/{case.name}" for table, case in CASES])
def test_a_case_is_judged_rightly(case, workshop):
    outcome = run_case(case, Options(), workshop=workshop)
    assert not outcome.faults
    assert case.planted or outcome.verdict.decisions > 20
