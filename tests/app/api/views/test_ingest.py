import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.access.contributors.keys import new_contributor_key
from app.services import Services, current_services
from app.settings import Settings
from tests.factories import UNGUESSABLE, make_submission
from tests.lakes import LakeTemplate

URL = "/v1/ingest/chat"
LONGEST_TEST_S = 30

MakeClient = Callable[..., FlaskClient]


def prefer(client: FlaskClient, preference: str, **fields: Any) -> TestResponse:
    return client.post(URL, json=make_submission(**fields), headers={"Prefer": preference})


@pytest.fixture
def committing(services: Services) -> Iterator[None]:
    """A committer that runs during the test."""
    stop = Event()
    thread = Thread(target=services.jobs.committer().run, args=(stop,))
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.fixture
def settings(tmp_path: Path, lake_template: LakeTemplate) -> Settings:
    return lake_template.copy(
        tmp_path / "home", commit_interval_s=0.01, max_waiting=1, max_wait_s=25
    )


@pytest.fixture
def with_settings(
    app: Flask,  # noqa: ARG001  # it has migrated the lake
    settings: Settings,
) -> Iterator[MakeClient]:
    """A function that returns a client of an application with other settings on the same lake."""
    with ExitStack() as others:

        def make(**values: Any) -> FlaskClient:
            other = create_app(replace(settings, **values))
            with other.app_context():
                others.callback(current_services().close)
            return other.test_client()

        yield make


def test_the_answer_is_the_ingest_id_and_nothing_else(client: FlaskClient) -> None:
    owner = new_contributor_key()
    submission = make_submission(ingest_id=UNGUESSABLE, submitter_id=owner)
    response = client.post(URL, json=submission)
    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert response.json == {"ingest_id": UNGUESSABLE}


@pytest.mark.parametrize(
    "sent",
    [{}, {"ingest_id": UNGUESSABLE}, {"ingest_id": "i"}, {"submitter_id": "ada"}],
)
def test_who_sends_nothing_that_owns_it_is_told_so(
    client: FlaskClient, sent: dict[str, str]
) -> None:
    answer = client.post(URL, json=make_submission(**sent))
    assert answer.get_json()["owned"] is False
    upload = client.post(
        "/v1/ingest/chats",
        data=json.dumps(make_submission("b", **sent)),
        content_type="application/x-ndjson",
    )
    assert upload.get_json()["unowned"] == 1


@pytest.mark.parametrize("absent", [{}, {"ingest_id": None}, {"ingest_id": ""}])
def test_a_submission_without_an_ingest_id_gets_a_generated_id(
    client: FlaskClient, services: Services, absent: dict[str, Any]
) -> None:
    response = client.post(URL, json=make_submission(**absent))
    assert response.status_code == 200
    assert response.json is not None
    assert list(response.json) == ["ingest_id", "owned"]
    assert UUID(response.json["ingest_id"]).version == 7
    services.jobs.committer().drain()
    (row,) = client.get("/v1/contributions").get_json()["contributions"]
    assert row["conversation_id"] == row["contribution_id"] == response.json["ingest_id"]


@pytest.mark.both
def test_a_submission_is_read_back_with_every_field_in_its_column(
    client: FlaskClient, services: Services
) -> None:
    turns = [
        {"content": "Why?", "role": "user"},
        {
            "content": "Зачем \U0001f995 \u202e…",
            "role": "assistant",
            "rating": "negative",
            "stopped": "true",
            "edited_content": "Because.",
        },
    ]
    fields = {
        "source": "my-app",
        "prompt_template": "### %1",
        "chat_template": "{{ messages }}",
        "agent_id": "mistral",
    }
    ids = {"submitter_id": "ada", "ingest_id": UNGUESSABLE}
    others = {"network/attribution": "Ada L.", "unknown": 1, "conversation": turns}
    submission = {**fields, **ids, **others}
    assert client.post(URL, json=submission).status_code == 200
    services.jobs.committer().drain()
    (row,) = client.get("/v1/contributions").get_json()["contributions"]
    assert {name: row[name] for name in fields} == fields
    assert row["attribution"] == "Ada L."
    assert _without_defaults(row["conversation"]) == [turns[0], {**turns[1], "stopped": True}]


