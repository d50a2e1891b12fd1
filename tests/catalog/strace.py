"""The system calls of a process, as evidence that it synced a file."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.programs import program

_CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
_DESCRIPTOR = re.compile(r"^\d+<(.*?)>")
_QUOTED = re.compile(r'"(.*?)"')


@dataclass(frozen=True)
class Call:
    """A system call that succeeded.

    Attributes:
        name: Name of the system call, such as `fsync` or `rename`.
        paths: Paths among its arguments, or that of its file descriptor.
    """

    name: str
    paths: tuple[str, ...]


def trace(script: str, *arguments: object, calls: str, workspace: Path) -> list[Call]:
    """Run a Python script, and return its successful system calls in their order.

    Args:
        script: The program.
        arguments: The script's command line.
        calls: Names of the system calls to record, separated by commas.
        workspace: Folder for strace's output.
    """
    output = workspace / "strace.out"
    done = _run([f"--output={output}", f"--trace={calls}"], script, arguments)
    assert done.returncode == 0, done.stderr
    matches = (_CALL.match(line) for line in output.read_text().splitlines())
    return [Call(found[1], _paths(found[2])) for found in matches if found and int(found[3]) >= 0]


def run_with_fault(script: str, *arguments: object, fault: str) -> str:
    """Run a Python script with a fault as `strace --inject` takes it, and return its output."""
    done = _run(["--output=/dev/null", f"--inject={fault}"], script, arguments)
    return done.stdout + done.stderr


def _run(
    options: list[str], script: str, arguments: tuple[object, ...]
) -> subprocess.CompletedProcess[str]:
    command = [program("strace"), "-f", "-qq", "-y", "-s", "4096", *options]
    command += [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _paths(arguments: str) -> tuple[str, ...]:
    if found := _DESCRIPTOR.match(arguments):
        return (found[1],)
    return tuple(_QUOTED.findall(arguments))
