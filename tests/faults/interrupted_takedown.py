"""A process that erases what is taken down, and kills itself at a chosen point of a chosen step.

`python -m tests.faults.interrupted_takedown` reads commands from its standard input, one a line and
in JSON, and answers each with a line. It forks a process for each, since importing takes seconds.
"""

# ruff: noqa: E402  # the libraries come first, as in a server: without pandas, in half the time

from app.background.startup import import_libraries

import_libraries()

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import click
import msgspec
from botocore.client import BaseClient
from pyarrow.fs import FileSystem, LocalFileSystem
from sqlalchemy import event

# Imported here, and not again by each process that is forked.
from app.maps import remake as _remake  # noqa: F401
from app.services import Services
from app.settings import Settings
from app.state import s3 as _s3  # noqa: F401
from app.takedown.steps import Step
from catalog.maintenance import leftovers
from catalog.maintenance.orphans import filesystem_of
from catalog.storage.file_io import DurableFileIO

_CHANGES: Final = frozenset(
    {"PutObject", "DeleteObject", "DeleteObjects", "UploadPart", "CompleteMultipartUpload"}
)
"""The requests of boto3 that change a bucket."""
_FILES: Final = ("rename", "replace", "unlink", "rmdir")


class Command(msgspec.Struct):
    """What a process is to do.

    Attributes:
        settings: The lake, as arguments of `Settings.at`.
        step: The step in which it is killed; None to erase everything.
        change: How many changes of files, objects and databases the step has made by then; None for
            after the last one, when the step has ended.
    """

    settings: dict[str, Any]
    step: str | None = None
    change: int | None = 0


class Answer(msgspec.Struct):
    """What a process has done.

    Attributes:
        exit_code: The exit code, which is the negative number of the signal that ended it.
        changes: Number of changes that each step has made, by the step's name.
    """

    exit_code: int
    changes: dict[str, int]


class _Changes:
    """Counts the changes that each step makes, and kills the process where it is told to."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._step = ""
        self.counts = Counter[str]()

    def counted(self, step: Step) -> Step:
        """Return a step within which changes are counted."""

        def erase(ids: Any) -> None:
            self._step = step.name
            self._kill_at(0)
            step.erase(ids)
            self._kill_at(None)
            self._step = ""

        return replace(step, erase=erase)

    def change(self) -> None:
        """Count a change that is about to be made."""
        if self._step:
            self.counts[self._step] += 1
            self._kill_at(self.counts[self._step] - 1)

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that counts as a change."""

        def changing(*arguments: Any, **named: Any) -> Any:
            self.change()
            return function(*arguments, **named)

        return changing

    def watch(self, services: Services) -> None:
        """Count every file that is made, renamed or removed, every request, and every commit."""
        for name in _FILES:
            setattr(os, name, self.before(getattr(os, name)))
        patched: Any = DurableFileIO
        patched.new_output = self.before(DurableFileIO.new_output)
        patched = leftovers
        patched.filesystem_of = lambda table: self._watched(filesystem_of(table))
        client: Any = BaseClient
        send = client._make_api_call

        def sending(itself: Any, operation: str, arguments: Any) -> Any:
            if operation in _CHANGES:
                self.change()
            return send(itself, operation, arguments)

        client._make_api_call = sending
        for engine in (services.database.engine, services.catalog.engine):
            event.listen(engine, "commit", lambda _connection: self.change())

    def _watched(self, filesystem: FileSystem) -> Any:
        """Return the table's files, of which each removal is a change."""
        changes = self

        class Folder(LocalFileSystem):  # type: ignore[misc]  # Arrow has no types
            def delete_file(self, path: str) -> None:
                changes.change()
                super().delete_file(path)

        class Bucket:
            open_input_file = staticmethod(filesystem.open_input_file)
            delete_file = staticmethod(changes.before(filesystem.delete_file))

        return Folder() if isinstance(filesystem, LocalFileSystem) else Bucket()

    def _kill_at(self, change: int | None) -> None:
        if (self._step, change) == (self._command.step, self._command.change):
            os.kill(os.getpid(), signal.SIGKILL)


def erase(command: Command) -> dict[str, int]:
    """Erase what is taken down, and return the number of changes that each step has made."""
    services = Services(Settings.at(**command.settings))
    changes = _Changes(command)
    changes.watch(services)
    takedown: Any = services.takedown.service
    takedown._steps = [changes.counted(step) for step in takedown._steps]
    takedown.run()
    services.close()
    return {step.name: changes.counts[step.name] for step in takedown._steps}


def _answer(command: Command) -> Answer:
    """Return what a process of its own has done."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(msgspec.json.encode(erase(command)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        counted = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return Answer(code, msgspec.json.decode(counted, type=dict[str, int]) if counted else {})


def main() -> None:
    """Do what each line of the standard input says, and print an answer."""
    for line in sys.stdin:
        answer = _answer(msgspec.json.decode(line, type=Command))
        click.echo(msgspec.json.encode(answer))


if __name__ == "__main__":
    main()
