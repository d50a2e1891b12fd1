"""What a disk can do to a server that runs on it, and how to have it do so for a while.

Nothing in the server helps: a tracer is attached to its processes and lets go of them again, a
limit of theirs is set, or their filesystem is resized.
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
"""What a slow disk adds to each sync."""
FILE_LIMITS_BYTES: Final = (4_096, 60_000)
"""Where writes end: odd sizes between these, so that one is cut off within a page."""
DETACH_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True)
class Victim:
    """A server that runs on filesystems of its own.

    Attributes:
        server: The server.
        disk: Where its home is.
        warehouse: Where, in its home, the table's files are.
        random: Decides what a fault leaves open.
    """

    server: Server
    disk: Tmpfs
    warehouse: Tmpfs
    random: Random


@contextmanager
def _injected(victim: Victim, fault: str, *options: str) -> Iterator[None]:
    """Have system calls of the running server fail as `strace --inject` says."""
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
    """Cut writes off in the middle of a file, and refuse those behind: see setrlimit(2).

    strace can't make a short write: it says that bytes were written which never were.
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
    """Something that the disk does.

    Attributes:
        make: Does it within its block, and ends it.
        refuses: Whether submissions are refused meanwhile, those that can't be made durable.
        fails_commits: Whether it is seen in the committer, while submissions are taken.
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
