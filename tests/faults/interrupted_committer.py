"""A committer that is killed at a chosen point of a commit.

`python -m tests.faults.interrupted_committer HOME` commits what is pending in the journal of a home
folder. With `HOME WINDOW` pairs it does so in one process for each, which kills itself at the
window, and prints their exit codes.
"""

# ruff: noqa: E402  # the libraries come first, as in a server: without pandas, in half the time

from app.background.startup import import_libraries

import_libraries()

import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import click
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.utils.concurrent import ExecutorFactory

from app import create_app
from app.ingest.commits.claims import Claims
from app.services import current_services
from app.settings import Settings
from app.state import ledger_changes

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Window:
    """A point at which a committer may be cut off.

    Attributes:
        owner: The class or module that has the function.
        function: Name of the function that marks the point.
        call: Number of the call of the function, from 1.
        is_before: Whether the point is before the call rather than after it.
        files: Number of the table's files that have been written under their names by then.
        has_landed: Whether the batch is in the table by then.
    """

    owner: Any
    function: str
    call: int
    is_before: bool
    files: int
    has_landed: bool


WINDOWS: Final = {
    "before the claim": Window(Claims, "claim", 1, True, 0, False),
    "between the claim and the commit": Window(Claims, "claim", 1, False, 0, False),
    "before the data file has its name": Window(Path, "rename", 1, True, 0, False),
    "after the data file": Window(Path, "rename", 1, False, 1, False),
    "after the manifest": Window(Path, "rename", 2, False, 2, False),
    "after the manifest list": Window(Path, "rename", 3, False, 3, False),
    "after the table's metadata": Window(Path, "rename", 4, False, 4, False),
    "between the commit and its answer": Window(SqlCatalog, "commit_table", 1, False, 4, True),
    "between the commit and the settlement": Window(Claims, "settle", 1, True, 4, True),
    "inside the settlement": Window(ledger_changes, "record", 1, False, 4, True),
    "after the settlement": Window(Claims, "settle", 1, False, 4, True),
}


def arm(window: Window) -> None:
    """Make this process kill itself with signal 9 at a window."""
    original: Callable[..., Any] = getattr(window.owner, window.function)
    calls = 0

    def deadly(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == window.call and window.is_before:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **options)
        if calls == window.call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(window.owner, window.function, deadly)


class SameThread(Executor):
    """Runs tasks in the calling thread, since strace counts system calls for each thread."""

    def submit(self, task: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run the task and return its outcome."""
        future: Future[R] = Future()
        try:
            future.set_result(task(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  # the future raises it
            future.set_exception(error)
        return future


def commit(home: str) -> None:
    """Commit what is pending in the journal of a home folder."""
    ExecutorFactory._instance, ExecutorFactory._instance_pid = SameThread(), os.getpid()
    with create_app(Settings.at(home)).app_context():
        current_services().jobs.committer().drain()


def commit_until(home: str, window: str) -> int:
    """Commit in a child process that is killed at a window, and return its exit code.

    The child is forked, since importing the modules takes longer than the commit.
    """
    if (pid := os.fork()) == 0:
        arm(WINDOWS[window])
        commit(home)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def main(*arguments: str) -> None:
    """Run the command line."""
    if len(arguments) == 1:
        commit(*arguments)
    for home, window in zip(arguments[::2], arguments[1::2], strict=False):
        click.echo(commit_until(home, window))


if __name__ == "__main__":
    main(*sys.argv[1:])
