"""Memory and processor time of a process and of all processes that it starts."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import Popen
from time import sleep

_EVERY_S = 0.2


def peak_bytes(process: "Popen[bytes]") -> int:
    """Wait for the end of a process, and return the peak memory of it and its descendants together.

    Shared pages count once, by proportional set sizes (`smaps_rollup` of proc(5)).
    """
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(_pss_bytes(each) for each in descendants(process.pid)))
        sleep(_EVERY_S)
    return peak


def descendants(root: int) -> list[int]:
    """Return the ids of a process and of all of its descendants."""
    parents = dict(_parents())
    found = [root]
    for parent in found:
        found += [child for child, its_parent in parents.items() if its_parent == parent]
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # the process has ended meanwhile
                state = (entry / "stat").read_text().rpartition(")")[2].split()
                yield int(entry.name), int(state[1])


def rss_bytes(process: int) -> int:
    """Return the present memory of a process, shared pages included."""
    with suppress(OSError):
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")
    return 0


def cpu_s(process: int, *, with_children: bool = False) -> float:
    """Return the processor time that a process has used so far, in seconds.

    Args:
        process: Id of the process.
        with_children: Whether that of its children counts for which it has waited.
    """
    with suppress(OSError):
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        # utime, stime, cutime and cstime of proc(5), without the name and what is before it.
        times = state[11 : 15 if with_children else 13]
        return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
    return 0.0


def tree_cpu_s(root: int) -> float:
    """Return the processor time so far of the living descendants of a process, in seconds.

    What these have waited for counts too, such as a process that answered a query and ended.
    """
    return sum(cpu_s(each, with_children=True) for each in descendants(root)[1:])


def _pss_bytes(process: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
