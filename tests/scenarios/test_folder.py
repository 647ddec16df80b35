"""A run folder appears whole or not at all."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from lockstep.engine.errors import ConfigError
from lockstep.scenarios import folder as module
from lockstep.scenarios.folder import RunFolder
from lockstep.scenarios.tables import SCHEMAS, build

ROWS = build("series", {"ts": np.array([1, 2]), "name": ["a", "b"], "value": np.array([0.5, 1.5])})
HOLD = """
import sys, time
from pathlib import Path
from lockstep.scenarios.folder import RunFolder
with RunFolder(Path(sys.argv[1])) as folder:
    print(folder.path.name, flush=True)
    time.sleep(60)
"""


def manifest(name):
    return {"run": name}


def test_a_published_folder_is_whole(tmp_path):
    with RunFolder(tmp_path / "runs") as folder:
        folder.emit("series", ROWS)
        path = folder.publish("trial-abc", manifest)
    assert path == tmp_path / "runs" / "trial-abc-1"
    assert sorted(file.name for file in path.iterdir()) == sorted(
        ["manifest.json", *(f"{name}.parquet" for name in SCHEMAS)]
    )
    assert json.loads((path / "manifest.json").read_text()) == {"run": "trial-abc-1"}
    assert pq.read_table(path / "series.parquet").equals(ROWS)
    assert all(pq.read_schema(path / f"{name}.parquet").equals(schema) for name, schema in SCHEMAS.items())
    assert [each.name for each in (tmp_path / "runs").iterdir()] == ["trial-abc-1"]


def test_every_run_of_a_name_gets_its_own_number(tmp_path):
    for number in (1, 2, 3):
        with RunFolder(tmp_path) as folder:
            assert folder.publish("trial", manifest).name == f"trial-{number}"


def test_two_at_once_do_not_meet(tmp_path):
    with RunFolder(tmp_path) as first, RunFolder(tmp_path) as second:
        assert {first.publish("trial", manifest).name, second.publish("trial", manifest).name} == {"trial-1", "trial-2"}


def test_a_name_taken_at_the_last_moment_gives_the_next(tmp_path):
    def slow(name):
        if name == "trial-1" and not (tmp_path / "trial-1").exists():
            (tmp_path / "trial-1").mkdir()
            (tmp_path / "trial-1" / "something").touch()
        return {"run": name}

    with RunFolder(tmp_path) as folder:
        path = folder.publish("trial", slow)
    assert path.name == "trial-2"
    assert json.loads((path / "manifest.json").read_text())["run"] == "trial-2"


def test_a_failure_leaves_nothing(tmp_path):
    def fail():
        with RunFolder(tmp_path) as folder:
            folder.emit("series", ROWS)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_rows_are_written_as_they_fill_a_row_group(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROW_GROUP", 3)
    with RunFolder(tmp_path) as folder:
        for _ in range(5):
            folder.emit("series", ROWS)
        path = folder.publish("trial", manifest)
    file = pq.ParquetFile(path / "series.parquet")
    assert file.metadata.num_rows == 10
    assert file.metadata.num_row_groups >= 3


def test_a_killed_run_is_never_seen_and_later_swept_away(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        name = process.stdout.readline().strip()
        with RunFolder(tmp_path) as folder:
            folder.publish("other", manifest)
        assert (tmp_path / name).is_dir()  # it lives, so it is left alone
        process.send_signal(signal.SIGKILL)
    assert name.startswith(".")
    with RunFolder(tmp_path) as folder:
        assert not (tmp_path / name).exists()
        assert [each.name for each in tmp_path.glob("[!.]*")] == ["other-1"]
        assert folder.path.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="choose another with --runs-dir"):
        RunFolder(tmp_path / "runs")


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(ConfigError, match=r"runs folder .*; choose another with --runs-dir"):
        RunFolder(tmp_path / "runs")