@pytest.mark.both
@pytest.mark.parametrize("many", [False, True])
def test_a_rich_conversation_is_read_back_as_it_was_sent(
    client: FlaskClient, services: Services, many: bool
) -> None:
    call = {"id": "1", "name": "get_weather", "arguments": '{"city":  "Bonn"}'}
    described = {"kind": "image", "media_type": "image/png", "name": "sky.png", "bytes": 0}
    answer = {"content": "No.", "role": "assistant", "created_at": "2026-11-29T08:30:00Z"}
    conversation = [
        {"content": "Is it blue?", "role": "user", "attachments": [described]},
        {"content": "", "role": "assistant", "reasoning": "Bonn …", "tool_calls": [call]},
        {"content": "overcast", "role": "tool", "tool_call_id": "1", "name": "get_weather"},
        {**answer, "model": "mistral-7b", "alternatives": [[{"content": "Yes."}, answer]]},
    ]
    fields = {
        "agent_id": "mistral",
        "created_at": "2026-11-29T08:00:00.123456Z",
        "title": "The sky",
        "client": {"name": "my-chat-app", "version": "2.1.0"},
        "licence": "CC-BY-4.0",
        "tools": '[{"type": "function"}]',
        "labels": {"topic": "weather"},
    }
    submission = {**fields, "conversation": conversation}
    if many:
        # By columns, and one by one.
        lines = [submission, {**submission, "labels": {}}]
        body = "".join(json.dumps(line) + "\n" for line in lines)
        answered = client.post(URL + "s", data=body, content_type="application/x-ndjson")
        assert answered.get_json()["accepted"] == 2
    else:
        assert client.post(URL, json=submission).status_code == 200
    services.jobs.committer().drain()
    rows = client.get("/v1/contributions").get_json()["contributions"]
    assert [row.get("labels") for row in rows] == [fields["labels"], None][: len(rows)]
    for row in rows:
        found = {name: row[name] for name in fields.keys() - {"labels"}}
        assert found == {name: fields[name] for name in found}
        assert _without_defaults(row["conversation"]) == conversation


def _without_defaults(value: Any) -> Any:
    """Return a value of an answer without what is null or false in it."""
    if isinstance(value, list):
        return list(map(_without_defaults, value))
    if isinstance(value, dict):
        kept = {name: _without_defaults(inner) for name, inner in value.items()}
        return {
            name: inner for name, inner in kept.items() if inner is not None and inner is not False
        }
    return value


def test_ignored_keys_are_named_each_time_and_not_stored(
    client: FlaskClient, services: Services
) -> None:
    turn = {"content": "Hi", "tokens": 3}
    submission = make_submission(submitter_id="ada", ingest_id="i", foo={}, conversation=[turn])
    expected = {"ingest_id": "i", "owned": False, "ignored": ["conversation.tokens", "foo"]}
    assert client.post(URL, json=submission).get_json() == expected
    assert client.post(URL, json=submission).get_json() == expected
    waited = client.post(URL, json=submission, headers={"Prefer": "wait=0"}).get_json()
    assert waited["ignored"] == expected["ignored"]
    services.jobs.committer().drain()
    (row,) = client.get("/v1/contributions").get_json()["contributions"]
    assert "foo" not in row
    assert "tokens" not in row["conversation"][0]


@pytest.mark.parametrize("key", ["\ud800", "\x00", "x" * 10_000, "<script>"])
def test_whatever_the_name_of_an_ignored_key_the_answer_is_json(
    client: FlaskClient, key: str
) -> None:
    answer = client.post(URL, json=make_submission(**{key: 1}))
    assert (answer.status_code, len(answer.get_json()["ignored"])) == (200, 1)


