"""Keeping one committer process running beside the server."""

import logging
import os
import subprocess
from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread
from typing import Final

RESTART_DELAY_S: Final = 0.5

log = logging.getLogger(__name__)


class Supervisor:
    """Runs a command in a process, and runs it again whenever it ends, until `stop` is called."""

    def __init__(self, command: Sequence[str], *, umask: int, ended: Callable[[int], None]) -> None:
        """Supervise a command.

        Args:
            command: The program and its arguments.
            umask: The umask of the command's process. It isn't inherited from this process, where
                gunicorn changes it for a moment, in another thread, whenever it starts a worker.
            ended: Called with the id of each process of the command that has ended.
        """
        self._command = command
        self._umask = umask
        self._ended = ended
        self._stopping = Event()
        self._starting = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = Thread(target=self._keep_running, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start the process."""
        # Popen returns when its pipe to the new process is closed everywhere. A worker that is
        # forked meanwhile would keep that pipe open for as long as it lives, so no process is
        # forked while Popen runs.
        os.register_at_fork(
            before=self._starting.acquire,
            after_in_parent=self._starting.release,
            after_in_child=self._starting.release,
        )
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Ask the process to end, and kill it if it hasn't ended within `timeout_s`."""
        with self._starting:
            self._stopping.set()
        if self._process is not None:
            self._process.terminate()
        self._thread.join(timeout_s)
        if self._thread.is_alive() and self._process is not None:
            log.warning("the committer didn't end within %d s and is killed", timeout_s)
            self._process.kill()

    def _keep_running(self) -> None:
        while not self._stopping.is_set():
            try:
                self._run_once()
            except OSError:
                log.exception("the committer can't be started")
            if not self._stopping.wait(RESTART_DELAY_S):
                log.warning("the committer ended; it is started again")

    def _run_once(self) -> None:
        with self._starting:
            if self._stopping.is_set():
                return
            process = subprocess.Popen(  # noqa: S603  # our own command
                self._command, umask=self._umask
            )
            self._process = process
        process.wait()
        self._ended(process.pid)
