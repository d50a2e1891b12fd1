"""What a process imports when it starts: each of these took seconds from every command and test."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.background.startup import LIBRARIES
from tests.functional.server import clean_environment

ROOT = Path(__file__).parents[3]

ON_DEMAND = frozenset(
    {
        "PIL",
        "alembic",
        "boto3",
        "botocore",
        "daft",
        "duckdb",
        "numba",
        "pandas",
        "phonenumbers",
        "pyiceberg.catalog.rest",
        "ray",
        "requests",
        "rich",
        "scipy",
        "sklearn",
        "umap",
        "urllib3",
        "wordllama",
    }
)
"""Libraries that a server or a short command doesn't need at its start."""
WEB_ALONE = frozenset({"app.api", "app.site", "flask_smorest", "webargs"})
"""What answers requests, which no command needs."""


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, from the repository's folder."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def imported_by(module: str) -> set[str]:
    """The modules that a process has once it has imported one."""
    result = python(f"import sys, {module}; print(*sys.modules)")
    assert result.returncode == 0, result.stderr
    return {*result.stdout.split()}


def test_the_server_starts_without_what_is_needed_on_demand() -> None:
    modules = imported_by("wsgi")
    assert not modules & ON_DEMAND
    assert not {name for name in modules if name.startswith("app.cli.")}


def test_a_command_starts_without_what_answers_requests() -> None:
    modules = imported_by("app.cli.lake, app.cli.status")
    # It shows sizes as rich does, which takes one small module.
    assert not modules & (WEB_ALONE | ON_DEMAND - {"rich"})
    assert "rich.progress" not in modules


def test_every_library_that_comes_first_is_needed_by_the_server() -> None:
    modules = imported_by("app.services")
    assert {*LIBRARIES} <= modules


@pytest.mark.parametrize("more", ["", ", duckdb"])
def test_a_process_ends_in_silence(more: str) -> None:
    result = python(f"import app.cli.lake{more}")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_libraries_can_be_had_that_were_hidden_at_the_start() -> None:
    result = python("import app.cli.lake, gc, pandas; assert gc.isenabled()")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("module", ["wsgi", "app.cli.lake"])
def test_a_setting_that_does_not_fit_is_told_in_one_line(module: str) -> None:
    code = f"import os; os.environ['CHATLAKE_PORT'] = 'x'; import {module}"
    result = python(code)
    assert result.returncode == 1
    assert result.stderr.startswith("chatlake: CHATLAKE_PORT: ")
    assert result.stderr.count("\n") == 1
