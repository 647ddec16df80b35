"""Run folders and catalogues that were damaged: `run` and `catalog` in the current folder."""

import json
import shutil

VERIFY, REPORT = ["verify", "run"], ["report", "run"]
BACKTEST = ["backtest", "sma-cross", "--start", "2008-06-02", "--end", "2008-12-31", "--catalog", "catalog"]
SHOW = ["data", "show", "ohlcv-5", "--catalog", "catalog"]


def manifest(change):
    """Return what changes a run's manifest."""

    def spoil(home):
        file = home / "run" / "manifest.json"
        content = json.loads(file.read_text())
        change(content)
        file.write_text(json.dumps(content))

    return spoil


def changed(**values):
    """Return what gives keys of the manifest other values."""
    return manifest(lambda content: content.update(values))


def changed_in(table, **values):
    """Return what gives keys of the recorded scenario other values."""
    return manifest(lambda content: content["config"][table].update(values))


def lacking(key):
    """Return what takes a key out of the manifest."""
    return manifest(lambda content: content.pop(key))


def holds(name, content):
    """Return what puts other bytes into a file of the run."""
    return lambda home: (home / "run" / name).write_bytes(content)


def version(home):
    """Return the folder of the dataset's current version."""
    dataset = home / "catalog" / "ohlcv-5"
    return dataset / (dataset / "CURRENT").read_text().strip()


def pointer(text):
    """Return what writes the dataset's pointer."""
    return lambda home: (home / "catalog" / "ohlcv-5" / "CURRENT").write_text(text)


def gone(name):
    """Return what removes a file of the dataset."""
    return lambda home: (version(home) / name).unlink()


def stored(name, content):
    """Return what puts other bytes into a file of the dataset."""
    return lambda home: (version(home) / name).write_bytes(content)


def cut_rows(home):
    for file in (version(home) / "data").iterdir():
        file.write_bytes(file.read_bytes()[:-50])


def without_rows(home):
    shutil.rmtree(version(home) / "data")


def without_fills(home):
    (home / "run" / "fills.parquet").unlink()


def with_other_columns(home):
    shutil.copy(home / "run" / "equity.parquet", home / "run" / "fills.parquet")


