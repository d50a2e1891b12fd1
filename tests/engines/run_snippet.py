"""Runs snippets in the environment of their engines, and prints what they read.

`python -m tests.engines.run_snippet FILE...` prints a line of JSON for each: the contents of the
snippet's variables `now` and `then`, or for a shell script of the files `now.ndjson` and
`then.ndjson`, of which either may be missing. It needs Python and the engines alone.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.engines.contents import contents

MOMENTS: Final = ("now", "then")


def _run_python(code: str) -> dict[str, Any]:
    variables: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(code, "snippet", "exec"), variables)  # noqa: S102  # that is what it is for
    return {moment: variables[moment] for moment in MOMENTS if moment in variables}


def _run_shell(code: str) -> dict[str, Any]:
    # In a folder of its own, so that no other script's files are taken for this one's.
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        shell = ["/bin/sh", "-euc", code]
        subprocess.run(shell, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        files = {moment: Path(folder, f"{moment}.ndjson") for moment in MOMENTS}
        return {moment: _lines(file) for moment, file in files.items() if file.exists()}


def _lines(file: Path) -> list[dict[str, Any]]:
    # Not by `splitlines`, for which texts may hold ends of lines.
    with file.open() as lines:
        return [json.loads(line) for line in lines]


def _rows(result: Any) -> Iterable[dict[str, Any]]:
    """Return the rows of whatever an engine calls a table."""
    if hasattr(result, "to_pylist"):
        return result.to_pylist()  # type: ignore[no-any-return]  # Arrow's
    if hasattr(result, "to_dicts"):
        return result.to_dicts()  # type: ignore[no-any-return]  # polars'
    if hasattr(result, "toLocalIterator"):
        return (row.asDict(recursive=True) for row in result.collect())
    return result  # type: ignore[no-any-return]  # rows that were parsed


def main() -> None:
    """Run the snippets in the files that are named."""
    for file in map(Path, sys.argv[1:]):
        run = _run_shell if file.suffix == ".sh" else _run_python
        read = run(file.read_text())
        found = {moment: asdict(contents(_rows(result))) for moment, result in read.items()}
        print(json.dumps(found))  # noqa: T201  # to be read by whoever started it


if __name__ == "__main__":
    main()
