"""A copy of the scripts in a folder of its own, and how to run them there."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TIMEOUT_S = 60


@dataclass(frozen=True)
class Checkout:
    """A folder with the scripts and empty requirements, so that nothing is downloaded."""

    root: Path

    @property
    def venv(self) -> Path:
        """Where the scripts make the environment by default."""
        return self.root / ".venv"

    def start(
        self, *command: str, cwd: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a command in its own process group, by default in the checkout."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("CHATLAKE_")}
        return subprocess.Popen(
            command,
            cwd=cwd or self.root,
            env={**inherited, "PIP_NO_INDEX": "1", **(settings or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(
        self,
        script: str,
        *arguments: str,
        cwd: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run one of the scripts to its end."""
        command = (str(self.root / "scripts" / script), *arguments)
        return finished(self.start(*command, cwd=cwd, settings=settings))

    def shell(self, commands: str, **settings: str) -> subprocess.Popen[str]:
        """Start shell commands that use the helper which the scripts source."""
        helper = 'set -eu; root=$PWD; . "$root/scripts/_environment.sh"; '
        return self.start("sh", "-c", helper + commands, settings=settings)

    def stub(self, name: str, body: str = 'echo "$0 $*"') -> None:
        """Put a stub of a tool into the environment."""
        write_script(self.venv / "bin" / name, body)


def finished(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for a process and return what it printed."""
    out, err = process.communicate(timeout=TIMEOUT_S)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def write_script(path: Path, body: str) -> None:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
