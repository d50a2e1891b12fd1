"""A process of its own that is asked on its standard input, and answers on its standard output."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from tests.functional.server import ROOT, clean_environment

T = TypeVar("T")


@contextmanager
def asked(module: str, answer: type[T]) -> Iterator[Callable[[Any], T]]:
    """Start a module as a process, and yield what asks it.

    Args:
        module: The name of the module. It answers each line of JSON by one.
        answer: The type of an answer.
    """
    with subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=clean_environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        commands, answers = process.stdin, process.stdout

        def ask(command: Any) -> T:
            commands.write(msgspec.json.encode(command) + b"\n")
            commands.flush()
            return msgspec.json.decode(answers.readline(), type=answer)

        yield ask
        commands.close()
