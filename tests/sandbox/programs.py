"""Running small programs that confine themselves, which a test's own process can't undo."""

import subprocess
import sys
from textwrap import dedent

from tests.functional.server import ROOT

_TIMEOUT_S = 60


def output_of(program: str, *arguments: object) -> list[str]:
    """Run a Python program with arguments in `sys.argv`, and return the lines that it prints."""
    result = subprocess.run(
        [sys.executable, "-c", dedent(program), *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()
