"""Write features.md, the page of all features, from the registry: ``python docs/make_features.py``."""

from pathlib import Path

from lockstep.engine.features.registry import FEATURES, THEMES, warmup

PAGE = Path(__file__).with_name("features.md")
INTRODUCTION = """# Features

{count} features, each an incremental kernel: a flat state record and an `update` that takes one bar and returns the
value as of that bar. Training runs the same kernel over history that trading runs live; there is no second, vectorised
definition. This page is made from the registry by `python docs/make_features.py`.

```python
import numpy as np
from lockstep.engine.features.registry import compute, warmup

close = 100 + np.cumsum(np.random.default_rng(1).normal(size=500))
bands = compute("bollinger", {{"close": close}}, window=20, width=2.0)  # columns as in the table
assert bands.shape == (500, 5) and np.isnan(bands[: warmup("bollinger", window=20) - 1]).all()
```

In a kernel a feature is three functions of one module: `…_dtype(capacity)` for the record, `…_start(state, …)` for its
parameters, `…_update(state, …)` for a bar. Records nest in a strategy's own:

```python
from lockstep.engine.compile import kernel
from lockstep.engine.features.averages import ema_dtype, ema_start, ema_update, sma_dtype, sma_start, sma_update

ROW = np.dtype([("fast", ema_dtype()), ("slow", sma_dtype(64)), ("side", "<i8")])


@kernel
def start(row):
    ema_start(row.fast, 10)
    sma_start(row.slow, 50)


@kernel
def on_close(row, close):
    row.side = 1 if ema_update(row.fast, close) > sma_update(row.slow, close) else 0


rows = np.zeros(1, ROW)
start(rows[0])
for price in close:
    on_close(rows[0], price)
```

Features of one kind share a record and a start: the registry's `find(name)` gives the `dtype`, `start` and `update` of
each, `state_dtype(name, **params)` the record with rings of the right size. A ring has a power of two of places, at
least as many as the window, so that windows of similar length share one compilation. Only the registry checks
parameters in full; `start` refuses a window that its ring cannot hold.

**Causality.** A value depends on the bar it is returned for and on earlier ones, never on later ones; tests change
later inputs and require equal bits before.

**Missing values.** Where an input is NaN or infinite the value is NaN and the state is left as it was: the bar is
passed over. Several outputs are NaN together.

**Warm-up.** The number of finite bars that the first value needs, that bar included. Before, the value is NaN.

**Drift.** Nothing is subtracted from running sums. A window is two blocks, each summed afresh, so errors are those of
one summation of `window` terms after any number of bars, and a bar that has left the window leaves no trace. Squares
are taken of distances to a value in the window, so a high level costs no digits. Totals from the first bar on are
compensated. `engine/features/windows.py` and `moments.py` tell how.

**Bits.** Compiled and interpreted kernels give the same bytes, outputs and states.

**Names.** `x[-k]` is the value k bars before, `Σ` and `mean` run over the last `window` bars, `log` is natural.
Parameters stand as name = default (least to most). Prices are dollars per share, volume shares.
"""


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _parameters(name: str) -> str:
    shown = [
        f"`{key}` = {_number(b.default)} ({_number(b.low)} to {_number(b.high)})"
        for key, b in FEATURES[name].params.items()
    ]
    return "<br>".join(shown) or "none"


def _row(name: str) -> str:
    feature = FEATURES[name]
    outputs = "" if feature.outputs == ("value",) else f"<br>→ {', '.join(feature.outputs)}"
    cells = (
        f"`{name}`",
        ", ".join(feature.inputs) + outputs,
        _parameters(name),
        feature.formula,
        feature.unit,
        str(warmup(name)),
        feature.source,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def page() -> str:
    """Return the page."""
    titles = ("name", "inputs → outputs", "parameters", "formula", "unit", "warm-up by default", "source")
    head = f"| {' | '.join(titles)} |\n{'|---' * len(titles)}|\n"
    sections = [
        f"\n## {theme}\n\n{head}" + "".join(f"{_row(feature.name)}\n" for feature in features)
        for theme, features in THEMES.items()
    ]
    return INTRODUCTION.format(count=len(FEATURES)) + "".join(sections)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
