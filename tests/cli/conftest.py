import pytest

from lockstep import cli
from lockstep.data.bundled import bundled
from lockstep.data.catalog import VARIABLE, Catalog


@pytest.fixture(scope="session")
def catalog_root(tmp_path_factory):
    """The folder of a catalogue with the five OHLCV stocks."""
    root = tmp_path_factory.mktemp("catalog")
    bundled(Catalog(root), ["ohlcv-5"])
    return root


@pytest.fixture
def home(tmp_path, monkeypatch, catalog_root):
    """An empty current folder, with the catalogue in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, str(catalog_root))
    return tmp_path


@pytest.fixture
def lockstep(home, capsys):
    """Call the command line: gives exit code, standard output, error output."""

    def call(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
