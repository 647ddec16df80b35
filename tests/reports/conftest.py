import pytest

from .fabricate import Fabric


@pytest.fixture(scope="session")
def fabric():
    """A finished account of two years, six instruments and two sleeves."""
    return Fabric(sessions=504).run()


@pytest.fixture(scope="session")
def run_folder(fabric, tmp_path_factory):
    return fabric.write(tmp_path_factory.mktemp("runs") / "fabric-0001")
