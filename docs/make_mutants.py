"""Write ``docs/leakage-mutants.md`` from the rows of ``lockstep leaks mutants --json`` on the standard input."""

import json
import sys
from pathlib import Path

HEAD = """# Mutants of Lockstep's own code

`lockstep leaks mutants` puts a leak into Lockstep's own code, one at a time, and checks a target that uses this code.
The suite has to catch each of them by a property that is named with it; where the always-on audit raises
`LookaheadError`, that counts too, and no other crash does. First each target is checked as the code stands: it has to
be clean. Mutants are declared in `tests/leakage/mutants/*.toml`, with the targets beside them; a change that fits the
code no longer is an error.

Kernels are interpreted for it, so that a changed one need not be compiled. `pytest tests/leakage/test_mutants.py` tries
some; `HYPOTHESIS_PROFILE=nightly` tries all.

`lockstep leaks mutants --json | python docs/make_mutants.py` makes this table: {caught} of {all} caught, {clean} of
{targets} targets clean without them.

| mutant | changed | target | why it is a leak | caught by | |
|---|---|---|---|---|---|
"""


def main():
    rows = [json.loads(line) for line in sys.stdin]
    mutants = [row for row in rows if row["caught"] is not None]
    targets = [row for row in rows if row["caught"] is None]
    counts = {
        "caught": sum(row["caught"] for row in mutants),
        "all": len(mutants),
        "clean": sum(not row["fault"] for row in targets),
        "targets": len(targets),
    }
    lines = [line(row) for row in mutants]
    path = Path(__file__).with_name("leakage-mutants.md")
    path.write_text(HEAD.format(**counts) + "\n".join(lines) + "\n", encoding="utf-8")


def line(row):
    files = ", ".join(f"`{file}`" for file in dict.fromkeys(row["files"]))
    by = ": ".join(part for part in (row["stage"], row["failed"] or row["verdict"]) if part)
    outcome = "caught" if row["caught"] else "survived"
    return f"| `{row['name']}` | {files} | `{row['target']}` | {row['why']} | {by} | {outcome} |"


if __name__ == "__main__":
    main()
