"""Lockstep: the strategy you tested is the strategy that trades.

``lockstep.run(strategy, data)`` and ``lockstep.backtest(scenario)`` are the API for notebooks; they load when first
asked for.
"""

from typing import Any

__version__ = "0.1.0"
__all__ = ["Result", "__version__", "backtest", "run", "sweep"]


def __getattr__(name: str) -> Any:
    """Load the API when one of its names is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'lockstep' has no attribute {name!r}")
    from lockstep import api

    return getattr(api, name)
