"""How much of each limit an account uses, by the risk stage's own measure: resting orders count as filled."""

import numpy as np

from lockstep.engine.events import SECOND
from lockstep.engine.world import World

from .status import Utilisation


def utilisation(world: World, now: int) -> tuple[Utilisation, ...]:
    """Return what is used of the limits on positions, sectors, gross exposure, the day's loss and the rate of orders.

    Parameters
    ----------
    world : World
        The account.
    now : int
        Exchange time, ns UTC; the rate is that of its second.

    Returns
    -------
    tuple of Utilisation
        Of positions and sectors the one nearest to its limit; empty when there is no equity to measure by.
    """
    header, limits, held = world.header, world.header.limits, world.positions
    equity = float(header.equity)
    if equity <= 0:
        return ()
    lots = np.maximum(np.abs(held["quantity"] + held["buys"]), np.abs(held["quantity"] - held["sells"]))
    shares = lots.astype(np.float64) * held["mark"] / held["lots"] / equity
    found = [
        Utilisation(name="max_gross", used=float(shares.sum()), limit=float(limits.max_gross)),
        _largest("max_position", shares, [each.symbol for each in world.instruments], float(limits.max_position)),
    ]
    if world.sectors:
        known = held["sector"] >= 0
        by_sector = np.bincount(held["sector"][known], shares[known], len(world.sectors))
        found.append(_largest("max_sector", by_sector, world.sectors, float(limits.max_sector)))
    began = float(header.session_equity)
    loss = max(0.0, 1.0 - equity / began) if began > 0 else 0.0
    found.append(Utilisation(name="max_daily_loss", used=loss, limit=float(limits.max_daily_loss)))
    rate = int(header.rate_count) if header.rate_second == now // SECOND else 0
    most = float(limits.max_orders_per_second)
    found.append(Utilisation(name="max_orders_per_second", used=float(rate), limit=most))
    return tuple(found)


def _largest(name: str, used: np.ndarray, names: list[str], limit: float) -> Utilisation:
    place = int(np.argmax(used))
    return Utilisation(name=name, used=float(used[place]), limit=limit, where=names[place] if used[place] > 0 else "")
