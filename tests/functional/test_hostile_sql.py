"""Hostile queries get nowhere: nothing is read, reached or changed, and the service goes on.

Of more than 100 none escapes, takes over 5 s or 512 MiB, or keeps the next request from its answer.
"""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import Any, Final

import pytest
import requests

from tests.factories import make_submission
from tests.functional.hostile_queries import BOMBS, REFUSED, RESULTS
from tests.functional.server import Server, eventually

SECRET: Final = "the-canary-that-no-query-may-see"  # noqa: S105  # it only looks for itself
TIMEOUT_S: Final = 2.5
LONGEST_S: Final = 20.0
"""Far above the limit, since other tests run meanwhile; without a limit, queries take minutes."""
MEMORY_KIB: Final = 512 * 1024
KEY: Final = {"submitter_id": "a-key-that-nobody-guesses", "ingest_id": "the-only-conversation"}
ENDS: Final = {HTTPStatus.OK, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE}


def cases(queries: dict[str, tuple[str, ...]]) -> list[Any]:
    """Return the queries as parameters, named by their kind."""
    return [
        pytest.param(query, id=f"{kind}-{number}")
        for kind, group in queries.items()
        for number, query in enumerate(group, 1)
    ]


@dataclass
class Target:
    """A service, with what it must keep to itself."""

    server: Server
    folder: Path
    listener: socket.socket
    queries: int = 0

    def ask(self, query: str) -> requests.Response:
        """Post a hostile query, and check what is true of every one."""
        host, port = self.listener.getsockname()
        for name, value in (
            ("@FILE", f"{self.folder}/secret.csv"),
            ("@FOLDER", str(self.folder)),
            ("@HOME", str(self.server.home)),
            ("@DATA", self._data_file_of("contributions")),
            ("@REPLACED", self._data_file_of("replaced")),
            ("@URL", f"http://{host}:{port}"),
        ):
            query = query.replace(name, value)
        started = monotonic()
        answer = self._post(query)
        assert monotonic() - started < LONGEST_S
        assert SECRET not in answer.text
        assert not self._is_reached()
        assert {path.name for path in self.folder.iterdir()} == {"secret.csv"}
        assert self.server.count() == 1
        return answer

    def wait_until_warm(self) -> None:
        """Return once a query is answered in time, with what the first ones wait for started."""
        eventually("a query is answered", lambda: self._post("SELECT 1").ok)

    def check_goes_on(self) -> None:
        """Check that a query is answered as if nothing had been, once a busy machine has time."""
        query = "SELECT count(*) AS n FROM turns"
        eventually("a query goes on", lambda: self._post(query).json().get("rows") == [{"n": 2}])

    def peaks_kib(self) -> list[int]:
        """Return the most memory of each query's process so far, as the service has logged it."""
        lines = [json.loads(line) for line in self.server.log.splitlines() if line.startswith("{")]
        return [line["peak_memory_kib"] for line in lines if "peak_memory_kib" in line]

    def _data_file_of(self, table: str) -> str:
        return str(next(self.server.home.glob(f"warehouse/**/{table}/**/*.parquet")))

    def _post(self, query: str) -> requests.Response:
        self.queries += 1
        return requests.post(f"{self.server.url}/v1/sql", json={"query": query}, timeout=60)

    def _is_reached(self) -> bool:
        try:
            self.listener.accept()
        except BlockingIOError:
            return False
        return True


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A service with a small time limit and secrets all around; each query keeps its memory."""
    root = tmp_path_factory.mktemp("hostile")
    folder = root / "folder"
    folder.mkdir()
    (folder / "secret.csv").write_text(f"{SECRET}\n")
    settings: dict[str, Any] = {
        "sql_timeout_s": TIMEOUT_S,
        "s3_secret_access_key": SECRET,
        "log_format": "json",
    }
    with (
        pytest.MonkeyPatch.context() as environment,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        listener.setblocking(False)
        environment.setenv("CANARY", SECRET)
        # The environment of a fork isn't shown in /proc.
        with Server(root / "home", workers=1, is_forked=False, **settings) as server:
            for text in ("Hello", "Hello again"):
                submission = make_submission("Hi", text, **KEY)
                assert server.submit(submission, wait_s=30).status_code == 200
            target = Target(server, folder, listener)
            target.wait_until_warm()
            yield target
            target.check_goes_on()
            peaks = target.peaks_kib()
            # Those that were refused before a process was started have none.
            assert len(peaks) > target.queries / 2
            assert max(peaks) < MEMORY_KIB
            assert SECRET not in server.log


def test_there_are_a_hundred_of_them() -> None:
    groups = [*REFUSED.values(), *BOMBS.values(), RESULTS]
    assert sum(map(len, groups)) >= 100


@pytest.mark.parametrize("query", cases(REFUSED))
def test_queries_of_anything_but_allowed_tables_are_refused(target: Target, query: str) -> None:
    answer = target.ask(query)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY, answer.text
    assert answer.json()["errors"]["query"]


@pytest.mark.parametrize("query", cases(BOMBS))
def test_expensive_queries_end_within_their_limits(target: Target, query: str) -> None:
    answer = target.ask(query)
    assert answer.status_code in ENDS, answer.text
    target.check_goes_on()


@pytest.mark.parametrize("query", cases({"results": RESULTS}))
def test_an_endless_answer_is_truncated_and_marked(target: Target, query: str) -> None:
    answer = target.ask(query)
    assert answer.status_code == HTTPStatus.OK, answer.text
    assert answer.headers["Chatlake-Truncated-By"] in {"sql_max_rows", "sql_max_bytes"}
    assert answer.json()["truncated"] is True
    target.check_goes_on()
