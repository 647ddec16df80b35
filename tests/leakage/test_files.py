"""The user's own files in another future: unchanged up to the cut, different after it, or gone."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from lockstep.data.calendar import load_sessions
from lockstep.research.leaks.files import Edit, find_files
from lockstep.research.leaks.project import Box

SESSIONS = load_sessions("XNYS", "2016-01-01", "2016-12-31", 0)
CUT = pd.Timestamp("2016-06-30 23:00").value
LINES = ["date,symbol,eps,beats"] + [
    f"{day:%Y-%m-%d},A,{0.1 * n:.3f},{n}" for n, day in enumerate(pd.date_range("2016-01-04", periods=40, freq="9D"))
]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "earnings.csv").write_text("\n".join(LINES) + "\n")
    (tmp_path / "own" / "model-2016-03-31.json").write_text(json.dumps({"weights": [1.0, 2.0]}))
    (tmp_path / "own" / "model-2016-09-30.json").write_text(json.dumps({"weights": [3.0, 4.0]}))
    frame = pd.DataFrame({"v": np.arange(300.0)}, index=pd.date_range("2016-01-01", periods=300))
    frame.to_parquet(tmp_path / "own" / "macro.parquet")
    return tmp_path


def found(project):
    box = Box(project / "own")
    box.close()
    return {file.name: file for file in find_files(box.sources, SESSIONS, int(SESSIONS.close[0]))}


def test_csv_keeps_the_text_of_its_past_and_changes_its_future(project):
    content = found(project)["earnings.csv"].after(Edit("cocktail", CUT, 1)).decode().splitlines()
    past = [n for n, line in enumerate(LINES[1:], 1) if line[:10] <= "2016-06-30"]
    later = [n for n in range(1, len(LINES)) if n not in past]
    assert [content[n] for n in past] == [LINES[n] for n in past]
    assert all(content[n] != LINES[n] and content[n][:12] == LINES[n][:12] for n in later)
    assert pd.read_csv(io.StringIO("\n".join(content)))["beats"].dtype.kind == "i"


def test_truncation_drops_later_rows_and_later_models(project):
    files, edit = found(project), Edit("truncate", CUT, 1)
    assert files["earnings.csv"].after(edit).decode().splitlines() == [
        line for line in LINES if line[:10] <= "2016-06-30" or line.startswith("date")
    ]
    assert files["model-2016-09-30.json"].after(edit) is None
    assert not files["model-2016-03-31.json"].touched(edit)


def test_parquet_stays_bit_for_bit_before_the_cut(project):
    own = pd.read_parquet(project / "own" / "macro.parquet")
    other = pd.read_parquet(io.BytesIO(found(project)["macro.parquet"].after(Edit("cocktail", CUT, 2))))
    before = own.index <= "2016-06-30"
    assert other[before].equals(own[before])
    assert (other[~before] != own[~before]).to_numpy().any()


def test_box_forgets_what_a_run_wrote_unless_it_is_to_be_left(project):
    box = Box(project / "own")
    try:
        box.restore({"earnings.csv": b"date,eps\n"})
        (box.path / "cache.txt").write_text("x")
        box.leave({})
        assert (box.path / "cache.txt").exists()
        assert (box.path / "earnings.csv").read_text().splitlines() == LINES
        box.restore({"model-2016-09-30.json": None})
        assert sorted(path.name for path in box.path.iterdir()) == [
            "earnings.csv",
            "macro.parquet",
            "model-2016-03-31.json",
        ]
    finally:
        box.close()
    assert not box.path.exists()
    assert len(list((project / "own").iterdir())) == 4
