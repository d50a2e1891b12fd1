"""The client for chat clients, against a real HTTP server."""

import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from time import monotonic, sleep

import pytest

from chatlake_client import (
    Client,
    ClientClosed,
    DeliveryReport,
    QueueFull,
    RejectedSubmission,
)
from chatlake_client.delivery import MAX_SERVER_ERRORS
from tests.client.environment import client_environment
from tests.client.service import CUT, Answer, Service, unprocessable
from tests.client.submissions import submission, text_of

# A chat client that says on its standard output what it has a receipt for.
SUBMITS = """
import json, sys
from pathlib import Path
from chatlake_client import Client, Submission, Turn
url, queue, name = sys.argv[1:]
client = Client(url, queue=Path(queue))
for number in range(10**6):
    text = f"{name} {number}"
    receipt = client.submit(Submission(agent_id="a", conversation=[Turn(text)]))
    print(json.dumps([receipt.ingest_id, text]), flush=True)
"""
WAIT_S = 30.0


def eventually(condition: Callable[[], bool]) -> None:
    deadline_s = monotonic() + WAIT_S
    while not condition():
        assert monotonic() < deadline_s
        sleep(0.01)


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    return tmp_path / "queue.sqlite"


@pytest.fixture
def client(service: Service, queue: Path) -> Iterator[Client]:
    with Client(service.url, queue=queue) as running:
        yield running


def test_a_submission_is_stored_under_the_id_of_its_receipt(
    client: Client, service: Service
) -> None:
    receipt = client.submit(submission("Hi"))
    assert client.flush(WAIT_S)
    assert service.stored == {
        receipt.ingest_id: {
            "agent_id": "a",
            "ingest_id": receipt.ingest_id,
            "conversation": [{"content": "Hi", "role": "user"}],
        }
    }
    assert client.status().queued == 0


def test_an_ingest_id_of_the_chat_client_is_kept(client: Client, service: Service) -> None:
    assert client.submit(submission(ingest_id="mine")).ingest_id == "mine"
    assert client.flush(WAIT_S)
    assert list(service.stored) == ["mine"]


def test_versions_of_a_conversation_arrive_in_their_order(client: Client, service: Service) -> None:
    for number in range(20):
        client.submit(submission(str(number), ingest_id="mine"))
    assert client.flush(WAIT_S)
    assert [text_of(body) for body in service.received] == [str(n) for n in range(20)]


