"""The digest: two 64-bit chains over all decisions, orders and fills, and over all equity marks.

Each step is the round of xxHash64 (Y. Collet, https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md, "lane round").
The chains are part of the state, so a snapshot carries them.
"""

from typing import Any

import numpy as np

from .compile import int64, kernel

_P1 = np.uint64(0x9E3779B185EBCA87)
_P2 = np.uint64(0xC2B2AE3D27D4EB4F)
_P3, _P4, _P5 = np.uint64(0x165667B19E3779F9), np.uint64(0x85EBCA77C2B2AE63), np.uint64(0x27D4EB2F165667C5)
_TURN, _BACK, _FOLD = np.uint64(29), np.uint64(35), np.uint64(32)
_LEFT, _RIGHT = np.uint64(31), np.uint64(33)


@kernel
def mix(lane: Any, word: int) -> Any:
    """Return the lane after absorbing one 64-bit word."""
    lane = lane + np.uint64(word) * _P2
    return ((lane << _LEFT) | (lane >> _RIGHT)) * _P1


@kernel
def absorb(world: Any, a: int, b: int, c: int, d: int) -> None:
    """Absorb four words into the chain of decisions, orders and fills.

    The words are first hashed side by side, each by a multiplier of its own, so that the chain is as short as for one.
    """
    left = np.uint64(a) * _P1 ^ np.uint64(b) * _P3
    right = np.uint64(c) * _P4 + np.uint64(d) * _P5
    world.digest = mix(mix(world.digest, int64(left)), int64(right))


@kernel
def absorb_mark(lane: Any, now: int, equity: int) -> Any:
    """Return the chain of equity marks after one more: one multiplication, as in FNV-1a, the high bits folded back."""
    when = np.uint64(now)
    lane = (lane ^ np.uint64(equity) ^ ((when << _TURN) | (when >> _BACK))) * _P1
    return lane ^ (lane >> _FOLD)


def text(lanes: tuple[int, int]) -> str:
    """Return the digest as 32 hexadecimal digits."""
    return f"{lanes[0]:016x}{lanes[1]:016x}"
