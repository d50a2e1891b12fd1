import json

import pytest
from flask import Flask

from app.api.guards import Admission, guards_of
from app.ingest.uploads.intake import BulkIntake
from app.ingest.uploads.upload import Upload
from app.services import Services
from app.settings import Settings
from tests.app.edge.serving import Serving, edge_serving, request
from tests.app.ingest.polling import wait_until
from tests.factories import make_submission

URL = "/v1/ingest/chats"
NDJSON = {"Content-Type": "application/x-ndjson"}
LINE = json.dumps(make_submission()).encode() + b"\n"
KEYED = {**NDJSON, "Idempotency-Key": "key"}


@pytest.fixture
def places(app: Flask) -> Admission:
    """The places of uploads."""
    return guards_of(app).uploads


@pytest.mark.slow
def test_an_upload_of_many_pieces_is_stored_once(edge: Serving, services: Services) -> None:
    lines = LINE * 30_000
    chunks = [lines[start : start + 100_001] for start in range(0, len(lines), 100_001)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    answer = edge.exchange(request("POST", URL, {**NDJSON, "Transfer-Encoding": "chunked"}), framed)
    assert (answer.status, answer.json["accepted"]) == (200, 30_000)
    assert services.ingest.journal.backlog().contributions == 30_000


def test_an_upload_takes_a_place_once_there_is_something_to_do(
    edge: Serving, places: Admission
) -> None:
    with edge.connect() as client:
        client.send(request("POST", URL, {**NDJSON, "Content-Length": str(len(LINE))}))
        client.send(LINE[:-1])
        assert edge.exchange(request("POST", URL, NDJSON, LINE)).status == 200
        assert places.held == 0
        client.send(LINE[-1:])
        assert client.receive().status == 200
    assert places.held == 0


def test_uploads_are_refused_while_as_many_are_handled_as_may(
    edge: Serving, places: Admission
) -> None:
    with places.holding(places.maximum):
        answer = edge.exchange(request("POST", URL, NDJSON, LINE))
    assert answer.status == 429
    assert "max_uploads" in answer.json["message"]


@pytest.mark.parametrize("is_reset", [True, False])
def test_an_upload_whose_client_leaves_stores_nothing_and_may_be_sent_again(
    edge: Serving, services: Services, places: Admission, is_reset: bool
) -> None:
    lines = LINE * 5_000
    with edge.connect() as client:
        client.send(request("POST", URL, KEYED, lines)[:-1])
        wait_until(lambda: places.held, "the upload")
        if not is_reset:
            client.end_sending()
            assert client.receive().status == 400
    wait_until(lambda: not places.held, "the end of the upload")
    assert services.ingest.journal.backlog().entries == 0
    answer = edge.exchange(request("POST", URL, KEYED, lines))
    assert (answer.status, answer.json["accepted"]) == (200, 5_000)


def test_an_upload_that_is_too_slow_is_refused(settings: Settings, app: Flask) -> None:
    vars(settings)["idle_timeout_s"] = 0.2
    with edge_serving(app) as edge, edge.connect() as client:
        client.send(request("POST", URL, {**KEYED, "Content-Length": "99"}), LINE[:9])
        answer = client.receive()
        assert answer.status == 408
        assert "0.2 s" in answer.json["message"]
        assert edge.exchange(request("POST", URL, KEYED, LINE)).status == 200


@pytest.mark.parametrize("step", ["begin", "feed", "finish"])
def test_an_upload_that_fails_in_any_step_is_answered_and_ended(
    edge: Serving, places: Admission, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk")

    with monkeypatch.context() as failing:
        failing.setattr(BulkIntake if step == "begin" else Upload, step, fail)
        assert edge.exchange(request("POST", URL, KEYED, LINE)).status == 503
    assert places.held == 0
    assert edge.exchange(request("POST", URL, KEYED, LINE)).status == 200


@pytest.mark.parametrize("step", ["begin", "feed", "finish"])
def test_an_upload_whose_task_is_cancelled_in_any_step_is_ended(
    edge: Serving, places: Admission, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """So it is when a graceful stop takes too long."""
    kind = BulkIntake if step == "begin" else Upload
    original = getattr(kind, step)

    def cancel(self: object, *args: object) -> object:
        (task,) = edge.server.server_state.tasks
        edge.loop.call_soon_threadsafe(task.cancel)
        result = original(self, *args)
        wait_until(lambda: not places.held or task.cancelling(), "the cancellation")
        return result

    with monkeypatch.context() as cancelling, edge.connect() as client:
        cancelling.setattr(kind, step, cancel)
        client.send(request("POST", URL, KEYED, LINE))
        client.receive_rest()
        wait_until(lambda: not edge.server.server_state.tasks, "the end of the task")
    assert places.held == 0
    assert edge.exchange(request("POST", URL, KEYED, LINE)).status == 200


@pytest.mark.parametrize("path", [f"{URL}?mode=x", URL], ids=["wrong parameter", "wrong type"])
def test_what_is_refused_at_once_is_not_asked_for_its_body(edge: Serving, path: str) -> None:
    expecting = {"Content-Length": "9", "Expect": "100-continue"}
    answer = edge.exchange(request("POST", path, expecting))
    assert answer.status in {415, 422}
    assert answer.headers["connection"] == "close"
