"""The template of the processes that run queries: `python -m sandbox DESCRIPTOR`.

It has imported all that they need, and has one thread, so that a fork of it is a process that is
ready and sound. The service starts it anew rather than forking: nothing of the service's memory,
environment or descriptors is in it. It ends when the service's end of its socket is closed.
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
    LAUNCH,
    LAUNCH_DESCRIPTORS,
    Ending,
    encode,
    receive_task,
    send_outcome,
)
from sandbox.query import answer

_FIRST_DESCRIPTOR: Final = 3
_IO_THREADS: Final = 2
_HAPPENED: Final = select.POLLIN | select.POLLRDHUP
_LAST_WORDS_BYTES: Final = 4096
_OUT_OF_MEMORY: Final = (
    b"bad_alloc",
    b"Out of Memory",
    b"OutOfMemory",
    b"MemoryError",
    b"Cannot allocate memory",
    # A thread that found no room for its stack.
    b"Resource temporarily unavailable",
)
"""What libraries say, of C++, DuckDB, Arrow and Python, when they abort for want of memory."""


@dataclass(frozen=True, slots=True)
class _Query:
    """A query's process, where the service learns of its end, and what it wrote to its stderr."""

    pid: int
    process: int
    lifeline: socket
    last_words: int


class Template:
    """Starts a process for each query, ends it when the service says so, and tells how it ended."""

    def __init__(self, control: socket) -> None:
        self._control = control
        self._queries: dict[int, _Query] = {}
        self._poll = select.poll()

    def serve(self) -> None:
        """Serve until the service is gone; then every query's process is killed."""
        self._poll.register(self._control, select.POLLIN)
        is_served = True
        while is_served:
            events = dict(self._poll.poll())
            is_asked = events.pop(self._control.fileno(), None)
            for descriptor in events:
                if query := self._queries.get(descriptor):
                    self._attend(query, descriptor)
            # Last: a new query's descriptors may have the numbers of those that were just closed.
            if is_asked:
                is_served = self._launch()

    def _launch(self) -> bool:
        """Start the process that the service asks for; return False when the service is gone."""
        message, descriptors, _, _ = recv_fds(self._control, len(LAUNCH), LAUNCH_DESCRIPTORS)
        if message != LAUNCH or len(descriptors) != LAUNCH_DESCRIPTORS:
            return False
        connection, lifeline, slot = descriptors
        # A process that says more than fits is not held up by it.
        last_words, stderr = os.pipe2(os.O_NONBLOCK)
        template = os.getpid()
        pid = os.fork()
        if not pid:
            _become_query(template, connection, slot, stderr)
        for descriptor in (connection, slot, stderr):
            os.close(descriptor)
        query = _Query(pid, os.pidfd_open(pid), socket(fileno=lifeline), last_words)
        for descriptor in (query.process, query.lifeline.fileno()):
            self._queries[descriptor] = query
            self._poll.register(descriptor, _HAPPENED)
        return True

    def _attend(self, query: _Query, descriptor: int) -> None:
        """Kill a process whose lifeline was cut; tell of one that has ended."""
        if descriptor != query.process:
            self._poll.unregister(descriptor)
            signal.pidfd_send_signal(query.process, signal.SIGKILL)
            return
        _, status, usage = os.wait4(query.pid, 0)
        ending = Ending(
            exit_code=os.waitstatus_to_exitcode(status),
            peak_memory_kib=usage.ru_maxrss,
            out_of_memory=_tells_of_no_memory(query.last_words),
        )
        for each in (query.process, query.lifeline.fileno()):
            del self._queries[each]
            with suppress(KeyError):
                self._poll.unregister(each)
        os.close(query.process)
        os.close(query.last_words)
        with suppress(OSError):  # the service is gone
            query.lifeline.sendall(encode(ending))
            query.lifeline.shutdown(SHUT_RDWR)
        query.lifeline.close()


def _become_query(template: int, connection: int, slot: int, stderr: int) -> NoReturn:
    """Run one query in this process, and end it; the slot stays open, and so taken, until then."""
    code = os.EX_SOFTWARE
    try:
        _keep_only({connection, slot}, stderr)
        confinement.die_with(template)
        confinement.give_up_privileges()
        with socket(fileno=connection) as service:
            task = receive_task(service)
            confinement.limit(task.limits)
            confinement.close_in(task.dataset)
            pa.set_cpu_count(1)
            pa.set_io_thread_count(_IO_THREADS)
            outcome, rows = answer(task)
            send_outcome(service, outcome, rows)
        code = os.EX_OK
    finally:
        # At once: what the query left behind isn't tidied up.
        os._exit(code)


def _tells_of_no_memory(last_words: int) -> bool:
    """Tell why a process aborted; what it said goes no further, since it may quote the query."""
    with suppress(BlockingIOError):  # it said nothing
        said = os.read(last_words, _LAST_WORDS_BYTES)
        return any(words in said for words in _OUT_OF_MEMORY)
    return False


def _keep_only(descriptors: set[int], stderr: int) -> None:
    """Close every other descriptor, and have only the template hear what libraries print."""
    silence = os.open(os.devnull, os.O_RDWR)
    for standard, heard in enumerate((silence, silence, stderr)):
        os.dup2(heard, standard)
    first = _FIRST_DESCRIPTOR
    for kept in sorted(descriptors):
        os.closerange(first, kept)
        first = kept + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def main() -> None:
    """Serve on the socket whose descriptor is the argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket(fileno=int(sys.argv[1]))
    os.chdir("/")
    # What is imported stays shared with the queries' processes.
    gc.collect()
    gc.freeze()
    Template(control).serve()
    # At once, as its processes do: the libraries have nothing to tidy up either, and say so.
    os._exit(os.EX_OK)


if __name__ == "__main__":
    main()
