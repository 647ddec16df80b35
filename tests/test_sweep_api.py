"""`lockstep.sweep` gives, for every set of parameters, what `lockstep.run` gives."""

import pandas as pd
import pytest

import lockstep
from lockstep.data.synthetic import SyntheticMarket, synthetic_frames
from lockstep.engine.errors import ConfigError

STRATEGY = "lockstep.strategies.sma_cross"
GRID = {"fast": [3, 5], "slow": [10, 20]}


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    """Return daily frames of three generated stocks."""
    market = SyntheticMarket(symbols=3, sessions=120, pairs=1, splits=0, halts=0, late=0, delisted=0)
    return synthetic_frames(market, "daily")


def test_each_world_is_the_run(frames: dict[str, pd.DataFrame]) -> None:
    """Digest, equity and statistics of a swept world are those of a run of its own."""
    table = lockstep.sweep(STRATEGY, GRID, frames, warmup=0)
    assert list(zip(table["fast"], table["slow"], strict=True)) == [(3, 10), (3, 20), (5, 10), (5, 20)]
    for row in table.itertuples():
        alone = lockstep.run(STRATEGY, frames, parameters={"fast": row.fast, "slow": row.slow}, warmup=0)
        assert row.digest == alone.digest
        assert row.final_equity == alone.final_equity
        assert row.max_drawdown == pytest.approx(alone.statistics["max_drawdown"])
    assert table["fills"].sum() > 0


@pytest.mark.parametrize("grid", [[], {"fast": []}, {"fast": [3], "slow": [99999]}, {"quick": [1]}])
def test_bad_grids_are_refused(grid: object, frames: dict[str, pd.DataFrame]) -> None:
    """An empty grid, a value out of range and an unknown name are each refused."""
    with pytest.raises(ConfigError):
        lockstep.sweep(STRATEGY, grid, frames)
