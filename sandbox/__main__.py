"""The template process, which is forked for each query: `python -m sandbox DESCRIPTOR`.

The template has imported all that a query needs, and has one thread only, so that its forks are
ready at once and sound. The service starts it as a new program rather than by a fork, so that it
has nothing of the service's memory, environment or file descriptors. It ends when the service's
end of its socket is closed.
"""

import gc
import os
import select
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from socket import SHUT_RDWR, recv_fds, socket
from typing import Final, NoReturn

import pyarrow as pa
import pyarrow.fs  # a pickled task needs it

from sandbox import confinement
from sandbox.protocol import (
    BEGUN,
    LAUNCH,
    LAUNCH_DESCRIPTORS,
    Ending,
    encode_message,
    receive_task,
    send_outcome,
)
from sandbox.query import answer

_FIRST_DESCRIPTOR: Final = 3
_IO_THREADS: Final = 2
_EVENTS: Final = select.POLLIN | select.POLLRDHUP
_STDERR_BYTES: Final = 4096
_OUT_OF_MEMORY: Final = (
    b"bad_alloc",
    b"Out of Memory",
    b"OutOfMemory",
    b"MemoryError",
    b"Cannot allocate memory",
    # A thread could not be started, because there was no memory for its stack.
    b"Resource temporarily unavailable",
)
"""Parts of the messages with which C++, DuckDB, Arrow and Python abort for lack of memory."""


@dataclass(frozen=True, slots=True)
class _Query:
    """A query's process, as the template sees it.

    Attributes:
        pid: The process's id.
        pidfd: A file descriptor of the process, readable when the process has ended.
        lifeline: The template's end of the lifeline, see `sandbox.protocol`.
        stderr: The read end of the pipe that the process has for its stderr.
    """

    pid: int
    pidfd: int
    lifeline: socket
    stderr: int


class Template:
    """Starts the queries' processes, kills them when asked to, and reports how they ended."""

    def __init__(self, control: socket) -> None:
        self._control = control
        self._queries: dict[int, _Query] = {}
        self._poll = select.poll()

    def serve(self) -> None:
        """Serve until the service is gone; the kernel then kills the queries' processes."""
        self._poll.register(self._control, select.POLLIN)
        is_served = True
        while is_served:
            events = dict(self._poll.poll())
            is_asked = events.pop(self._control.fileno(), None)
            for descriptor in events:
                if query := self._queries.get(descriptor):
                    self._attend(query, descriptor)
            # Launched last, since a new query's descriptors may reuse numbers just closed above.
            if is_asked:
                is_served = self._launch()

    def _launch(self) -> bool:
        """Start the process that the service asks for; return False when the service is gone."""
        message, descriptors, _, _ = recv_fds(self._control, len(LAUNCH), LAUNCH_DESCRIPTORS)
        if message != LAUNCH or len(descriptors) != LAUNCH_DESCRIPTORS:
            return False
        connection, lifeline, slot = descriptors
        # Non-blocking, so that a process which prints more than fits isn't held up.
        stderr_reader, stderr = os.pipe2(os.O_NONBLOCK)
        template = os.getpid()
        pid = os.fork()
        if not pid:
            _become_query(template, connection, slot, stderr)
        for descriptor in (connection, slot, stderr):
            os.close(descriptor)
        query = _Query(pid, os.pidfd_open(pid), socket(fileno=lifeline), stderr_reader)
        for descriptor in (query.pidfd, query.lifeline.fileno()):
            self._queries[descriptor] = query
            self._poll.register(descriptor, _EVENTS)
        return True

    def _attend(self, query: _Query, descriptor: int) -> None:
        """Kill a process whose lifeline was shut; report how a process ended that has ended."""
        if descriptor != query.pidfd:
            self._poll.unregister(descriptor)
            signal.pidfd_send_signal(query.pidfd, signal.SIGKILL)
            return
        _, status, usage = os.wait4(query.pid, 0)
        ending = Ending(
            exit_code=os.waitstatus_to_exitcode(status),
            peak_memory_kib=usage.ru_maxrss,
            out_of_memory=_reports_no_memory(query.stderr),
        )
        for watched in (query.pidfd, query.lifeline.fileno()):
            del self._queries[watched]
            with suppress(KeyError):
                self._poll.unregister(watched)
        os.close(query.pidfd)
        os.close(query.stderr)
        with suppress(OSError):  # the service is gone
            query.lifeline.sendall(encode_message(ending))
            query.lifeline.shutdown(SHUT_RDWR)
        query.lifeline.close()


def _become_query(template: int, connection: int, slot: int, stderr: int) -> NoReturn:
    """Run one query in this process, then end the process, which held the slot open until then."""
    code = os.EX_SOFTWARE
    try:
        _keep_only({connection, slot}, stderr)
        confinement.die_with(template)
        confinement.give_up_privileges()
        with socket(fileno=connection) as service:
            task = receive_task(service)
            confinement.limit(task.limits)
            files = [*task.dataset.files, *task.replaced.paths]
            confinement.close_in(task.dataset.filesystem, files)
            pa.set_cpu_count(1)
            pa.set_io_thread_count(_IO_THREADS)
            service.sendall(BEGUN)
            outcome, rows = answer(task)
            send_outcome(service, outcome, rows)
        code = os.EX_OK
    finally:
        # At once, without cleaning up what the query left behind.
        os._exit(code)


def _reports_no_memory(stderr: int) -> bool:
    """Tell whether a process printed that it had no memory left.

    The text itself isn't passed on, since it may quote the query.
    """
    with suppress(BlockingIOError):  # the process printed nothing
        printed = os.read(stderr, _STDERR_BYTES)
        return any(text in printed for text in _OUT_OF_MEMORY)
    return False


def _keep_only(descriptors: set[int], stderr: int) -> None:
    """Close all other descriptors; stdin and stdout are null, stderr goes to the template."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard, target in enumerate((null, null, stderr)):
        os.dup2(target, standard)
    first = _FIRST_DESCRIPTOR
    for kept in sorted(descriptors):
        os.closerange(first, kept)
        first = kept + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def main() -> None:
    """Serve on the socket whose file descriptor is the program's argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket(fileno=int(sys.argv[1]))
    os.chdir("/")
    # Frozen objects aren't touched by collections, so their pages stay shared with the forks.
    gc.collect()
    gc.freeze()
    Template(control).serve()
    # At once, as its forks do: otherwise libraries would clean up, and print that they can't.
    os._exit(os.EX_OK)


if __name__ == "__main__":
    main()
