"""Building a release in a process of its own, whose failure leaves the committer running."""

import logging
import os
import subprocess
import sys
from threading import Event
from typing import Final

from catalog.stages.tables import Stage

_NICENESS: Final = 12
"""What is added to the niceness: submissions and commits come first when processors are scarce."""
_POLL_S: Final = 0.5
_PATIENCE_S: Final = 10.0
"""How long a process that was asked to end may take."""

log = logging.getLogger(__name__)


class ReleaseProcess:
    """Runs the command `release build`, as an operator would."""

    def __init__(self, stop: Event) -> None:
        """Prepare to build.

        Args:
            stop: Ends a process that is building; what it has built by then is thrown away.
        """
        self._stop = stop

    def __call__(self, name: str, stage: Stage) -> int:
        """Build a release, and return the exit code of the process."""
        command = [sys.executable, "-m", "app.cli.lake", "release", "build", name]
        process = subprocess.Popen(  # noqa: S603  # our own command
            [*command, "--stage", stage], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        os.setpriority(os.PRIO_PROCESS, process.pid, os.nice(0) + _NICENESS)
        while process.poll() is None:
            if self._stop.wait(_POLL_S):
                return _end(process)
        return process.returncode


def _end(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    try:
        return process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        log.warning("the build of a scheduled release didn't end and is killed")
        process.kill()
        return process.wait()