def test_keys_that_the_service_ignores_are_logged_once(
    client: Client, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.ignored = ["labels", "title"]
    for _ in range(2):
        client.submit(submission())
        assert client.flush(WAIT_S)
    assert [record.message for record in caplog.records] == [
        "the service doesn't know and ignores: labels, title"
    ]


def test_a_queue_in_memory_delivers_too(service: Service) -> None:
    with Client(service.url) as client:
        client.submit(submission())
    assert len(service.stored) == 1


@pytest.mark.parametrize("answer", [CUT, Answer(503), Answer(429), Answer(408), Answer(404)])
def test_a_submission_waits_for_a_service_that_is_away(
    answer: Answer, client: Client, service: Service
) -> None:
    service.answers.extend([answer, answer])
    client.submit(submission())
    assert client.flush(WAIT_S)
    assert len(service.received) == 3
    assert len({str(body["ingest_id"]) for body in service.received}) == 1
    status = client.status()
    assert (status.queued, status.rejected, status.failures) == (0, 0, 0)
    assert status.last_failure is not None


def test_the_client_waits_as_long_as_retry_after_says(client: Client, service: Service) -> None:
    service.answers.append(Answer(503, headers={"Retry-After": "1"}))
    started_s = monotonic()
    client.submit(submission())
    assert client.flush(WAIT_S)
    assert monotonic() - started_s >= 1


def test_flush_gives_up_after_its_time_and_the_submission_stays(
    client: Client, service: Service
) -> None:
    service.refusals["Hi"] = Answer(503, {"message": "Full."}, {"Retry-After": "100"})
    client.submit(submission())
    assert not client.flush(0.5)
    status = client.status()
    assert (status.queued, status.failures) == (1, 1)
    assert "503 Full." in str(status.last_failure)
    client.close(timeout_s=0)


def test_closing_does_not_wait_for_a_retry_and_the_next_client_delivers(
    service: Service, queue: Path
) -> None:
    service.answers.append(Answer(503, headers={"Retry-After": "100"}))
    client = Client(service.url, queue=queue)
    receipt = client.submit(submission())
    eventually(lambda: client.status().failures == 1)
    assert client.close(timeout_s=0) == 1
    with Client(service.url, queue=queue):
        eventually(lambda: receipt.ingest_id in service.stored)


def test_closing_reports_submissions_lost_with_a_queue_in_memory(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.refusals["Hi"] = CUT
    client = Client(service.url)
    client.submit(submission())
    with caplog.at_level(logging.ERROR):
        assert client.close(timeout_s=0.1) == 1
    assert "1 submissions were in memory" in caplog.text


def test_a_closed_client_takes_nothing_and_is_closed_again_in_peace(client: Client) -> None:
    client.close()
    assert client.close() == 0
    for call in (lambda: client.submit(submission()), client.flush, client.status):
        with pytest.raises(ClientClosed):
            call()


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_rejected_submission_is_reported_and_not_sent_again(
    status: int, service: Service, queue: Path
) -> None:
    service.answers.append(Answer(status, {"message": "No.", "errors": {"agent_id": ["x"]}}))
    told: list[RejectedSubmission] = []
    with Client(service.url, queue=queue, on_rejected=told.append) as client:
        receipt = client.submit(submission("wrong"))
        assert client.flush(WAIT_S)
        client.submit(submission("good"))
        assert client.flush(WAIT_S)
        assert client.rejected() == told
    (rejected,) = told
    assert (rejected.status, rejected.message) == (status, "No.")
    assert rejected.errors == {"agent_id": ["x"]}
    assert rejected.submission.ingest_id == receipt.ingest_id
    assert rejected.submission.conversation[0].content == "wrong"
    assert [text_of(body) for body in service.stored.values()] == ["good"]


def test_a_rejected_submission_survives_a_restart_and_can_be_sent_again_or_discarded(
    service: Service, queue: Path
) -> None:
    service.refusals["wrong"] = unprocessable(agent_id=["x"])
    with Client(service.url, queue=queue) as client:
        client.submit_many([submission("wrong 1"), submission("wrong 2")])
    service.refusals.clear()
    with Client(service.url, queue=queue) as client:
        first, second = client.rejected()
        assert client.requeue(first)
        assert client.discard(second)
        assert not client.discard(second)
        assert client.flush(WAIT_S)
        assert client.rejected() == []
    assert [text_of(body) for body in service.stored.values()] == ["wrong 1"]


def test_an_on_rejected_that_fails_stops_nothing(service: Service, queue: Path) -> None:
    def fail(_rejected: RejectedSubmission) -> None:
        raise RuntimeError("no")

    service.refusals["wrong"] = unprocessable()
    with Client(service.url, queue=queue, on_rejected=fail) as client:
        client.submit(submission("wrong"))
        client.submit(submission("good"))
        assert client.flush(WAIT_S)
        assert client.status().rejected == 1
    assert len(service.stored) == 1


def test_an_internal_error_is_tried_again(client: Client, service: Service) -> None:
    service.answers.append(Answer(500, {"message": "Oops."}))
    client.submit(submission())
    assert client.flush(WAIT_S)
    assert len(service.stored) == 1
    assert client.rejected() == []


@pytest.mark.slow
def test_a_submission_that_the_service_always_fails_at_is_rejected_in_the_end(
    service: Service, queue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatlake_client.delivery.backoff_s", lambda _failures: 0.0)
    service.refusals["poison"] = Answer(500, {"message": "Oops."})
    with Client(service.url, queue=queue) as client:
        client.submit_many([submission("poison"), submission("good")])
        (rejected,) = client.rejected()
    assert (rejected.status, rejected.message) == (500, "Oops.")
    assert [text_of(body) for body in service.stored.values()] == ["good"]
    alone = [body for body in service.received if text_of(body) == "poison"]
    assert len(alone) >= MAX_SERVER_ERRORS


def test_a_full_queue_refuses_a_submission_and_keeps_the_others(
    service: Service, queue: Path
) -> None:
    service.gate.clear()
    with Client(service.url, queue=queue, max_queued=2) as client:
        client.submit(submission("1"))
        client.submit(submission("2"))
        with pytest.raises(QueueFull) as caught:
            client.submit(submission("3"))
        assert (caught.value.queued, caught.value.rejected, caught.value.taken) == (2, 0, 0)
        assert caught.value.submission_bytes < caught.value.queued_bytes
        service.gate.set()
        assert client.flush(WAIT_S)
        client.submit(submission("3"))
    assert sorted(text_of(body) for body in service.stored.values()) == ["1", "2", "3"]


def test_a_submission_that_is_larger_than_the_queue_is_refused_at_once(service: Service) -> None:
    with Client(service.url, max_queued_bytes=1_000) as client:
        with pytest.raises(QueueFull):
            client.submit(submission("x" * 1_000))
        with pytest.raises(QueueFull) as caught:
            client.submit_many([submission(), submission("x" * 1_000)])
        assert caught.value.taken == 1


def test_many_may_be_more_than_the_queue_holds(service: Service, queue: Path) -> None:
    service.refusals["wrong"] = unprocessable()
    texts = [f"wrong {n}" if n % 100 == 0 else f"good {n}" for n in range(1_200)]
    with Client(service.url, queue=queue, max_queued=200) as client:
        report = client.submit_many(map(submission, texts))
    assert report == DeliveryReport(accepted=1_188, rejected=12, queued=0)
    assert {text_of(body) for body in service.stored.values()} == {
        text for text in texts if text.startswith("good")
    }


def test_submissions_not_delivered_in_time_are_reported_as_queued(
    service: Service, queue: Path
) -> None:
    service.refusals["Hi"] = Answer(503, headers={"Retry-After": "100"})
    with Client(service.url, queue=queue, max_queued=2) as client:
        report = client.submit_many([submission()] * 2, timeout_s=0.2)
        assert report == DeliveryReport(accepted=0, rejected=0, queued=2)
        with pytest.raises(QueueFull):
            client.submit_many([submission()], timeout_s=0.2)
        client.close(timeout_s=0)


def test_threads_share_a_client(client: Client, service: Service) -> None:
    def submit(name: int) -> None:
        for number in range(20):
            client.submit(submission(f"{name} {number}"))

    threads = [threading.Thread(target=submit, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.flush(WAIT_S)
    assert len({text_of(body) for body in service.stored.values()}) == 80
    assert len(service.received) == 80


def test_two_clients_of_one_queue_deliver_each_submission_once(
    service: Service, queue: Path
) -> None:
    with Client(service.url, queue=queue) as first, Client(service.url, queue=queue) as second:
        for number in range(50):
            (first if number % 2 else second).submit(submission(str(number)))
        assert first.flush(WAIT_S)
        assert second.flush(WAIT_S)
    assert [text_of(body) for body in service.received] == [str(n) for n in range(50)]


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://localhost", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="give a URL"):
        Client(url)


def start_submitting(service: Service, queue: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SUBMITS, service.url, str(queue), name],
        stdout=subprocess.PIPE,
        env=client_environment(),
        text=True,
    )


def kill(process: subprocess.Popen[str]) -> dict[str, str]:
    """Kill -9 a chat client; return the texts that it had receipts for, by ingest id."""
    process.send_signal(signal.SIGKILL)
    assert process.stdout is not None
    # `communicate` would pass over what `readline` has put into its buffer.
    with process.stdout as output:
        printed = output.read()
    process.wait(WAIT_S)
    whole = [line for line in printed.splitlines(keepends=True) if line.endswith("\n")]
    return dict(json.loads(line) for line in whole)


@pytest.mark.slow
def test_submissions_sent_during_a_kill_are_sent_again_under_their_ids(
    service: Service, queue: Path
) -> None:
    """The service stores an upload whose answer nobody hears."""
    service.gate.clear()
    process = start_submitting(service, queue, "one")
    assert service.arrived.wait(WAIT_S)
    receipts = kill(process)
    service.gate.set()
    eventually(lambda: bool(service.stored))
    stored_unheard = set(service.stored)
    with Client(service.url, queue=queue) as client:
        assert client.flush(WAIT_S)
    assert stored_unheard <= {str(body["ingest_id"]) for body in service.received[1:]}
    assert {text_of(body) for body in service.stored.values()} >= set(receipts.values())


@pytest.mark.slow
def test_kills_at_any_moment_lose_and_double_nothing(service: Service, queue: Path) -> None:
    random = Random(20261128)  # noqa: S311  # it picks moments, not secrets
    receipts: dict[str, str] = {}
    for kill_number in range(6):
        process = start_submitting(service, queue, f"process {kill_number}")
        assert process.stdout is not None
        first_ingest_id, first_text = json.loads(process.stdout.readline())
        receipts[first_ingest_id] = first_text
        service.answers.extend(random.choices([Answer(), CUT, Answer(503)], k=3))
        sleep(random.uniform(0, 0.3))
        receipts |= kill(process)
    service.answers.clear()
    with Client(service.url, queue=queue) as client:
        assert client.flush(WAIT_S)
        assert client.rejected() == []
    assert receipts.items() <= {
        (ingest_id, text_of(body)) for ingest_id, body in service.stored.items()
    }
    # A text is submitted once, so a second id of it would be a second contribution.
    texts = [text_of(body) for body in service.stored.values()]
    assert len(texts) == len(set(texts))
