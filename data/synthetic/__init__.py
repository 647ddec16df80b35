"""A seeded synthetic market, labelled synthetic wherever it shows: in ids, manifests, instruments and on every event.

1. `market` draws what is known in advance: instruments, sectors, regimes, pairs, splits, dividends, halts, listings.
2. `paths` makes the prices of one session after another: a market factor, sector factors, overnight gaps, U-shaped
   volatility and volume; the second leg of a pair follows the first plus a mean-reverting spread.
3. `rows` turns paths into intraday or daily bars, quotes or trades.
4. `build` streams them into the catalogue, with the truth in the manifest.
"""

from .build import synthetic_frames, synthetic_source, write_synthetic
from .market import Market, SyntheticMarket

__all__ = ["Market", "SyntheticMarket", "synthetic_frames", "synthetic_source", "write_synthetic"]
