"""Decode ahead in a background thread, a bounded number of batches."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator

from lockstep.engine.events import Events

POLL = 0.05


class _Done:
    """End of the stream, with what ended it."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def prefetch(make: Callable[[], Iterable[Events]], depth: int = 4) -> Iterator[Events]:
    """Yield what `make()` yields, while a thread runs up to `depth` batches ahead.

    An exception of the producer is raised at its place in the stream. Closing the iterator stops the thread.
    """
    ready: queue.Queue[Events | _Done] = queue.Queue(depth)
    stopped = threading.Event()
    thread = threading.Thread(target=_produce, args=(make, ready, stopped), name="lockstep-prefetch", daemon=True)
    thread.start()
    try:
        while not isinstance(item := ready.get(), _Done):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        thread.join()


def _produce(
    make: Callable[[], Iterable[Events]], ready: "queue.Queue[Events | _Done]", stopped: threading.Event
) -> None:
    done = _Done(None)
    try:
        for events in make():
            if not _put(ready, events, stopped):
                return
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is raised where the batches are read
        done = _Done(error)
    _put(ready, done, stopped)


def _put(ready: "queue.Queue[Events | _Done]", item: Events | _Done, stopped: threading.Event) -> bool:
    while not stopped.is_set():
        try:
            ready.put(item, timeout=POLL)
        except queue.Full:
            continue
        return True
    return False
