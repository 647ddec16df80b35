"""Every planted leak is found for its reason, with its distance; every clean strategy passes and decides something.

One seed here; ``lockstep leaks corpus --seeds 20`` goes on.
"""

import pytest

from lockstep.research.leaks.corpus import TABLES, load_cases, run_case
from lockstep.research.leaks.suite import Options

CASES = [(table, case) for table in TABLES for case in load_cases(table)]


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[f"{table}/{case.name}" for table, case in CASES])
def test_a_case_is_judged_rightly(case, workshop):
    outcome = run_case(case, Options(), workshop=workshop)
    assert not outcome.faults
    assert outcome.verdict.decisions > 20
