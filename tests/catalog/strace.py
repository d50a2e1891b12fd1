"""What a process really asks of the kernel: the evidence that a file was synced."""

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
        name: What it does: `fsync`, `rename`, `openat`, `unlink`.
        paths: The files that it names, or the one that its descriptor is open on.
    """

    name: str
    paths: tuple[str, ...]


def trace(script: str, *arguments: object, calls: str, workspace: Path) -> list[Call]:
    """Run a Python script and return its system calls of some names, in their order."""
    output = workspace / "strace.out"
    done = _run([f"--output={output}", f"--trace={calls}"], script, arguments)
    assert done.returncode == 0, done.stderr
    matches = (_CALL.match(line) for line in output.read_text().splitlines())
    return [Call(found[1], _paths(found[2])) for found in matches if found and int(found[3]) >= 0]


def run_with_fault(script: str, *arguments: object, fault: str) -> str:
    """Run a Python script while system calls fail as `strace --inject` says; return its output."""
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