def flip_rows(home):
    for file in (version(home) / "data").iterdir():
        content = bytearray(file.read_bytes())
        for place in range(len(content) // 3, len(content) // 3 + 64):
            content[place] ^= 0xFF
        file.write_bytes(bytes(content))


RUNS = {
    "verify: manifest cut off": (
        VERIFY,
        2,
        "manifest.json is damaged .*; run the scenario again",
        holds("manifest.json", b'{"a'),
    ),
    "verify: manifest of a list": (VERIFY, 2, "schema 'list', expected 1", holds("manifest.json", b"[]")),
    "verify: manifest of bytes": (VERIFY, 2, "manifest.json is damaged", holds("manifest.json", b"\xff\xfe")),
    "verify: other schema": (VERIFY, 2, "schema 9, expected 1; run", changed(schema=9)),
    "verify: no digest": (VERIFY, 2, "it has no 'digest'; run", lacking("digest")),
    "verify: no scenario": (VERIFY, 2, "it has no 'config'; run", lacking("config")),
    "verify: scenario in words": (VERIFY, 2, "config: expected a table", changed(config="x")),
    "verify: wrong scenario": (
        VERIFY,
        2,
        "config: risk.max_gross = 'lots', expected a number",
        changed_in("risk", max_gross="lots"),
    ),
    "verify: data in words": (VERIFY, 2, "data = 'x', expected a list of datasets", changed(data="x")),
    "verify: data without hash": (VERIFY, 2, "expected a list of datasets with hashes", changed(data=[{}])),
    "verify: dataset gone": (
        VERIFY,
        3,
        "'gone' is not in the catalogue",
        changed_in("data", dataset="gone"),
    ),
    "verify: other digest": (VERIFY, 6, "digest [0-9a-f]{32}, recorded 0{32}", changed(digest="0" * 32)),
    "verify: other equity": (VERIFY, 6, "final equity or counts are not", changed(final_equity=1)),
    "report: manifest cut off": (
        REPORT,
        3,
        "manifest.json is damaged .*; re-run the scenario",
        holds("manifest.json", b'{"a'),
    ),
    "report: manifest of a list": (
        REPORT,
        3,
        "holds a list, expected an object; re-run",
        holds("manifest.json", b"[]"),
    ),
    "report: other schema": (REPORT, 3, "run schema 9, this version reads 1", changed(schema=9)),
    "report: no instruments": (REPORT, 3, "no 'instruments'; re-run", lacking("instruments")),
    "report: instruments in words": (REPORT, 3, "instruments = 'x', expected a list of", changed(instruments="x")),
    "report: cash in words": (REPORT, 3, "initial_cash = 'x', expected micro", changed(initial_cash="x")),
    "report: counts in words": (REPORT, 3, "counts = 'x', expected a table", changed(counts="x")),
    "report: data in words": (REPORT, 3, "data = 'x', expected a list of", changed(data="x")),
    "report: scenario in words": (REPORT, 3, "config = 'x', expected a table", changed(config="x")),
    "report: fills cut off": (REPORT, 3, "fills.parquet is damaged .*; re-run", holds("fills.parquet", b"PAR1....")),
    "report: fills of nothing": (REPORT, 3, "fills.parquet is damaged", holds("fills.parquet", b"")),
    "report: fills gone": (REPORT, 3, "fills.parquet is missing; .*re-run", without_fills),
    "report: other columns": (
        REPORT,
        3,
        "run/fills: no column 'ts_known'; expected",
        with_other_columns,
    ),
    "report: to nowhere": (
        [*REPORT, "--to", "no/such/x.html"],
        3,
        "no/such/x.html: the report cannot be written: No such",
        holds("x", b""),
    ),
    "report: to a folder": (
        [*REPORT, "--to", "catalog"],
        3,
        "catalog: the report cannot be written: Is a directory",
        holds("x", b""),
    ),
    "catalogue: no pointer": (
        BACKTEST,
        3,
        "CURRENT holds 'garbage', expected 16 hex digits; import",
        pointer("garbage"),
    ),
    "catalogue: pointer to nothing": (
        BACKTEST,
        3,
        "0000/manifest.json is missing; import the dataset again",
        pointer("0" * 16),
    ),
    "catalogue: manifest gone": (BACKTEST, 3, "manifest.json is missing", gone("manifest.json")),
    "catalogue: manifest cut off": (BACKTEST, 3, "damaged manifest, .*Invalid JSON", stored("manifest.json", b"{")),
    "catalogue: manifest of nothing": (
        BACKTEST,
        3,
        "damaged manifest, schema: Field required",
        stored("manifest.json", b"{}"),
    ),
    "catalogue: rows gone": (BACKTEST, 3, "2000s.parquet is missing or not", without_rows),
    "catalogue: rows cut off": (BACKTEST, 3, "2000s.parquet is missing or not [0-9]+ bytes long", cut_rows),
    "catalogue: rows changed": (BACKTEST, 3, "row group 0 is damaged .*; import it again", flip_rows),
    "catalogue: sessions gone": (BACKTEST, 3, "sessions.parquet is missing or damaged", gone("sessions.parquet")),
    "catalogue: actions cut off": (
        BACKTEST,
        3,
        "actions.parquet is missing or damaged",
        stored("actions.parquet", b"PAR1"),
    ),
    "catalogue: rows cut off, shown": (SHOW, 3, "2000s.parquet is missing or damaged", cut_rows),
}


def cases():
    """Return (arguments, code, words, files, spoil) by name."""
    return {name: (arguments, code, [words], {}, spoil) for name, (arguments, code, words, spoil) in RUNS.items()}
