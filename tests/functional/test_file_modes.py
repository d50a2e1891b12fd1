"""The modes of the files that the service makes, which follow the operator's umask."""

import json
import re
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path

import pytest
import requests

from tests.backends import WAITS
from tests.factories import make_submission
from tests.functional.conftest import MakeServer
from tests.functional.server import (
    REQUEST_TIMEOUT_S,
    ROOT,
    START_TIMEOUT_S,
    clean_environment,
)

# Its group may write, and others may nothing.
STARTED_WITH = 0o007
COMMANDS = "app.cli.lake"
RESTRICTED = 0o027
MADE_BY = {
    "*.db": "databases",
    "*.lock": "locks",
    "warehouse/**/*.parquet": "commits",
    "warehouse/**/*.avro": "manifests",
    "releases/*/**/*.parquet": "releases",
    "maps/*/*": "maps",
}


@pytest.fixture
def lake(make_server: MakeServer) -> Path:
    """The folder of a lake to which everything was done once; its server has stopped."""
    server = make_server(umask=STARTED_WITH, maintenance_interval_s=0.5, migrate=True, **WAITS)
    server.start(migrate=False)
    for text in ("a question about tides", "a question about the sky"):
        answer = server.submit(make_submission(text, f"an answer to {text}"), wait_s=30)
        assert answer.status_code == HTTPStatus.OK, answer.text
    uploaded = requests.post(
        f"{server.url}/v1/ingest/chats",
        # Too few for UMAP, which takes seconds to compile.
        data=b"".join(f"{json.dumps(make_submission(str(i)))}\n".encode() for i in range(10)),
        headers={"Content-Type": "application/x-ndjson"},
        timeout=REQUEST_TIMEOUT_S,
    )
    assert uploaded.status_code == HTTPStatus.OK, uploaded.text
    asked = requests.post(
        f"{server.url}/v1/sql",
        json={"query": "SELECT count(*) FROM contributions"},
        timeout=REQUEST_TIMEOUT_S,
    )
    assert asked.status_code == HTTPStatus.OK, asked.text
    # It computes the stages, and makes a map of the release.
    server.run(COMMANDS, "release", "build", "whole", "--stage", "curated")
    # While it runs, so that the logs of its databases are there too.
    _check_modes(server.home)
    assert server.stop() == 0, server.log
    return server.home


def _check_modes(home: Path) -> None:
    modes = {path: path.lstat().st_mode for path in (home, *home.rglob("*"))}
    open_to_others = {
        str(path.relative_to(home)): oct(mode) for path, mode in modes.items() if mode & RESTRICTED
    }
    assert not open_to_others


def test_no_file_of_a_lake_is_more_open_than_the_operators_umask_and_none_is_writable_by_others(
    lake: Path,
) -> None:
    _check_modes(lake)
    missing = [what for pattern, what in MADE_BY.items() if not any(lake.glob(pattern))]
    assert not missing


def test_gunicorn_keeps_to_the_umask_while_it_starts_workers(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "--print-config"]
    printed = subprocess.run(
        [*command, "wsgi:application"],
        cwd=ROOT,
        env=clean_environment({"home": tmp_path}),
        umask=STARTED_WITH,
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=True,
    ).stdout
    assert re.search(rf"^umask += {RESTRICTED}$", printed, re.MULTILINE), printed
