"""The umask of a process, and what it imports at its start: each of these imports took seconds."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.background.startup import LIBRARIES, restrict_umask
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
        "stopwordsiso",
        "threadpoolctl",
        "umap",
        "urllib3",
        "wordllama",
    }
)
"""Libraries that a server or a short command doesn't need at its start."""
WEB_ALONE = frozenset({"app.api", "app.site", "flask_smorest", "webargs"})
"""The modules that answer requests, which no command needs."""


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
    """Return the names of all modules that a process has imported after one; it ends in silence."""
    result = python(f"import sys, {module}; print(*sys.modules)")
    assert (result.returncode, result.stderr) == (0, "")
    return {*result.stdout.split()}


@pytest.mark.slow
def test_the_server_starts_without_libraries_needed_on_demand() -> None:
    modules = imported_by("wsgi")
    # Pages show sizes as rich does, which takes one small module of it.
    assert not modules & (ON_DEMAND - {"rich"})
    assert "rich.progress" not in modules
    assert not {name for name in modules if name.startswith("app.cli.")}


@pytest.mark.slow
def test_the_arbiter_has_the_code_of_its_processes_after_the_libraries() -> None:
    result = python(
        "import runpy, sys; runpy.run_path('gunicorn.conf.py'); print(*sys.modules);"
        "import wsgi, app.edge.application, app.edge.connections.protocol; "
        "import app.cli.commands.committer; "
        "print(*sys.modules)"
    )
    assert result.returncode == 0, result.stderr
    modules, of_processes = map(str.split, result.stdout.splitlines())
    assert {name for name in of_processes if name.startswith("app.")} <= {*modules}
    # Pages show sizes as rich does, which takes one small module of it.
    assert not {*modules} & ON_DEMAND - {"duckdb", "rich"}
    assert "rich.progress" not in modules
    assert modules.index(LIBRARIES[-1]) < modules.index("app.telemetry")


@pytest.mark.slow
def test_a_command_starts_without_libraries_of_requests() -> None:
    modules = imported_by("app.cli.lake, app.cli.commands.status")
    # `status` shows sizes as rich does, which takes one small module of it.
    assert not modules & (WEB_ALONE | ON_DEMAND - {"rich"})
    assert "rich.progress" not in modules


@pytest.mark.slow
def test_every_library_that_comes_first_is_needed_by_the_server() -> None:
    modules = imported_by("app.services")
    assert {*LIBRARIES} <= modules


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    [
        # Libraries can be had that were hidden at the start.
        "import app.cli.lake, duckdb, gc, pandas; assert gc.isenabled()",
        # As `gunicorn --check-config` does.
        "from app.background import startup; startup.import_libraries('duckdb'); import wsgi",
    ],
    ids=["duckdb, pandas", "duckdb, wsgi"],
)
def test_a_process_ends_in_silence(code: str) -> None:
    result = python(code)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "exit_code", "printed"),
    [(3, 3, ""), ("'a reason'", 1, "a reason\n")],
)
def test_a_process_ends_with_its_exit_code(code: object, exit_code: int, printed: str) -> None:
    ending = "startup.end_process(sys.exception().code)"
    program = f"import sys; from app.background import startup\ntry: sys.exit({code})\nfinally: "
    result = python(program + ending)
    assert (result.returncode, result.stdout, result.stderr) == (exit_code, "", printed)


@pytest.mark.slow
@pytest.mark.parametrize("module", ["wsgi", "app.cli.lake"])
def test_an_invalid_setting_is_an_error_of_one_line(module: str) -> None:
    code = f"import os; os.environ['CHATLAKE_PORT'] = 'x'; import {module}"
    result = python(code)
    assert result.returncode == 1
    assert result.stderr.startswith("chatlake: CHATLAKE_PORT: ")
    assert result.stderr.count("\n") == 1


@pytest.fixture
def own_umask() -> Iterator[None]:
    """Leaves the umask of this process as it was."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("own_umask")
@pytest.mark.parametrize(
    ("started_with", "restricted"),
    [(0, 0o022), (0o002, 0o022), (0o022, 0o022), (0o027, 0o027), (0o007, 0o027), (0o077, 0o077)],
)
def test_others_may_not_write_and_a_stricter_umask_stays(
    started_with: int, restricted: int
) -> None:
    os.umask(started_with)
    assert restrict_umask() == restricted
    assert os.umask(0) == restricted


def limits_after(code: str, soft: int, hard: int) -> subprocess.CompletedProcess[str]:
    """Run a program with a limit of open files, and print the limit at its end."""
    limiting = f"import resource as r; r.setrlimit(r.RLIMIT_NOFILE, ({soft}, {hard}))"
    return python(f"{limiting}; {code}; print(*r.getrlimit(r.RLIMIT_NOFILE))")


@pytest.mark.slow
@pytest.mark.parametrize(("maximum", "soft", "raised"), [(1, 300, 2_049), (1, 2_500, 2_500)])
def test_as_many_files_may_be_open_as_connections_and_more(
    maximum: int, soft: int, raised: int
) -> None:
    code = f"from app.background.startup import *; allow_connections({maximum})"
    assert limits_after(code, soft, 3_000).stdout == f"{raised} 3000\n"


@pytest.mark.slow
def test_more_connections_than_files_may_be_open_are_a_wrong_setting() -> None:
    result = limits_after("from app.background.startup import *; allow_connections(999)", 99, 3_000)
    assert "CHATLAKE_MAX_CONNECTIONS: needs a limit of 3047 open files" in result.stderr
