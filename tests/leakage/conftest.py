import pytest

from lockstep.research.leaks.workshop import Workshop


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    """One pair of warm processes for all targets; its catalogue is empty, so that what comes with Lockstep is built."""
    with Workshop(str(tmp_path_factory.mktemp("catalog"))) as opened:
        yield opened
