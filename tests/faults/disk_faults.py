"""Faults of a disk under a running server, each for a while.

The faults are caused from outside of the server: strace is attached to its processes and detached
again, a resource limit of the processes is set, or their filesystem is resized.
"""

import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from tests.faults.mounts import Tmpfs
from tests.functional.server import Server, eventually
from tests.programs import program

SYNCS: Final = "fsync,fdatasync"
SLOW_SYNC_US: Final = 300_000
"""Time that a slow disk adds to each sync."""
FILE_LIMITS_BYTES: Final = (4_096, 60_000)
"""Range of file sizes at which writes end; odd ones, so that a write ends within a page."""
DETACH_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True)
class Victim:
    """A server that runs on filesystems of its own.

    Attributes:
        server: The server.
        disk: The filesystem of its home folder.
        warehouse: The filesystem of the table's files, mounted in the home folder.
        random: Source of random choices.
    """

    server: Server
    disk: Tmpfs
    warehouse: Tmpfs
    random: Random


@contextmanager
def _injected(victim: Victim, fault: str, *options: str) -> Iterator[None]:
    """Make system calls of the running server fail within the block, as `strace --inject` does."""
    processes = [f"--attach={pid}" for pid in victim.server.processes().all]
    tracer = subprocess.Popen(
        [program("strace"), "-f", "-o", "/dev/null", f"--inject={fault}", *options, *processes],
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually("the server is traced", lambda: _are_traced(victim.server, tracer))
        yield
    finally:
        tracer.send_signal(signal.SIGTERM)
        tracer.wait(DETACH_TIMEOUT_S)


def _are_traced(server: Server, tracer: subprocess.Popen[bytes]) -> bool:
    assert tracer.poll() is None, f"strace exited with {tracer.returncode}"
    line = f"TracerPid:\t{tracer.pid}\n"
    statuses = (Path(f"/proc/{pid}/status").read_text() for pid in server.processes().all)
    return all(line in status for status in statuses)


@contextmanager
def _short_writes(victim: Victim) -> Iterator[None]:
    """Limit the size of files, so that writes end in the middle of one: see setrlimit(2).

    strace can't cause a real short write: it would only report one.
    """
    limit_bytes = victim.random.randrange(*FILE_LIMITS_BYTES) | 1
    processes = victim.server.processes().all
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for pid in processes:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit_bytes, hard))
        yield
    finally:
        for pid in processes:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def _full(filesystem: Tmpfs) -> Iterator[None]:
    filesystem.fill()
    try:
        yield
    finally:
        filesystem.give_back()


@dataclass(frozen=True)
class DiskFault:
    """A fault of the disk.

    Attributes:
        make: Returns a context manager that causes the fault within its block.
        refuses: Whether submissions are refused meanwhile.
        fails_commits: Whether commits fail meanwhile, though submissions are accepted.
    """

    make: Callable[[Victim], AbstractContextManager[None]]
    refuses: bool = False
    fails_commits: bool = False


FAULTS: Final = {
    "every sync fails": DiskFault(
        lambda victim: _injected(victim, f"{SYNCS}:error=EIO"), refuses=True
    ),
    "a sync fails once in each thread": DiskFault(
        lambda victim: _injected(victim, f"{SYNCS}:error=EIO:when=1"), refuses=True
    ),
    "writes are short": DiskFault(_short_writes, refuses=True),
    "the disk is full": DiskFault(lambda victim: _full(victim.disk), refuses=True),
    "the disk is slow": DiskFault(
        lambda victim: _injected(victim, f"{SYNCS}:delay_exit={SLOW_SYNC_US}")
    ),
    "the warehouse is full": DiskFault(lambda victim: _full(victim.warehouse), fails_commits=True),
    "every sync of the catalog fails": DiskFault(
        lambda victim: _injected(
            victim,
            f"{SYNCS}:error=EIO",
            f"--trace-path={victim.server.home}/catalog.db-wal",
        ),
        fails_commits=True,
    ),
}