@pytest.mark.parametrize(
    "labels", [{"\ud800": "x"}, {"x": "\ud800"}, {str(n): "" for n in range(33)}]
)
def test_wrong_labels_are_refused_by_name(client: FlaskClient, labels: dict[str, str]) -> None:
    answer = client.post(URL, json=make_submission(labels=labels))
    assert (answer.status_code, set(answer.get_json()["errors"])) == (422, {"labels"})


@pytest.mark.parametrize(
    "content_type",
    [None, "application/json", "application/json; charset=utf-8", "application/a+json"],
)
def test_json_is_taken_under_any_of_its_names_or_none(
    client: FlaskClient, content_type: str | None
) -> None:
    response = client.post(URL, data=json.dumps(make_submission()), content_type=content_type)
    assert response.status_code == 200


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml"],
)
def test_a_content_type_other_than_json_is_refused_by_name(
    client: FlaskClient, content_type: str
) -> None:
    response = client.post(URL, data=json.dumps(make_submission()), content_type=content_type)
    assert response.status_code == 415
    assert content_type in response.get_json()["message"]


@pytest.mark.both
@pytest.mark.usefixtures("committing")
def test_waiting_answers_after_the_commit_with_its_snapshot(client: FlaskClient) -> None:
    response = prefer(client, "wait=25", ingest_id=UNGUESSABLE)
    assert response.status_code == 200
    answer = response.get_json()
    assert set(answer) == {"ingest_id", "contribution_id", "snapshot_id", "owned"}
    assert response.headers["Preference-Applied"] == "wait=25"
    path = f"/v1/contributions/{answer['contribution_id']}?snapshot_id={answer['snapshot_id']}"
    assert client.get(path).get_json()["contribution_id"] == answer["contribution_id"]


@pytest.mark.parametrize(
    ("preference", "awaited"), [("wait=1", 1), ("wait=0", 0), ("respond-async", 0)]
)
def test_a_submission_is_awaited_if_its_client_waits(
    with_settings: MakeClient, services: Services, preference: str, awaited: int
) -> None:
    client = with_settings(max_waiting=0)
    prefer(client, preference)
    assert services.ingest.journal.backlog().awaited_entries == awaited


def test_a_wait_that_runs_out_is_answered_as_accepted(client: FlaskClient) -> None:
    response = prefer(client, "wait=0", ingest_id=UNGUESSABLE)
    assert response.status_code == 202
    answer = response.get_json()
    assert set(answer) == {"ingest_id", "contribution_id", "owned"}
    assert answer["ingest_id"] == UNGUESSABLE
    assert response.headers["Preference-Applied"] == "wait=0"


def test_no_wait_is_longer_than_the_setting(with_settings: MakeClient) -> None:
    client = with_settings(max_wait_s=1)
    started = monotonic()
    response = prefer(client, "wait=999999999")
    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "wait=1"
    assert monotonic() - started >= 1


def test_a_request_over_the_limit_of_waiting_is_answered_at_once(
    client: FlaskClient, services: Services
) -> None:
    answers: list[TestResponse] = []
    first = Thread(target=lambda: answers.append(prefer(client, "wait=25", ingest_id="first")))
    first.start()
    deadline = monotonic() + LONGEST_TEST_S
    while not services.ingest.commit_waiter.waiting:
        assert monotonic() < deadline
    started = monotonic()
    second = prefer(services_client(client), "wait=25", ingest_id="second")
    assert second.status_code == 202
    assert monotonic() - started < 20
    services.jobs.committer().drain()
    first.join()
    assert [answer.status_code for answer in answers] == [200]


def services_client(client: FlaskClient) -> FlaskClient:
    """Return another client of the same application, because each thread needs its own."""
    return client.application.test_client()


@pytest.mark.slow
def test_with_max_waiting_zero_every_wait_is_answered_at_once(with_settings: MakeClient) -> None:
    client = with_settings(max_waiting=0)
    started = monotonic()
    assert prefer(client, "wait=25").status_code == 202
    assert monotonic() - started < 20


