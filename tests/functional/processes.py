"""The processes of a server, as the system tells of them: proc(5)."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_ZOMBIE: Final = "Z"


@dataclass(frozen=True, slots=True)
class Processes:
    """The process ids of a server.

    Attributes:
        arbiter: gunicorn's master; None when it is dead.
        workers: Those that answer requests.
        committers: The process of the committer; none for the moment in which it is restarted.
    """

    arbiter: int | None
    workers: frozenset[int]
    committers: frozenset[int]

    @classmethod
    def of(cls, session: int) -> Self:
        """Return those that run in the session that an arbiter started."""
        pids = running_in(session)
        committers = frozenset(pid for pid in pids if _name(pid) == "committer")
        sandboxes = frozenset(pid for pid in pids if b"sandbox" in _arguments(pid))
        workers = pids - committers - sandboxes - {session}
        return cls(session if session in pids else None, workers, committers)

    @property
    def all(self) -> frozenset[int]:
        """Every process that runs."""
        arbiter = frozenset() if self.arbiter is None else {self.arbiter}
        return self.workers | self.committers | arbiter


def memory_bytes(pid: int) -> int:
    """Return the memory that a process has now."""
    return _status_bytes(pid, "VmRSS")


def peak_memory_bytes(pid: int) -> int:
    """Return the most memory that a process has ever had."""
    return _status_bytes(pid, "VmHWM")


def _status_bytes(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (value_kib,) = (int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
    return value_kib * 1024


def running_in(session: int) -> frozenset[int]:
    """Return the processes of a session that still run."""
    pids = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):  # it ended while we looked
            state, _, _, its_session = _stat(entry)
            if int(its_session) == session and (state != _ZOMBIE or _has_threads(entry)):
                pids.add(int(entry.name))
    return frozenset(pids)


def _has_threads(process: Path) -> bool:
    """Tell whether threads end later than the first one, and keep files open and locked."""
    return len(list((process / "task").iterdir())) > 1


def _stat(process: Path) -> list[str]:
    """Return state, parent, process group and session: proc(5). The name may hold anything."""
    return (process / "stat").read_text().rpartition(")")[2].split()[:4]


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().rstrip("\n")
    return ""


def _arguments(pid: int) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return []
