"""Starting gunicorn's arbiter as a fork of a process that has imported the service.

To import it takes more than a second of a processor, which is most of a server's start.
"""

import atexit
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from select import POLLIN, poll
from shutil import rmtree
from socket import AF_UNIX, SOCK_SEQPACKET, send_fds, socketpair
from tempfile import mkdtemp
from threading import Lock
from typing import Final

import msgspec

from tests.functional.template import MAX_MESSAGE_BYTES, Reap, Start

_ROOT: Final = Path(__file__).parents[2]


class ForkedArbiter:
    """An arbiter that isn't a child of this process, with the methods of `subprocess.Popen`."""

    def __init__(self, template: "_Template", pid: int) -> None:
        self.pid = pid
        self._template = template
        self._code: int | None = None
        # Readable when the process has ended. Until it is reaped, no other one has its pid.
        self._pidfd = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        return self._code if self._has_ended(0) else None

    def wait(self, timeout: float) -> int:
        """Return the exit code once the process has ended.

        Args:
            timeout: How long to wait, in seconds.

        Raises:
            TimeoutExpired: The process still runs.
        """
        if not self._has_ended(timeout):
            raise subprocess.TimeoutExpired(f"arbiter {self.pid}", timeout)
        assert self._code is not None
        return self._code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> None:
        """Send SIGKILL, unless the process has ended."""
        self.send_signal(signal.SIGKILL)

    def _has_ended(self, timeout_s: float) -> bool:
        if self._code is None:
            waiting = poll()
            waiting.register(self._pidfd, POLLIN)
            if not waiting.poll(timeout_s * 1000):
                return False
            self._code = self._template.ask(Reap(self.pid))
            os.close(self._pidfd)
        return True


class _Template:
    """The process of `tests.functional.template`; it ends with this process, also if killed."""

    def __init__(self) -> None:
        self._asking = Lock()
        self._control, remote = socketpair(AF_UNIX, SOCK_SEQPACKET)
        metrics = mkdtemp(prefix="chatlake-template-")
        atexit.register(rmtree, metrics)
        with closing(remote):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.functional.template", str(remote.fileno())],
                cwd=_ROOT,
                env={
                    **os.environ,
                    "PYTHONPATH": str(_ROOT / "client"),
                    # Two variables that gunicorn.conf.py sets before the imports which read them.
                    "PROMETHEUS_MULTIPROC_DIR": metrics,
                    "ARROW_DEFAULT_MEMORY_POOL": "jemalloc",
                },
                pass_fds=[remote.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        atexit.register(self._close)

    def ask(self, request: Start | Reap, *descriptors: int) -> int:
        """Return the answer to a request."""
        with self._asking:
            send_fds(self._control, [msgspec.json.encode(request)], descriptors)
            answer = self._control.recv(MAX_MESSAGE_BYTES)
        assert answer, "the template of servers has ended"
        return msgspec.json.decode(answer, type=int)

    def _close(self) -> None:
        self._control.close()
        self._process.wait()


@cache
def _template() -> _Template:
    """Return the template of this process, which the first server starts."""
    return _Template()


def fork_arbiter(environment: Mapping[str, str], output: int, umask: int) -> ForkedArbiter:
    """Start an arbiter in a session of its own.

    Args:
        environment: The whole environment of the arbiter.
        output: File descriptor of what the arbiter prints.
        umask: The umask of the arbiter; -1 for that of this process.
    """
    template = _template()
    return ForkedArbiter(template, template.ask(Start({**environment}, umask), output))
