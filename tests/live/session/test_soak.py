"""Two days of minutes at full speed, thirteen hours of venue time, in a rain of faults: nothing lost, memory flat."""

import os
import random
import time
from pathlib import Path

import numpy as np
import pytest

POST = {"method": "POST", "path": "/v2/orders"}
SLICES = 780


def rain(seed):
    """Forty faults of all sorts, at drawn times."""
    chance, faults = random.Random(seed), []
    for _ in range(10):
        at = {"slice": chance.randrange(20, SLICES - 20)}
        faults.append({"fault": "drop_stream", "stream": chance.choice(["updates", "market"]), "when": at})
        at = {"slice": chance.randrange(20, SLICES - 20)}
        faults.append({"fault": chance.choice(["late_bar", "repeat_bar", "revise_bar"]), "when": at})
        event = {"event": chance.choice(["new", "fill", "canceled"]), "nth": chance.randrange(1, 60)}
        faults.append({"fault": chance.choice(["dup", "shuffle"]), "count": 2, "when": event})
        request = {**POST, "nth": chance.randrange(1, 200)}
        kind = chance.choice(["drop_after", "drop_before", "504_after", "raw_body", "429"])
        faults.append({"fault": kind, "when": request, **({"seconds": 0.1} if kind == "429" else {})})
    return faults


def resident(process):
    """Return the MiB that a process holds in memory; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc, which Linux has")
def test_a_soak_under_a_rain_of_faults(lives):
    them = lives(live='mute = "2s"')
    them.venue.fault(*rain(3))
    child, held = them.begin(), []
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        held.append(resident(child))
        time.sleep(0.1)
    verdict, state = them.check()
    assert verdict.slices >= SLICES - 5  # a slice whose bars all come late is none
    assert len(state["fills"]) > 100
    assert sum(each["fired"] for each in them.venue.ask("/lockstep/faults")) >= 30
    held = [each for each in held if each > 0]
    begin, end = np.median(held[len(held) // 4 : len(held) // 2]), np.median(held[-len(held) // 4 :])
    assert end - begin < 16, f"{begin:.0f} MiB became {end:.0f} MiB"
