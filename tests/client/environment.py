"""Environments that the client's code runs in, beside that of the tests."""

import os
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def client_environment() -> dict[str, str]:
    """Return the environment variables with which another process finds the client's code."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY / "client")}


def without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let imports of pyarrow fail, as where `pip install ./client` made the environment."""
    monkeypatch.delitem(sys.modules, "chatlake_client.containers.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
