"""The pytest plugin: a fixture that checks a target for leaks, so that a user's repository guards itself.

::

    def test_my_strategy(leak_check):
        leak_check("my_pkg.mod:Strategy", scenario="scenarios/mine.toml")
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from . import TOLERANCE

if TYPE_CHECKING:
    from .verdict import Verdict


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that gives leak checks another budget."""
    group = parser.getgroup("lockstep")
    group.addoption("--leak-budget", metavar="TIME", help="Time for each leak check, such as 30s, 5m or nightly.")


@pytest.fixture
def leak_check(request: pytest.FixtureRequest) -> Callable[..., "Verdict"]:
    """Return a function that checks a target and fails the test unless the verdict is the expected one.

    Its parameters are those of ``lockstep leaks``: `target`, then by name `scenario`, `data`, `parameters`, `budget`
    (``"60s"``; the option ``--leak-budget`` has precedence), `tolerance`, `seed`, `catalog`; and `expect`, the verdict
    that passes (``"clean"``). It returns the `Verdict`. Targets are looked up from the project's root.
    """
    from .command import seconds_of
    from .judge import Request, judge
    from .suite import Options

    def run(
        target: str,
        *,
        scenario: str = "",
        data: str = "",
        parameters: Mapping[str, Any] | None = None,
        budget: str = "60s",
        tolerance: float = TOLERANCE,
        seed: int = 0,
        catalog: str | None = None,
        expect: str = "clean",
    ) -> "Verdict":
        __tracebackhide__ = True
        within = request.config.getoption("--leak-budget") or budget
        options = Options(seconds=seconds_of(within), tolerance=tolerance, seed=seed, nightly=within == "nightly")
        folder = request.config.rootpath
        verdict = judge(Request(target, scenario, data, dict(parameters or {}), catalog, folder, options))
        if verdict.verdict != expect:
            pytest.fail(told(verdict, expect), pytrace=False)
        return verdict

    return run


def told(verdict: "Verdict", expect: str) -> str:
    """Return a verdict's sentences, as `lockstep leaks` prints them."""
    from .command import lines

    first = f"{verdict.verdict} {verdict.target}, expected {expect}: {verdict.reason}"
    return "\n".join([first, *(f"  {name:<10} {value}" for name, value in lines(verdict))])
