"""The processes of the sandbox, as the operating system shows them."""

from contextlib import suppress
from pathlib import Path

from tests.functional.server import eventually


def sandbox_processes(parent: int) -> list[int]:
    """Return the ids of a process's templates and of their queries' processes."""
    return [pid for template in _templates(parent) for pid in (template, *_children(template))]


def query_process(parent: int) -> int:
    """Wait until a query of a process runs, and return the id of the query's process."""

    def only_query() -> int | None:
        queries = [pid for template in _templates(parent) for pid in _children(template)]
        return queries[0] if queries else None

    return eventually("a query's process runs", only_query)


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended and been waited for."""
    return not Path(f"/proc/{pid}").exists()


def _templates(parent: int) -> list[int]:
    return [pid for pid in _children(parent) if b"sandbox" in _arguments(pid)]


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # the thread has just ended
            children += map(int, (task / "children").read_text().split())
    return children


def _arguments(pid: int) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return []
