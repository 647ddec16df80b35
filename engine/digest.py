"""The digest: two 64-bit chains over all decisions, orders and fills, and over all equity marks.

Each step is the round of xxHash64 (Y. Collet, https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md, "lane round"). The chains are part of
the state, so a snapshot carries them.
"""

from typing import Any

import numpy as np

from .compile import kernel

_P1 = np.uint64(0x9E3779B185EBCA87)
_P2 = np.uint64(0xC2B2AE3D27D4EB4F)
_LEFT, _RIGHT = np.uint64(31), np.uint64(33)


@kernel
def mix(lane: Any, word: int) -> Any:
    """Return the lane after absorbing one 64-bit word."""
    lane = lane + np.uint64(word) * _P2
    return ((lane << _LEFT) | (lane >> _RIGHT)) * _P1


@kernel
def absorb(world: Any, a: int, b: int, c: int, d: int) -> None:
    """Absorb four words into the chain of decisions, orders and fills."""
    world.digest = mix(mix(mix(mix(world.digest, a), b), c), d)


@kernel
def absorb_mark(lane: Any, now: int, equity: int) -> Any:
    """Return the chain of equity marks after one more."""
    return mix(lane, np.int64((np.uint64(now) * _P1) ^ np.uint64(equity)))


def text(lanes: tuple[int, int]) -> str:
    """Return the digest as 32 hexadecimal digits."""
    return f"{lanes[0]:016x}{lanes[1]:016x}"
