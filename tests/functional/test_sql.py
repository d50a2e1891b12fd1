"""SQL on the real server: who waits, who leaves, and what is left of the processes."""

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.app.query.sql.processes import is_gone, query_process, sandbox_processes
from tests.factories import make_submission
from tests.functional.conftest import MakeServer
from tests.functional.server import Server, eventually

WORDS = "the words of a query"
ENDLESS = f'SELECT count(*) AS "{WORDS}" FROM range(1000000000000000000) WHERE hash(range) = 1'
LONG_S = 30.0
OURS, OTHER, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"


class FromAddress(HTTPAdapter):
    """Connects from one of the many addresses that a machine has for itself."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """Make the connections, as `requests` asks for them."""
        super().init_poolmanager(*arguments, **named, source_address=(self._address, 0))


def ask(
    server: Server, query: str, address: str = OURS, forwarded_for: str = ""
) -> requests.Response:
    headers = {"X-Forwarded-For": forwarded_for} if forwarded_for else {}
    with requests.Session() as session:
        session.mount("http://", FromAddress(address))
        url = f"{server.url}/v1/sql"
        return session.post(url, json={"query": query}, headers=headers, timeout=60)


@contextmanager
def running(
    server: Server, address: str = OURS, forwarded_for: str = ""
) -> Iterator[tuple[int, Future[requests.Response]]]:
    """Run a query that would not end, and yield its process and its answer to come."""
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(ask, server, ENDLESS, address, forwarded_for)
        yield find_query(server, answer), answer


def find_query(server: Server, answer: Future[requests.Response] | None = None) -> int:
    """Return the process of the query that runs, of which `answer` is to come."""
    (worker,) = server.complete().workers
    try:
        return query_process(worker)
    except TimeoutError:
        if answer is not None and answer.done():
            pytest.fail(f"no query runs, since it was answered: {answer.result().text}")
        raise


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose one worker these tests kill: another takes its place."""
    home = tmp_path_factory.mktemp("sql") / "home"
    settings: dict[str, Any] = {"sql_timeout_s": LONG_S, "sql_pool_size": 1, "access_log": True}
    with Server(home, workers=1, **settings) as made:
        assert made.submit(make_submission("Hi"), wait_s=30).status_code == HTTPStatus.OK
        yield made


def test_a_client_that_leaves_takes_its_query_with_it(server: Server) -> None:
    connection = HTTPConnection("127.0.0.1", server.port)
    body = json.dumps({"query": ENDLESS})
    connection.request("POST", "/v1/sql", body, {"Content-Type": "application/json"})
    pid = find_query(server)
    connection.close()
    eventually("its query is gone", lambda: is_gone(pid), LONG_S / 2)
    assert ask(server, "SELECT 1 AS n").json()["rows"] == [{"n": 1}]


def test_a_killed_query_is_an_error_and_the_next_query_is_answered(
    server: Server,
) -> None:
    with running(server) as (pid, answer):
        os.kill(pid, signal.SIGKILL)
        told = answer.result()
    assert told.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert told.json()["message"] == "the query's process ended without an answer"
    assert ask(server, "SELECT 1 AS n").json()["rows"] == [{"n": 1}]


def test_a_full_pool_answers_at_once_and_goes_on_when_a_query_ends(server: Server) -> None:
    with running(server) as (pid, answer):
        refused = ask(server, "SELECT 1 AS n", OTHER)
        assert refused.status_code == HTTPStatus.TOO_MANY_REQUESTS
        assert "sql_pool_size = 1" in refused.json()["message"]
        assert int(refused.headers["Retry-After"]) >= 1
        os.kill(pid, signal.SIGKILL)
        answer.result()
    assert ask(server, "SELECT 1 AS n").status_code == HTTPStatus.OK


