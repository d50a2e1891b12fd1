"""Metrics that are right across processes, and logs without the words of conversations."""

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.factories import make_submission
from tests.functional.conftest import MakeServer
from tests.functional.raw_http import INGEST, exchange, post
from tests.functional.server import Server, eventually

GOOD = 30
BAD = 12
CANARY = "the canary of a conversation"
CONTRIBUTOR = "a-canary-contributor"

Samples = dict[str, float]


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose processes are killed."""
    with Server(tmp_path_factory.mktemp("observed") / "home") as server:
        yield server


def scrape(server: Server) -> Samples:
    """Return every sample of one scrape, over a connection of its own."""
    answer = requests.get(f"{server.url}/metrics", timeout=60)
    assert answer.status_code == 200
    return {
        sample.name.removeprefix("chatlake_")
        + "".join(f" {v}" for v in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def counts(samples: Samples) -> tuple[float, ...]:
    return (
        samples["accepted_contributions_total"],
        samples["repeated_submissions_total"],
        samples["rejected_submissions_total malformed"],
        samples["rejected_submissions_total invalid"],
    )


def submit_all(server: Server) -> None:
    """Submit good ones, repeated ones and bad ones, each over a connection of its own."""
    for number in range(GOOD):
        assert server.submit(make_submission(f"{number}")).status_code == 200
    for _ in range(3):
        assert server.submit(make_submission(ingest_id="again")).status_code == 200
    for number in range(BAD):
        body, status = (b"{", 400) if number % 2 else (b"{}", 422)
        assert post(server.port, body).status == status


def check_everywhere(server: Server, expected: tuple[float, ...]) -> None:
    """Check the counts in many scrapes: some are answered by each worker."""
    for _ in range(10):
        assert counts(scrape(server)) == expected


def test_counts_are_equal_in_all_workers_and_survive_killed_workers(observed: Server) -> None:
    observed.complete()
    before = counts(scrape(observed))
    submit_all(observed)
    grown = (GOOD + 1, 2, BAD / 2, BAD / 2)
    once = tuple(old + new for old, new in zip(before, grown, strict=True))
    check_everywhere(observed, once)

    processes = observed.complete()
    for pid in (min(processes.workers), *processes.committers):
        os.kill(pid, signal.SIGKILL)
    observed.complete(without=processes.workers & {min(processes.workers)} | processes.committers)
    check_everywhere(observed, once)

    submit_all(observed)
    # What was sent again is recognised this time from the first one on.
    grown = (GOOD, 3, BAD / 2, BAD / 2)
    twice = tuple(old + new for old, new in zip(once, grown, strict=True))
    check_everywhere(observed, twice)


def test_metrics_count_commits_of_every_committer(observed: Server) -> None:
    def settled() -> Samples | None:
        samples = scrape(observed)
        told = samples.get("table_rows") == samples["accepted_contributions_total"]
        return samples if samples["leader"] and told else None

    samples = eventually("everything is committed, and told", settled)
    assert samples["journal_contributions"] == 0
    assert samples["committed_contributions_total"] <= samples["table_rows"]
    os.kill(observed.committer(), signal.SIGKILL)
    eventually("nobody leads", lambda: not scrape(observed)["leader"])
    observed.submit(make_submission("to the next committer"), wait_s=30)
    eventually("another leads", lambda: scrape(observed)["leader"])
    after = eventually("its commit is told", lambda: _grown(observed, samples))
    assert after["table_rows"] == samples["table_rows"] + 1
    assert after["commit_seconds_count"] == samples["commit_seconds_count"] + 1


def _grown(server: Server, before: Samples) -> Samples | None:
    now = scrape(server)
    name = "committed_contributions_total"
    return now if now[name] == before[name] + 1 else None


def test_the_journal_grows_while_no_committer_runs(make_server: MakeServer) -> None:
    server = make_server(commit_interval_s=3600)
    server.start()
    # What the committer finds when it begins is committed at once.
    server.submit(make_submission("before"), wait_s=30)
    for _ in range(3):
        server.submit(make_submission())
    samples = scrape(server)
    assert samples["journal_contributions"] == 3
    assert samples["journal_oldest_age_seconds"] > 0
    assert scrape(server)["journal_oldest_age_seconds"] > samples["journal_oldest_age_seconds"]


def test_request_times_appear_in_metrics_soon(observed: Server) -> None:
    name = "request_seconds_count POST /v1/ingest/chat 200"
    observed.submit(make_submission())
    before = eventually("earlier ones are told", lambda: scrape(observed).get(name))
    for _ in range(5):
        observed.submit(make_submission())
    eventually("all are told", lambda: scrape(observed)[name] >= before + 5)


def test_the_folder_of_a_killed_server_is_removed_by_the_next_and_a_live_one_is_kept(
    make_server: MakeServer, observed: Server
) -> None:
    killed = make_server()
    killed.start()
    (left,) = _metrics_folders(killed)
    killed.kill_all()
    assert left.is_dir()
    successor = make_server()
    successor.start(migrate=False)
    assert not left.exists()
    assert len(_metrics_folders(successor)) == len(_metrics_folders(observed)) == 1
    assert successor.stop() == 0
    assert not _metrics_folders(successor)


def _metrics_folders(server: Server) -> list[Path]:
    return list(Path("/dev/shm").glob(f"chatlake-metrics-*-{server.session}-*"))  # noqa: S108


def test_every_line_is_json_and_none_has_a_word_of_a_client(make_server: MakeServer) -> None:
    server = make_server(access_log=True, log_level="DEBUG")
    server.start()
    submission = make_submission(CANARY, submitter_id=CONTRIBUTOR)
    assert server.submit(submission, wait_s=30).status_code in {200, 202}
    assert server.submit({**submission, "agent_id": None}).status_code == 422
    assert server.submit({**submission, CANARY: 1}).status_code == 200
    assert server.get("contributions", contributor_id=CONTRIBUTOR).status_code == 200
    body = json.dumps(submission).encode()
    assert post(server.port, body[:-1]).status == 400
    # What is left of the body is taken for another request.
    head = INGEST + b"Host: lake\r\nContent-Length: 2\r\n\r\n"
    exchange(server.port, [head, b"{}", f"{CANARY} {CONTRIBUTOR}\r\n\r\n".encode()])
    with _without_journal(server):
        assert server.submit({**submission, "ingest_id": CANARY}).status_code == 503
    assert server.stop() == 0

    lines = [json.loads(line) for line in server.log.splitlines()]
    for line in lines:
        assert CANARY not in json.dumps(line)
        assert CONTRIBUTOR not in json.dumps(line)
    assert {"POST /v1/ingest/chat 200", "POST /v1/ingest/chat 422", "POST /v1/ingest/chat 503"} <= {
        line["message"] for line in lines
    }
    assert any("refused what came from 127.0.0.1" in line["message"] for line in lines)


def test_a_failure_is_logged_with_the_request_id_of_its_answer(observed: Server) -> None:
    with _without_journal(observed):
        told = observed.submit(make_submission())
        named = requests.post(
            f"{observed.url}/v1/ingest/chat",
            json=make_submission(),
            headers={"X-Request-ID": "my-request"},
            timeout=60,
        )
    assert (told.status_code, named.status_code) == (503, 503)
    assert named.headers["X-Request-ID"] == "my-request"
    for request_id in (told.headers["X-Request-ID"], "my-request"):
        error, line = _records_of(observed, request_id)
        assert error["message"] == "OperationalError: no such table: journal"
        assert "exception" not in error  # an outage is met by every request
        assert (line["route"], line["status"]) == ("/v1/ingest/chat", 503)
        assert line["ms"] >= 0


@contextmanager
def _without_journal(server: Server) -> Iterator[None]:
    with closing(sqlite3.connect(server.home / "chatlake.db")) as connection:
        connection.execute("ALTER TABLE journal RENAME TO away")
        yield
        connection.execute("ALTER TABLE away RENAME TO journal")


def _records_of(server: Server, request_id: str) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in server.log.splitlines()]
    return [record for record in records if record.get("request_id") == request_id]
