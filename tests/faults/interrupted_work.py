"""A process that does one kind of the committer's work, and kills itself at a chosen change.

`python -m tests.faults.interrupted_work` reads commands from its standard input, one a line and in
JSON, and answers each with a line. It forks a process for each, since importing takes seconds.
"""

# ruff: noqa: E402  # the libraries come first, as in a server: without pandas, in half the time

from app.background.startup import import_libraries

import_libraries()

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any, Final

import click
import msgspec
from sqlalchemy import event

from app.background.maintenance.service import Maintenance
from app.services import Services
from app.settings import Settings
from catalog.storage.file_io import DurableFileIO
from tests.faults.asked_process import asked

_FILES: Final = ("rename", "replace", "unlink")
_LONG_AFTER: Final = timedelta(days=2)
"""Time after which all days are closed, and compacted."""


def _commit(services: Services) -> None:
    committer = services.jobs.committer()
    committer.reconcile()
    committer.drain()


def _maintain(services: Services) -> None:
    later = datetime.now(UTC) + _LONG_AFTER
    maintenance = Maintenance(
        services.database,
        services.ingest.claims,
        services.catalog,
        services.versions.recorder,
        services.settings,
        clock=lambda: later,
        take_over=services.reading.summary_job().take_over,
    )
    list(maintenance.step(Event()))


WORK: Final[Mapping[str, Callable[[Services], object]]] = {
    "commit": _commit,
    "maintain": _maintain,
    "count": lambda services: services.reading.summary_job().step(),
    "erase": lambda services: services.takedown.service.run(),
    "rebuild": lambda services: services.versions.filling().fill(),
    "rebuild with replaced": lambda services: services.versions.filling().fill(
        is_replaced_anew=True
    ),
}
"""What a process may do, by its name."""


class Command(msgspec.Struct):
    """What a process is to do.

    Attributes:
        settings: The lake, as arguments of `Settings.at`.
        work: What it does, by its name in `WORK`.
        change: How many changes of files and databases it has made when it is killed; None to let
            it end.
    """

    settings: dict[str, Any]
    work: str
    change: int | None = None


class Answer(msgspec.Struct):
    """What a process has done.

    Attributes:
        exit_code: The exit code, which is the negative number of the signal that ended it.
        changes: Number of changes that it has made; 0 if it was killed.
    """

    exit_code: int
    changes: int


Do = Callable[[Command], Answer]
"""Has a process do something, and returns what it has done."""


class _Changes:
    """Counts changes, and kills the process before the chosen one."""

    def __init__(self, until: int | None) -> None:
        self._until = until
        self.count = 0

    def change(self) -> None:
        """Count a change that is about to be made."""
        if self.count == self._until:
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that counts as a change."""

        def changing(*arguments: Any, **named: Any) -> Any:
            self.change()
            return function(*arguments, **named)

        return changing

    def watch(self, services: Services) -> None:
        """Count every file that is made, renamed or removed, and every commit."""
        for name in _FILES:
            setattr(os, name, self.before(getattr(os, name)))
        patched: Any = DurableFileIO
        patched.new_output = self.before(DurableFileIO.new_output)
        derived = (services.versions.index.database, services.reading.file_counts.database)
        for database in (services.database, services.catalog, *derived):
            event.listen(database.engine, "commit", lambda _connection: self.change())


def _work(command: Command) -> int:
    services = Services(Settings.at(**command.settings))
    changes = _Changes(command.change)
    changes.watch(services)
    WORK[command.work](services)
    services.close()
    return changes.count


def _answer(command: Command) -> Answer:
    """Return what a process of its own has done."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(msgspec.json.encode(_work(command)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        counted = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return Answer(code, msgspec.json.decode(counted, type=int) if counted else 0)


@contextmanager
def worker() -> Iterator[Do]:
    """Start this module as a process, and yield what asks it."""
    with asked("tests.faults.interrupted_work", Answer) as do:
        yield do


def main() -> None:
    """Do what each line of the standard input says, and print an answer."""
    for line in sys.stdin:
        click.echo(msgspec.json.encode(_answer(msgspec.json.decode(line, type=Command))))


if __name__ == "__main__":
    main()
