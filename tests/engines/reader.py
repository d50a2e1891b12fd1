"""Has an engine read a lake, in a process and an environment of its own."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.engines.contents import Contents
from tests.engines.filled_lake import FilledLake
from tests.engines.snippets import Snippet
from tests.functional.server import ROOT, clean_environment

TIMEOUT_S: Final = 300.0


class SnippetFailed(Exception):
    """A snippet ended with an error, which this tells."""


@dataclass(frozen=True)
class Reader:
    """Runs snippets.

    Attributes:
        python: The interpreter of the environment in which the engines are installed.
        folder: Where they run, and where they keep what they keep.
        variables: What their environment has beside this process's.
    """

    python: Path | str
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def read(self, snippet: Snippet, lake: FilledLake) -> dict[str, Contents]:
        """Run a snippet on a lake, and return what it read at each of its moments.

        Raises:
            SnippetFailed: It ended with an error.
        """
        return self.read_all({"snippet": snippet}, lake)["snippet"]

    def read_all(
        self, snippets: Mapping[str, Snippet], lake: FilledLake
    ) -> dict[str, dict[str, Contents]]:
        """Run snippets in one process, and return what each has read at each of its moments.

        Args:
            snippets: The snippets by their names.
            lake: The lake that they read.

        Raises:
            SnippetFailed: One of them ended with an error.
        """
        files = []
        for number, snippet in enumerate(snippets.values()):
            suffix = "sh" if snippet.language == "sh" else "py"
            files.append(self.folder / f"snippet-{number}.{suffix}")
            files[-1].write_text(snippet.about(lake.server.url, lake.snapshot_id))
        printed = self.run("tests.engines.run_snippet", *map(str, files)).splitlines()
        # Snippets print, too.
        read = [json.loads(line) for line in printed if line.startswith("{")]
        return {
            name: {moment: Contents(**told) for moment, told in found.items()}
            for name, found in zip(snippets, read, strict=True)
        }

    def run(self, module: str, *arguments: str) -> str:
        """Run a Python module in the engines' environment, and return what it printed.

        Raises:
            SnippetFailed: It ended with an error.
        """
        result = subprocess.run(
            [self.python, "-m", module, *arguments],
            cwd=self.folder,
            env=clean_environment({}) | {"PYTHONPATH": str(ROOT)} | dict(self.variables),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if result.returncode:
            raise SnippetFailed(result.stdout + result.stderr)
        return result.stdout