@pytest.mark.parametrize(
    "preference",
    [
        "wait",
        "wait=",
        "wait=soon",
        "wait=-1",
        "wait=1.5",
        "wait=10x",
        'wait="10',
        "wait=10 seconds",
        "wait=9999999999",
        "nowait=10",
        "respond-async",
        "return=minimal; wait=0",
        "x\udce9=1".encode("utf-8", "surrogateescape").decode("latin-1"),
    ],
)
def test_an_unknown_or_malformed_preference_is_ignored(
    client: FlaskClient, preference: str
) -> None:
    response = prefer(client, preference, ingest_id=UNGUESSABLE)
    assert response.status_code == 200
    assert response.get_json() == {"ingest_id": UNGUESSABLE, "owned": False}
    assert "Preference-Applied" not in response.headers


@pytest.mark.parametrize(
    "preference",
    ["wait=0", "WAIT=0", 'wait="0"', "wait = 0", "respond-async, wait=0", "wait=0; foo, bar=1"],
)
def test_a_wait_is_found_however_it_is_spelled(client: FlaskClient, preference: str) -> None:
    response = prefer(client, preference)
    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "wait=0"


@pytest.mark.both
def test_a_repeated_submission_is_the_same_contribution(
    client: FlaskClient, services: Services
) -> None:
    fields = {"submitter_id": "ada", "ingest_id": "my-chat"}
    first = prefer(client, "wait=0", **fields).get_json()
    assert prefer(client, "wait=0", **fields).get_json() == first
    services.jobs.committer().drain()
    again = prefer(client, "wait=0", **fields)
    assert again.status_code == 200
    assert again.get_json()["contribution_id"] == first["contribution_id"]
    services.jobs.committer().drain()
    found = client.get("/v1/contributions?versions=all").get_json()
    assert [row["contribution_id"] for row in found["contributions"]] == [first["contribution_id"]]
    assert again.get_json()["snapshot_id"] == found["snapshot_id"]


@pytest.mark.both
def test_another_content_or_contributor_is_another_contribution(client: FlaskClient) -> None:
    submissions = [
        make_submission("one", ingest_id="my-chat", submitter_id="ada"),
        make_submission("two", ingest_id="my-chat", submitter_id="ada"),
        make_submission("one", ingest_id="my-chat", submitter_id="bob"),
        make_submission("one", ingest_id="my-chat"),
    ]
    answers = [
        client.post(URL, json=submission, headers={"Prefer": "wait=0"}).get_json()
        for submission in submissions
    ]
    assert len({answer["contribution_id"] for answer in answers}) == len(submissions)


def test_a_conversation_may_have_as_many_turns_as_the_limit(
    with_settings: MakeClient,
) -> None:
    client = with_settings(max_turns=3)
    assert client.post(URL, json=make_submission(*"abc")).status_code == 200
    response = client.post(URL, json=make_submission(*"abcd"))
    assert response.status_code == 413
    assert "max_turns = 3" in response.get_json()["message"]


def test_networks_of_contributors_are_noted_through_flask_too(
    client: FlaskClient, services: Services
) -> None:
    from_elsewhere = {"REMOTE_ADDR": "198.51.100.7"}
    sent = make_submission(submitter_id=UNGUESSABLE)
    assert client.post(URL, json=sent, environ_base=from_elsewhere).status_code == 200
    assert client.post(URL, json=make_submission(), environ_base=from_elsewhere).status_code == 200
    assert len(services.access.networks.read()) == 1
    other = json.dumps(make_submission(submitter_id=f"{UNGUESSABLE} other"))
    answer = client.post(
        "/v1/ingest/chats",
        data=other,
        content_type="application/x-ndjson",
        environ_base=from_elsewhere,
    )
    assert answer.status_code == 200
    assert len(set(services.access.networks.read()["network"].to_pylist())) == 1
    assert len(services.access.networks.read()) == 2