def test_the_pool_is_that_of_all_workers(make_server: MakeServer) -> None:
    server = make_server(workers=2, sql_timeout_s=LONG_S, sql_pool_size=1)
    server.start()
    workers = server.complete().workers
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(ask, server, ENDLESS)
        busy = eventually("a query runs", lambda: busy_worker(workers))
        # Each worker has a socket of its own, and new connections go to both.
        for address, limit in ((OURS, "sql_queries_per_address"), (OTHER, "sql_pool_size")):
            refused = [ask(server, "SELECT 1", address) for _ in range(16)]
            assert {each.status_code for each in refused} == {HTTPStatus.TOO_MANY_REQUESTS}
            assert all(each.json()["message"].startswith(limit) for each in refused)
        os.kill(query_process(busy), signal.SIGKILL)
        answer.result()


@pytest.mark.parametrize("is_behind_a_proxy", [False, True])
def test_an_address_whose_queries_would_not_end_keeps_no_other_from_its_answer(
    make_server: MakeServer, is_behind_a_proxy: bool
) -> None:
    server = make_server(
        workers=1, sql_timeout_s=LONG_S, sql_pool_size=2, trusted_proxies=int(is_behind_a_proxy)
    )
    server.start()

    def where(address: str) -> tuple[str, str]:
        return (OURS, f"{THIRD}, {address}") if is_behind_a_proxy else (address, "")

    with running(server, *where(OTHER)) as (pid, answer):
        for _ in range(3):
            refused = ask(server, ENDLESS, *where(OTHER))
            assert refused.status_code == HTTPStatus.TOO_MANY_REQUESTS
            assert "sql_queries_per_address = 1" in refused.json()["message"]
            assert int(refused.headers["Retry-After"]) >= 1
            assert ask(server, "SELECT 1 AS n", *where(THIRD)).json()["rows"] == [{"n": 1}]
        os.kill(pid, signal.SIGKILL)
        answer.result()
    assert ask(server, "SELECT 1 AS n", *where(OTHER)).ok


def test_a_forwarded_address_from_a_client_is_ignored(server: Server) -> None:
    with running(server) as (pid, answer):
        refused = ask(server, "SELECT 1", forwarded_for=OTHER)
        assert "sql_queries_per_address" in refused.json()["message"]
        os.kill(pid, signal.SIGKILL)
        answer.result()


def busy_worker(workers: frozenset[int]) -> int | None:
    return next((pid for pid in workers if len(sandbox_processes(pid)) > 1), None)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_ends_leaves_no_process_behind(
    server: Server, number: signal.Signals
) -> None:
    assert ask(server, "SELECT 1").status_code == HTTPStatus.OK
    (worker,) = server.complete().workers
    processes = sandbox_processes(worker)
    assert processes
    os.kill(worker, number)
    eventually("its processes are gone", lambda: all(map(is_gone, processes)))
    server.complete(without=frozenset({worker}))
    # The new worker runs before it listens.
    server.wait_until_ready()


def test_a_killed_worker_takes_the_query_that_runs_with_it(server: Server) -> None:
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(ask, server, ENDLESS)
        pid = find_query(server, answer)
        (worker,) = server.complete().workers
        os.kill(worker, signal.SIGKILL)
        eventually("its query is gone", lambda: is_gone(pid))
        with pytest.raises(requests.ConnectionError):
            answer.result()
    server.complete(without=frozenset({worker}))
    server.wait_until_ready()
    assert ask(server, "SELECT 1 AS n").json()["rows"] == [{"n": 1}]


def test_no_line_of_the_log_holds_a_query(server: Server) -> None:
    queries = (
        f"SELECT '{WORDS}'",
        f"SELEC '{WORDS}'",
        f"SELECT '{WORDS}'::INTEGER",
        f'SELECT "{WORDS}" FROM turns',
        f"SELECT error('{WORDS}')",
        f"SELECT repeat('{WORDS}', 1000000000)",
    )
    for query in queries:
        assert ask(server, query).status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    with running(server) as (pid, answer):
        os.kill(pid, signal.SIGABRT)
        assert answer.result().status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert "/v1/sql" in server.log
    assert "a query's process ended" in server.log
    assert WORDS not in server.log
