"""Hold the long-only portfolio of least variance, estimated anew every week by a job.

The job is ordinary Python with numpy. It runs before the open of each week's first session, sees what is known by
then, and hands over one weight per instrument; the kernel turns the weights into positions when the hand-over comes,
so that the orders meet that day's open. The sample covariance is shrunk towards a diagonal one, which tames the
portfolio's love of estimation errors.

Sources: Clarke, de Silva & Thorley (2006), Minimum-variance portfolios in the US equity market, Journal of Portfolio
Management 33; the shrinkage: Ledoit & Wolf (2004), Honey, I shrunk the sample covariance matrix, Journal of Portfolio
Management 30.

Parameters
----------
window : bars, 20 to 500
    Of daily returns that the covariance is estimated from.
shrinkage : 0 to 1
    Weight of the diagonal.
cap : part of equity, 0.01 to 1
    Largest weight.
exposure : part of equity, 0 to 2
    Sum of the weights.
band : part of equity, 0 to 1
    Changes smaller than this are not made.

Records `volatility`, per year, that the job expects of the portfolio.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockstep.engine.compile import kernel
from lockstep.engine.jobs import AsOf, Job, Schedule
from lockstep.engine.orders import equity, held_quantity, lots_for, record, target
from lockstep.engine.parameters import Integer, Number
from lockstep.engine.strategy import KernelStrategy, rows

LONGEST = 500
YEAR = 252
TOLERANCE = 1e-9
Floats = NDArray[np.float64]
ROW = [("weight", "<f8")]
row_of = rows(np.dtype(ROW, align=True))


def estimate(asof: AsOf, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights as of now; symbols without a whole window of closes, or whose price stood still, get none."""
    window, weights = parameters["window"], np.zeros(len(asof.symbols))
    _ts, closes = asof.closes(window + 1)
    if len(closes) <= window:
        return {"weight": weights, "volatility": 0.0}
    whole = np.isfinite(closes).all(axis=0) & (np.ptp(closes, axis=0) > 0.0)
    covariance = np.zeros((0, 0))
    if whole.any():
        returns = np.diff(np.log(closes[:, whole]), axis=0)
        covariance = shrunk(np.cov(returns, rowvar=False, ddof=1).reshape(whole.sum(), -1), parameters["shrinkage"])
        weights[whole] = parameters["exposure"] * least_variance(covariance, parameters["cap"])
    variance = weights[whole] @ covariance @ weights[whole]
    return {"weight": weights, "volatility": float(np.sqrt(YEAR * variance))}


def shrunk(covariance: Floats, shrinkage: float) -> Floats:
    """Return a covariance with its off-diagonal elements shrunk towards 0."""
    return (1.0 - shrinkage) * covariance + shrinkage * np.diag(np.diag(covariance))


def least_variance(covariance: Floats, cap: float) -> Floats:
    """Return the weights between 0 and `cap`, of sum 1, of least variance.

    By the primal active-set method (Nocedal & Wright, 2006, Numerical Optimization, algorithm 16.3): weights that lie
    on a bound are held there, the others solve the problem without bounds.
    """
    n = len(covariance)
    cap = max(cap, 1.0 / n)
    weights, free = np.full(n, 1.0 / n), np.ones(n, bool)
    for _ in range(20 * n):
        wanted, multiplier = solved(covariance, weights, free)
        if (wanted >= -TOLERANCE).all() and (wanted <= cap + TOLERANCE).all():
            weights = wanted
            slope = np.where(weights < 0.5 * cap, 1.0, -1.0) * (covariance @ weights - multiplier)
            slope[free] = 0.0
            if slope.min() >= -TOLERANCE * multiplier:
                break
            free[slope.argmin()] = True
        else:
            step, stopped = furthest(weights, wanted, cap)
            weights = weights + step * (wanted - weights)
            free[stopped] = False
    return np.clip(weights, 0.0, cap)


def solved(covariance: Floats, weights: Floats, free: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Return the weights of least variance where only those that are free may change, and the sum's multiplier."""
    k = int(free.sum())
    system = np.zeros((k + 1, k + 1))
    system[:k, :k], system[:k, k], system[k, :k] = covariance[np.ix_(free, free)], -1.0, 1.0
    held = np.where(free, 0.0, weights)
    answer = np.linalg.solve(system, np.append(-(covariance @ held)[free], 1.0 - held.sum()))
    held[free] = answer[:k]
    return held, float(answer[k])


def furthest(weights: Floats, wanted: Floats, cap: float) -> tuple[float, int]:
    """Return how far one may go towards what is wanted, and the weight that meets its bound there."""
    change = wanted - weights
    room = np.full(len(weights), np.inf)
    falls, rises = change < -TOLERANCE, change > TOLERANCE
    room[falls], room[rises] = -weights[falls] / change[falls], (cap - weights[rises]) / change[rises]
    stopped = int(room.argmin())
    return min(max(float(room[stopped]), 0.0), 1.0), stopped


@kernel
def on_hand_over(world: Any, me: Any, event: Any) -> None:
    """Bring the positions to the weights that the job has handed over."""
    total = equity(world)
    for i in range(world.n_instruments):
        wanted = lots_for(world, i, row_of(me, i).weight * total)
        change = abs(wanted - held_quantity(world, i))
        if change > abs(lots_for(world, i, me.band * total)) or (wanted == 0 and change > 0):
            target(world, i, wanted)
    record(world, 0, me.volatility)


STRATEGY = KernelStrategy(
    "Minimum variance",
    parameters={
        "window": Integer(126, 20, LONGEST),
        "shrinkage": Number(0.2, 0.0, 1.0),
        "cap": Number(0.2, 0.01, 1.0),
        "exposure": Number(1.0, 0.0, 2.0),
        "band": Number(0.01, 0.0, 1.0),
    },
    state=[("volatility", "<f8")],
    row=ROW,
    on_hand_over=on_hand_over,
    warmup=lambda parameters: int(parameters["window"]) + 1,
    series=("volatility",),
    jobs=(Job("weights", Schedule("06:00", every="week"), estimate, lookback=LONGEST + 1),),
)
