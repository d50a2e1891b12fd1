"""Starting the sandbox: a template process, and a fork of it for each query."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from socket import AF_UNIX, SOCK_SEQPACKET, send_fds, socket, socketpair
from threading import Lock
from time import monotonic
from typing import Final

import msgspec

from app.query.sql.errors import SqlCrashed, SqlOutOfMemory
from app.query.sql.process import QueryProcess
from sandbox.protocol import LAUNCH, Ending, Outcome, Task

_ROOT: Final = Path(__file__).parents[3]
_ENVIRONMENT: Final = {
    "LC_ALL": "C.UTF-8",
    # Memory that is only reserved would count as used, and threads don't survive a fork.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MALLOC_ARENA_MAX": "2",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""The whole environment of a query's process."""
_STREAM_OVERHEAD: Final = 2
"""How many bytes a stream may have for each byte of its rows; batches have headers and padding."""
_STOP_S: Final = 5.0

log = logging.getLogger(__name__)


class Sandbox:
    """Runs each query in a process of its own.

    A worker has one template process. It is started with the first query, and again after it died.
    """

    def __init__(self) -> None:
        self._template: _TemplateProcess | None = None
        self._starting = Lock()

    def run(
        self, task: Task, slot: int, timeout_s: float, client: int | None = None
    ) -> tuple[Outcome, bytearray]:
        """Run a query, and return its outcome, and its rows in Arrow's stream format.

        The query's process is gone when this returns or raises.

        Args:
            task: The query.
            slot: A file descriptor that the query's process holds for as long as it lives.
            timeout_s: How long the query may take from when it begins, in seconds.
            client: File descriptor of the client's connection, whose end ends the query, or None.

        Raises:
            SqlNotBegun: The machine is too busy to begin the query.
            SqlTimeout: The query took longer.
            SqlAbandoned: The client left.
            SqlOutOfMemory: The query's process aborted for lack of memory.
            SqlCrashed: The query's process ended without an outcome.
        """
        started = monotonic()
        with self._launched(slot) as (connection, lifeline):
            process = QueryProcess(connection, lifeline, timeout_s, client)
            try:
                process.begin(task)
                return process.receive(_STREAM_OVERHEAD * task.limits.max_bytes)
            except (EOFError, OSError, msgspec.DecodeError) as error:
                ending = process.wait()
                if ending and ending.out_of_memory:
                    raise SqlOutOfMemory(task.limits.memory_mib) from error
                raise SqlCrashed(ending.exit_code if ending else None) from error
            finally:
                _log(process.kill(), monotonic() - started)

    def close(self) -> None:
        """End the template, and with it the processes that it started."""
        with self._starting:
            if self._template is not None:
                self._template.close()
                self._template = None

    @contextmanager
    def _launched(self, slot: int) -> Iterator[tuple[socket, socket]]:
        """Start a query's process; yield the connection to it, and its lifeline."""
        connection, remote_connection = socketpair()
        lifeline, remote_lifeline = socketpair()
        with closing(connection), closing(lifeline):
            with closing(remote_connection), closing(remote_lifeline):
                self._launch([remote_connection.fileno(), remote_lifeline.fileno(), slot])
            yield connection, lifeline

    def _launch(self, descriptors: list[int]) -> None:
        with self._starting:
            if self._template is not None:
                with suppress(OSError):  # the template is gone
                    self._template.launch(descriptors)
                    return
                self._template.close()
            self._template = _TemplateProcess()
            self._template.launch(descriptors)


class _TemplateProcess:
    """The process that forks one for each query; it ends when the worker ends, also if killed."""

    def __init__(self) -> None:
        self._control, remote = socketpair(AF_UNIX, SOCK_SEQPACKET)
        with closing(remote):
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and package
                [sys.executable, "-s", "-E", "-m", "sandbox", str(remote.fileno())],
                cwd=_ROOT,
                env=_ENVIRONMENT,
                pass_fds=[remote.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                process_group=0,
            )

    def launch(self, descriptors: list[int]) -> None:
        """Ask the template to start a query's process.

        Raises:
            OSError: The template is gone.
        """
        send_fds(self._control, [LAUNCH], descriptors)

    def close(self) -> None:
        """End the template and wait for its end."""
        self._control.close()
        self._process.wait(_STOP_S)


def _log(ending: Ending | None, seconds: float) -> None:
    """Log the time and memory that a query took, and nothing of its text."""
    if ending is None:
        log.warning("a query's process didn't tell how it ended")
        return
    log.info(
        "a query's process ended",
        extra={
            "exit_code": ending.exit_code,
            "ms": round(seconds * 1000, 1),
            "peak_memory_kib": ending.peak_memory_kib,
        },
    )
