"""Comparisons side by side, one in each process that forks runs, their results in the order of the plan.

What a comparison says depends on nothing but itself, so the first one of the plan that finds something is the
verdict's, whichever was done first.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(work: Callable[[int, T], R], items: Sequence[T], lanes: int) -> Iterator[R]:
    """Yield what becomes of each item: ``work(number, item)``.

    Number n is done after n − `lanes`, and while others are. What has not begun when the caller stops is not done.
    """
    with ExitStack() as stack:
        pools = [ThreadPoolExecutor(1) for _ in range(lanes)]
        for pool in pools:
            stack.callback(pool.shutdown, cancel_futures=True)
        waiting: list[Future[R]] = []
        for number, item in enumerate(items):
            waiting.append(pools[number % lanes].submit(work, number, item))
        for future in waiting:
            yield future.result()
