"""The programs of PostgreSQL, which backups run."""

import os

import pytest

from tests.servers.postgres import BINARIES


@pytest.fixture(autouse=True)
def _postgres_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find the programs of the server's version first."""
    monkeypatch.setenv("PATH", f"{BINARIES}{os.pathsep}{os.environ['PATH']}")
