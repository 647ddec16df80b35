import copy

import pytest

from lockstep.data.bundled import bundled
from lockstep.data.catalog import Catalog
from lockstep.scenarios.loading import validate

BASE = {
    "name": "trial",
    "data": {"dataset": "ohlcv-5", "start": "2008-06-02", "end": "2009-06-30"},
    "strategy": {
        "use": "lockstep.strategies.sma_cross",
        "parameters": {"fast": 5, "slow": 20, "weight": 0.2},
    },
}


@pytest.fixture(scope="session")
def catalog(tmp_path_factory):
    """A catalogue with the five OHLCV stocks."""
    found = Catalog(tmp_path_factory.mktemp("catalog"))
    bundled(found, ["ohlcv-5"])
    return found


@pytest.fixture
def tables():
    """The base scenario as nested dictionaries, free to be changed."""
    return copy.deepcopy(BASE)


@pytest.fixture
def make(tables):
    """Make a scenario: the base one with other tables; dotted keys reach inside."""

    def build(**changes):
        for key, value in changes.items():
            *path, last = key.split("__")
            here = tables
            for part in path:
                here = here.setdefault(part, {})
            here[last] = value
        return validate(tables, "trial.toml")

    return build
