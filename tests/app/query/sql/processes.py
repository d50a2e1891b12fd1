"""The processes of the sandbox, as the operating system shows them."""

from contextlib import suppress
from pathlib import Path

from tests.functional.server import eventually


def sandbox_processes(parent: int) -> list[int]:
    """Return the templates that a process has started, with the processes of their queries."""
    templates = [pid for pid in _children(parent) if b"sandbox" in _arguments(pid)]
    return [pid for template in templates for pid in (template, *_children(template))]


def query_process(parent: int) -> int:
    """Return the process of the one query that runs, once it has been started."""

    def only_query() -> int | None:
        templates = [pid for pid in _children(parent) if b"sandbox" in _arguments(pid)]
        queries = [pid for template in templates for pid in _children(template)]
        return queries[0] if queries else None

    return eventually("a query's process runs", only_query)


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended and been waited for."""
    return not Path(f"/proc/{pid}").exists()


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
