"""The service's end of the sandbox: starts the template, and runs each query in a fork of it."""

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
"""All that a query's process finds in its environment."""
_STREAM_OVERHEAD: Final = 2
"""How many times the bytes of its rows an answer may have, with the form of its batches."""
_STOP_S: Final = 5.0

log = logging.getLogger(__name__)


class Sandbox:
    """Runs queries in processes of their own, each thrown away after one query.

    A worker has one template, which is started with the first query, and anew when it is gone.
    """

    def __init__(self) -> None:
        self._template: _TemplateProcess | None = None
        self._starting = Lock()

    def run(
        self, task: Task, slot: int, timeout_s: float, client: socket | None = None
    ) -> tuple[Outcome, bytearray]:
        """Run a query, and return what became of it, and its rows in Arrow's stream format.

        When this returns or raises, its process is gone.

        Args:
            task: The query.
            slot: A descriptor that its process is to hold for as long as it lives.
            timeout_s: How long it may take from now, in seconds.
            client: The connection of who waits for it, if known: when they leave, it ends.

        Raises:
            SqlTimeout: It took longer.
            SqlAbandoned: The client left.
            SqlOutOfMemory: Its process aborted for want of memory.
            SqlCrashed: Its process ended without an outcome.
        """
        started = monotonic()
        with self._launched(slot) as (connection, lifeline):
            process = QueryProcess(connection, lifeline, timeout_s, client)
            try:
                process.send(task)
                return process.receive(_STREAM_OVERHEAD * task.limits.max_bytes)
            except (EOFError, OSError, msgspec.DecodeError) as error:
                ending = process.wait()
                if ending and ending.out_of_memory:
                    raise SqlOutOfMemory(task.limits.memory_mib) from error
                raise SqlCrashed(ending.exit_code if ending else None) from error
            finally:
                _log(process.kill(), monotonic() - started)

    def close(self) -> None:
        """End the template, and with it what it has started."""
        with self._starting:
            if self._template is not None:
                self._template.close()
                self._template = None

    @contextmanager
    def _launched(self, slot: int) -> Iterator[tuple[socket, socket]]:
        """Start a query's process; yield the connection to it, and its lifeline."""
        ours, theirs = socketpair()
        lifeline, their_lifeline = socketpair()
        with closing(ours), closing(lifeline):
            with closing(theirs), closing(their_lifeline):
                self._launch([theirs.fileno(), their_lifeline.fileno(), slot])
            yield ours, lifeline

    def _launch(self, descriptors: list[int]) -> None:
        with self._starting:
            if self._template is not None:
                with suppress(OSError):  # it is gone
                    self._template.launch(descriptors)
                    return
                self._template.close()
            self._template = _TemplateProcess()
            self._template.launch(descriptors)


class _TemplateProcess:
    """The process that forks one for each query. It ends when this one does, in whatever way."""

    def __init__(self) -> None:
        self._control, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET)
        with closing(theirs):
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and package
                [sys.executable, "-s", "-E", "-m", "sandbox", str(theirs.fileno())],
                cwd=_ROOT,
                env=_ENVIRONMENT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                process_group=0,
            )

    def launch(self, descriptors: list[int]) -> None:
        """Have it start a query's process, once it is ready.

        Raises:
            OSError: It is gone.
        """
        send_fds(self._control, [LAUNCH], descriptors)

    def close(self) -> None:
        """End it."""
        self._control.close()
        self._process.wait(_STOP_S)


def _log(ending: Ending | None, seconds: float) -> None:
    """Say what a query took, and nothing of what it says."""
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
