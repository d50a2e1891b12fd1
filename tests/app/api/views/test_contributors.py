"""Contributors: what they own, and what nobody else can do to it."""

import json
from typing import Any, Final

import pytest
from flask.testing import FlaskClient

from app.services import Services
from tests.factories import UNGUESSABLE, make_submission

ONE: Final = "/v1/ingest/chat"
MANY: Final = "/v1/ingest/chats"
OWN: Final = "/v1/me/contributions"
OWNER: Final = "0b7e1a9e-1111-4e4c-8888-123456789abc"


def _send(client: FlaskClient, text: str, key: str | None = None, **fields: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    response = client.post(ONE, json=make_submission(text, **fields), headers=headers)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.get_json()
    return answer


def _rows(client: FlaskClient, services: Services, **parameters: str) -> list[dict[str, Any]]:
    services.jobs.committer().drain()
    answer = client.get("/v1/contributions", query_string=parameters).get_json()
    rows: list[dict[str, Any]] = answer["contributions"]
    return rows


def _texts(rows: list[dict[str, Any]]) -> list[str]:
    return [row["conversation"][0]["content"] for row in rows]


def _new_key(client: FlaskClient) -> dict[str, str]:
    response = client.post("/v1/contributors")
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    answer: dict[str, str] = response.get_json()
    return answer


# Owning.


def test_who_knows_the_ids_replaces_the_conversation(
    client: FlaskClient, services: Services
) -> None:
    for text in ("first", "second"):
        assert "owned" not in _send(client, text, submitter_id=OWNER, ingest_id="chat-1")
    assert _texts(_rows(client, services)) == ["second"]


@pytest.mark.slow
def test_who_knows_only_public_ids_replaces_nothing(
    client: FlaskClient, services: Services
) -> None:
    _send(client, "owned", submitter_id=OWNER, ingest_id=UNGUESSABLE)
    _send(client, "anonymous", ingest_id=UNGUESSABLE)
    _send(client, "without ids")
    _send(client, "guessable", submitter_id="ada", ingest_id="chat-1")
    before = _rows(client, services)
    assert len(before) == 4
    for row in before:
        public = {row["contribution_id"], row["conversation_id"], row["contributor_id"]} - {None}
        for submitter_id in (None, *public):
            for ingest_id in (None, *public):
                _send(client, "forged", submitter_id=submitter_id, ingest_id=ingest_id)
    after = {row["contribution_id"]: row for row in _rows(client, services, limit="1000")}
    assert all(after[row["contribution_id"]] == row for row in before)


@pytest.mark.parametrize(
    "ids",
    [
        {"submitter_id": "anonymous", "ingest_id": UNGUESSABLE},
        {"submitter_id": "ada"},
        {"ingest_id": "1"},
    ],
    ids=str,
)
def test_what_is_sent_under_an_id_that_can_be_guessed_is_never_replaced(
    client: FlaskClient, services: Services, ids: dict[str, str]
) -> None:
    assert _send(client, "original", **ids)["owned"] is False
    _send(client, "forged", **ids)
    assert _texts(_rows(client, services)) == ["original", "forged"]
    lines = json.dumps(make_submission("uploaded", **ids)).encode()
    report = client.post(MANY, data=lines, content_type="application/x-ndjson").get_json()
    assert (report["accepted"], report["unowned"]) == (1, 1)


def test_a_repetition_under_an_id_that_can_be_guessed_is_recognised(
    client: FlaskClient, services: Services
) -> None:
    ids = {"submitter_id": "ada", "ingest_id": "chat-1"}
    assert _send(client, "original", **ids) == _send(client, "original", **ids)
    lines = json.dumps(make_submission("original", **ids)).encode()
    client.post(MANY, data=lines, content_type="application/x-ndjson")
    assert _texts(_rows(client, services)) == ["original"]


@pytest.mark.slow
def test_no_id_of_a_client_is_in_the_journal_or_an_answer(
    client: FlaskClient, services: Services
) -> None:
    _send(client, "text", submitter_id=OWNER, ingest_id=UNGUESSABLE)
    lines = json.dumps(make_submission("up", submitter_id=OWNER, ingest_id=UNGUESSABLE)).encode()
    client.post(MANY, data=lines, content_type="application/x-ndjson")
    home = services.settings.home
    assert not any(
        secret.encode() in path.read_bytes()
        for path in home.rglob("*")
        if path.is_file()
        for secret in (OWNER, UNGUESSABLE)
    )
    services.jobs.committer().drain()
    answers = [client.get(path).text for path in ("/v1/contributions", "/v1/changes?since=0")]
    assert not any(secret in text for text in answers for secret in (OWNER, UNGUESSABLE))


# Contributor keys.


def test_a_key_is_the_same_contributor_as_a_bearer_token_and_as_a_submitter_id(
    client: FlaskClient, services: Services
) -> None:
    made = _new_key(client)
    key = made["contributor_key"]
    _send(client, "first", key, ingest_id="chat-1")
    _send(client, "second", submitter_id=key, ingest_id="chat-1")
    _send(client, "third", key, submitter_id=key)
    lines = json.dumps(make_submission("fourth")).encode()
    headers = {"Authorization": f"Bearer {key}"}
    client.post(MANY, data=lines, content_type="application/x-ndjson", headers=headers)
    rows = _rows(client, services)
    assert _texts(rows) == ["second", "third", "fourth"]
    assert {row["contributor_id"] for row in rows} == {made["contributor_id"]}


def test_keys_are_random(client: FlaskClient) -> None:
    first, second = _new_key(client), _new_key(client)
    assert set(first.values()).isdisjoint(second.values())


def test_a_submission_with_another_id_than_the_key_is_refused(client: FlaskClient) -> None:
    key = _new_key(client)["contributor_key"]
    response = client.post(
        ONE,
        json=make_submission(submitter_id=OWNER),
        headers={"Authorization": f"Bearer {key}"},
    )
    assert response.status_code == 422
    assert list(response.get_json()["errors"]) == ["submitter_id"]


# One's own contributions.


@pytest.mark.slow
def test_own_contributions_are_listed_in_every_version_and_no_others(
    client: FlaskClient, services: Services
) -> None:
    for text in ("first", "second"):
        _send(client, text, submitter_id=OWNER, ingest_id="chat-1")
    _send(client, "other's", submitter_id=UNGUESSABLE)
    _send(client, "anonymous")
    services.jobs.committer().drain()
    headers = {"Authorization": f"Bearer {OWNER}"}
    page = client.get(f"{OWN}?limit=1", headers=headers)
    assert page.headers["Cache-Control"] == "private, no-store"
    assert "Authorization" in page.headers["Vary"]
    rest = client.get(page.headers["Link"].split(">")[0][1:], headers=headers).get_json()
    assert _texts(page.get_json()["contributions"] + rest["contributions"]) == ["first", "second"]
    stream = client.get(OWN, headers={**headers, "Accept": "application/x-ndjson"})
    assert _texts(list(map(json.loads, stream.text.splitlines()))) == ["first", "second"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"Authorization": "Basic YTpi"}, 401), ({"Authorization": "Bearer ada"}, 403)],
)
def test_without_a_key_that_owns_something_nothing_is_listed(
    client: FlaskClient, headers: dict[str, str], status: int
) -> None:
    response = client.get(OWN, headers=headers)
    assert response.status_code == status
    assert ("WWW-Authenticate" in response.headers) == (status == 401)


@pytest.mark.parametrize("parameter", ["contributor_id=x", "versions=latest"])
def test_whose_and_which_versions_cannot_be_asked_for(client: FlaskClient, parameter: str) -> None:
    headers = {"Authorization": f"Bearer {OWNER}"}
    assert client.get(f"{OWN}?{parameter}", headers=headers).status_code == 422
