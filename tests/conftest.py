import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
DATA_VARIABLE = "LOCKSTEP_TEST_DATA"

settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("nightly", deadline=None, max_examples=1_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def data_folder():
    return Path(os.environ.get(DATA_VARIABLE, ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def market_data():
    """The folder of the large market-data sets; tests that use it are marked ``needs_data`` and skip without it."""
    return data_folder()


@pytest.fixture(scope="session")
def repository():
    return ROOT


def pytest_collection_modifyitems(items):
    missing = pytest.mark.skip(
        reason=f"no market data in {data_folder()}; set {DATA_VARIABLE} to the folder of the sets"
    )
    for item in items:
        if "market_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.needs_data)
        if item.get_closest_marker("needs_data") and not data_folder().is_dir():
            item.add_marker(missing)
