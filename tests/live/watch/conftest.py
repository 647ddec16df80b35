import threading

import pytest

from lockstep.live.publishing import Action, Commands, Publisher
from lockstep.live.status import KillSwitch
from lockstep.live.watch.server import WatchServer

from . import make


class Session:
    """What stands for a session: publishes snapshots, carries commands out, on a thread of its own."""

    def __init__(self):
        self.publisher, self.commands = Publisher(), Commands()
        self.kill, self.step, self.changes, self.done = KillSwitch(), 0, {}, []
        self._lock, self._ends = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.commands.listen(self._obey)

    def publish(self, **changes):
        """Publish the next minute; changes stay for the ones after it."""
        with self._lock:
            self.step += 1
            self.changes |= changes
            self.publisher.publish(make.status(self.step, kill=self.kill, **self.changes))

    def _obey(self):
        for command in self.commands.drain():
            self.done.append(command)
            on = command.action is Action.KILL_ON
            self.kill = KillSwitch(on=on, since=make.WALL, by=command.by, reason=command.reason)
        self.publish()

    def run(self):
        self._thread.start()

    def _run(self):
        while not self._ends.wait(0.1):
            self.publish()

    def end(self):
        self._ends.set()
        if self._thread.is_alive():
            self._thread.join()


@pytest.fixture
def session():
    made = Session()
    yield made
    made.end()


@pytest.fixture
def server(session):
    with WatchServer(session.publisher, session.commands, port=0) as made:
        yield made
