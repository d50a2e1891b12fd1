"""Every view that reads the lake takes a place, has a timeout, and ends when its client leaves."""

from types import SimpleNamespace
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.formats import NDJSON, encode_json
from app.api.guards import Admission, current_guards
from app.api.reads import CLIENT
from app.services import Services, services_of
from tests.factories import commit_batch, make_contribution, make_submission

READS: Final = (
    "contributions",
    "contributions?q=hello",
    "contributions?sort=-received_at",
    "contributions/count",
    "contributions/count?q=hello",
    "contributions/{contribution}",
    "contributions/{contribution}/versions",
    "changes",
    "stats?by=day",
    "stats?by=rating&q=hello",
    "snapshots/{snapshot}/diff/{snapshot}",
)


@pytest.fixture(scope="module")
def ids(shared_services: Services) -> dict[str, object]:
    """The ids of a contribution in the shared lake, and of its snapshot."""
    contribution = make_contribution("hello")
    snapshot = commit_batch(shared_services, contribution)
    return {"contribution": contribution.contribution_id, "snapshot": snapshot.snapshot_id}


@pytest.fixture(params=READS)
def url(request: pytest.FixtureRequest, ids: dict[str, object]) -> str:
    """The URL of a resource that exists and is read from the lake."""
    path: str = request.param
    return f"/v1/{path.format(**ids)}"


@pytest.fixture
def reads(shared_app: Flask) -> Admission:
    """The places of reads."""
    with shared_app.app_context():
        return current_guards().reads


def test_a_read_is_refused_while_as_many_are_under_way_as_may(
    shared_client: FlaskClient, url: str, reads: Admission
) -> None:
    with reads.holding(reads.maximum):
        refused = shared_client.get(url)
        assert refused.status_code == 429
        assert "max_reads" in refused.get_json()["message"]
    assert shared_client.get(url).status_code == 200


def test_a_read_counts_as_running_until_its_answer_is_sent(
    shared_client: FlaskClient, url: str, reads: Admission
) -> None:
    answer = shared_client.get(url, buffered=False)
    assert answer.status_code == 200
    # An answer that the view returns as a dict is sent at once.
    assert reads.held <= 1
    answer.close()
    assert reads.held == 0


def test_reads_leave_places_to_uploads(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        guards = current_guards()
    with guards.reads.holding(guards.reads.maximum):
        line = encode_json(make_submission())
        headers = {"Content-Type": NDJSON}
        assert client.post("/v1/ingest/chats", data=line, headers=headers).status_code == 200
    assert guards.reads.maximum < services_of(app).settings.threads


def test_a_read_that_takes_too_long_is_refused_with_the_limit(
    shared_app: Flask,
    shared_client: FlaskClient,
    url: str,
    reads: Admission,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert shared_client.get(url).status_code == 200
    settings = vars(shared_app.extensions["chatlake"].settings)
    monkeypatch.setitem(settings, "read_timeout_s", 0.0)
    refused = shared_client.get(url)
    assert refused.status_code == 422, refused.text
    assert "read_timeout_s = 0 s" in refused.get_json()["message"]
    assert reads.held == 0


def test_a_read_ends_when_its_client_has_left(
    shared_client: FlaskClient, url: str, reads: Admission
) -> None:
    reader = SimpleNamespace(has_left=False)
    connected = shared_client.get(url, environ_overrides={CLIENT: reader})
    assert connected.status_code == 200
    connected.close()
    reader.has_left = True
    assert shared_client.get(url, environ_overrides={CLIENT: reader}).status_code == 408
    assert reads.held == 0
