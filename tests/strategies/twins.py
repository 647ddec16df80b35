"""Print the digest of a short run of every strategy: ``python twins.py CATALOGUE``."""

import sys

from lockstep.data.catalog import Catalog
from lockstep.scenarios.loading import load
from lockstep.scenarios.plan import make_plan
from lockstep.scenarios.run import execute

ONE = ("data.symbols=['SYN001']",)
RUNS = {
    "breakout": ("2005-01-03", "2005-06-30", ()),
    "buy-and-hold": ("1992-01-02", "1992-01-31", ()),
    "job-weights": ("2000-01-03", "2000-01-31", ()),
    "mean-reversion": ("2005-01-03", "2005-03-31", ()),
    "momentum-20": ("1992-01-02", "1992-01-31", ("strategy.parameters.lookback=60", "strategy.parameters.window=30")),
    "pairs": ("1992-01-02", "1992-03-31", ("data.symbols=['KO', 'PEP', 'JPM', 'BAC']",)),
    "plain-python": ("2000-06-01", "2000-10-31", ()),
    "sleeve-mix": ("2000-01-03", "2000-01-31", ("data.symbols=['KO', 'PEP', 'JPM', 'BAC', 'XOM']",)),
    "sma-cross": ("2005-01-03", "2005-06-30", ()),
    "synthetic-hours": ("2019-01-07", "2019-01-09", ONE),
    "synthetic-quotes": (None, "2019-01-02", ONE),
}


def main(root: str) -> None:
    """Run all, one line each: scenario, digest, fills."""
    catalog = Catalog(root)
    for name, (start, end, overrides) in RUNS.items():
        plan = make_plan(load(name, overrides, start=start, end=end).scenario, catalog)
        done = execute(plan, lambda table, rows: None)
        print(name, done.digest, done.counts["fills"])


if __name__ == "__main__":
    main(sys.argv[1])
