"""Sets the service's clock back by ten minutes, under load, and forward again.

It needs Debian's faketime. Run `python -m tests.faults.clock_jumps [--cycles N] [--seed N]`.
"""

import shutil
import subprocess
from pathlib import Path
from random import Random
from typing import Final

from tests.faults.campaign import BUSY_COMMITTER, Campaign, Count, reach_a_random_moment
from tests.faults.nodes import Say, be_silent, command
from tests.functional.server import Server
from tests.servers.cluster import Cluster

BACK: Final = "-10m"
RIGHT: Final = "+0"

# libfaketime 0.9.10 refuses a sleep that ends at a time of the monotonic clock.
_PLAIN_SLEEP: Final = """\
import select
import time

time.sleep = lambda seconds: select.select([], [], [], seconds)
"""


def jump(cluster: Cluster, folder: Path, cycles: int, seed: int, say: Say = be_silent) -> Count:
    """Make the clock jump under load; exits with 1 when anything was lost or duplicated."""
    random = Random(seed)  # noqa: S311  # it picks moments, not secrets
    clock, places = folder / "clock", cluster.places()
    clock.write_text(RIGHT)
    campaign = Campaign(folder / "home", seed, places)
    server = Server(folder / "home", wrapper=_with_clock(clock), **BUSY_COMMITTER, **places)
    with server:
        while campaign.count.cycles < cycles:
            with campaign.load(server) as load:
                for time in (BACK, RIGHT):
                    reach_a_random_moment(server, load, random)
                    clock.write_text(time)
                reach_a_random_moment(server, load, random)
            campaign.count.cycles += 1
            campaign.inspect()
            say(str(campaign.count))
    return campaign.finish()


def _with_clock(file: Path) -> list[str]:
    """Return a command prefix under which a program takes its wall clock from a file.

    Monotonic clocks are left alone, as they are when an operator sets the time.
    """
    faketime = shutil.which("faketime")
    # A missing part must not make the proof disappear unnoticed.
    assert faketime, "this needs faketime. On Debian, as root: apt-get install faketime"
    library = subprocess.run(
        [faketime, "-f", RIGHT, "printenv", "LD_PRELOAD"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (file.parent / "sitecustomize.py").write_text(_PLAIN_SLEEP)
    settings = {
        "PYTHONPATH": file.parent,
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": file,
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    return ["env", *(f"{name}={value}" for name, value in settings.items())]


if __name__ == "__main__":
    command(jump, cycles=20)()
