"""Keeping one process running beside the server, such as the committer."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final

RESTART_DELAY_S: Final = 0.5

log = logging.getLogger(__name__)


class Supervisor:
    """Runs a function in a forked process, and again whenever it ends, until `stop` is called.

    A forked process has what this one has imported already, so it starts in a fraction of the time
    that a program of its own would take, and shares the memory of the libraries.
    """

    def __init__(
        self, run: Callable[[], object], *, name: str, umask: int, ended: Callable[[int], None]
    ) -> None:
        """Supervise a process.

        Args:
            run: What the process does. It ends when this returns or raises.
            name: The name of the process, which `ps -o comm` shows: at most 15 bytes.
            umask: The umask of the process. It isn't inherited from this process, where gunicorn
                changes it for a moment, in another thread, whenever it starts a worker.
            ended: Called with the process id whenever the process has ended.
        """
        self._run = run
        self._name = name
        self._umask = umask
        self._ended = ended
        self._stopping = Event()
        self._starting = Lock()
        self._process_id: int | None = None
        self._thread = Thread(target=self._keep_running, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start the process."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Ask the process to end, and kill it if it hasn't ended within `timeout_s`."""
        with self._starting:
            self._stopping.set()
        self._send(signal.SIGTERM)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.warning("the %s didn't end within %d s and is killed", self._name, timeout_s)
            self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        process_id = self._process_id
        if process_id is not None:
            with suppress(ProcessLookupError):
                os.kill(process_id, number)

    def _keep_running(self) -> None:
        # Signals are for the main thread of this process.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while not self._stopping.is_set():
            try:
                self._run_once()
            except OSError:
                log.exception("the %s can't be started", self._name)
            if not self._stopping.wait(RESTART_DELAY_S):
                log.warning("the %s ended; it is started again", self._name)

    def _run_once(self) -> None:
        with self._starting:
            if self._stopping.is_set():
                return
            process_id = os.fork()
            if not process_id:
                self._run_in_child()
            self._process_id = process_id
        # gunicorn waits for each of its children; then the process has ended too.
        with suppress(ChildProcessError):
            os.waitpid(process_id, 0)
        self._process_id = None
        self._ended(process_id)

    def _run_in_child(self) -> None:
        """Run the function and end the process, without what the parent does at its own end."""
        code: object = 1
        try:
            os.umask(self._umask)
            with suppress(OSError):  # Linux alone has it
                Path("/proc/self/comm").write_text(self._name)
            _forget_signal_handlers()
            self._run()
            code = 0
        except SystemExit as error:
            code = error.code
        except BaseException:
            log.exception("the %s failed", self._name)
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code if isinstance(code, int) else int(code is not None))


def _forget_signal_handlers() -> None:
    """Give signals their default effect, and take those that came since the fork.

    The parent's handlers would put them where nobody in this process looks.
    """
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
