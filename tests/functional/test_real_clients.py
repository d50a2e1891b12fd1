"""Submissions of existing clients are stored column by column, and those of ours exactly once."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from pyiceberg.expressions import EqualTo

from catalog.schema import ALWAYS_PRESENT
from chatlake_client import Client, Submission, Turn
from tests.functional.server import Server, eventually

# The GPT4All desktop client, 3.x: gpt4all-chat/src/network.cpp builds the object, compact and
# with its keys sorted, as Qt writes them; the turns come from its QML, where `stopped` is a text.
DESKTOP_BODY = (
    '{"agent_id":"Meta-Llama-3-8B-Instruct.Q4_0.gguf",'
    '"chat_template":"{% for message in messages %}{{ message[\'content\'] }}{% endfor %}",'
    '"conversation":['
    '{"content":"Wer war \\"Ada\\"?\\n","role":"user"},'
    '{"content":"Ada Lovelace \U0001f469‍\U0001f4bb war","edited_content":"Ada Lovelace.",'
    '"rating":"negative","role":"assistant","stopped":"true"},'
    '{"content":"Danke","role":"user"},'
    '{"content":"Gern.","rating":"positive","role":"assistant"}],'
    '"ingest_id":"5f1ff3a9-0a5e-4d3c-8f6e-1d3a9b0c4e21",'
    '"network/attribution":"Ada\'s friend, 北京",'
    '"source":"gpt4all-chat",'
    '"submitter_id":"0d9c9a4e-6b1b-4a68-bd20-3d1f6cf7a2f5"}'
)
# The bulk script of the GPT4All datalake, client/ingestor.py: its defaults are empty texts.
BULK_BODY = {
    "source": "",
    "submitter_id": "",
    "agent_id": "",
    "conversation": [
        {"content": "What is a datalake?", "role": "user"},
        {"content": "", "role": "assistant"},
    ],
}


def _post(server: Server, body: bytes) -> requests.Response:
    return requests.post(
        f"{server.url}/v1/ingest/chat",
        data=body,
        headers={"Content-Type": "application/json", "Prefer": "wait=30"},
        timeout=60,
    )


def _stored(server: Server, answer: requests.Response) -> dict[str, Any]:
    """Return the row of an answered submission, read by pyiceberg from the snapshot it names."""
    assert answer.status_code == 200, answer.text
    committed = answer.json()
    scan = server.table().scan(
        row_filter=EqualTo("contribution_id", committed["contribution_id"]),
        snapshot_id=int(committed["snapshot_id"]),
    )
    (row,) = scan.to_arrow().to_pylist()
    row["conversation"] = [_first_fields(turn) for turn in row["conversation"]]
    return _first_fields(row)


def _first_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that these clients know; all others are empty.

    pyiceberg reads a list that is null as an empty one.
    """
    assert not any(fields[name] for name in fields.keys() - ALWAYS_PRESENT)
    return {name: value for name, value in fields.items() if name in ALWAYS_PRESENT}


def _turn(content: str, role: str, **fields: Any) -> dict[str, Any]:
    absent = {"rating": None, "stopped": False, "edited_content": None}
    return {"content": content, "role": role, **absent, **fields}


def test_the_desktop_clients_body_is_stored_with_every_field_in_its_column(
    shared_server: Server,
) -> None:
    before = datetime.now(UTC)

    row = _stored(shared_server, _post(shared_server, DESKTOP_BODY.encode()))

    received_at = row.pop("received_at")
    assert before.replace(microsecond=0) <= received_at <= datetime.now(UTC)
    assert len(row.pop("contribution_id")) == 36
    assert len(row.pop("content_hash")) == 64
    ids, submitter_id = shared_server.ids(), "0d9c9a4e-6b1b-4a68-bd20-3d1f6cf7a2f5"
    ingest_id = "5f1ff3a9-0a5e-4d3c-8f6e-1d3a9b0c4e21"
    assert row == {
        "conversation_id": ids.conversation_id(submitter_id, ingest_id),
        "source": "gpt4all-chat",
        "contributor_id": ids.contributor_id(submitter_id),
        "attribution": "Ada's friend, 北京",
        "agent_id": "Meta-Llama-3-8B-Instruct.Q4_0.gguf",
        "prompt_template": None,
        "chat_template": "{% for message in messages %}{{ message['content'] }}{% endfor %}",
        "conversation": [
            _turn('Wer war "Ada"?\n', "user"),
            _turn(
                "Ada Lovelace \U0001f469‍\U0001f4bb war",
                "assistant",
                rating="negative",
                stopped=True,
                edited_content="Ada Lovelace.",
            ),
            _turn("Danke", "user"),
            _turn("Gern.", "assistant", rating="positive"),
        ],
        "sequence_number": None,
    }


def test_the_desktop_client_gets_200_and_its_ingest_id_and_nothing_else(
    shared_server: Server,
) -> None:
    answer = requests.post(
        f"{shared_server.url}/v1/ingest/chat",
        data=DESKTOP_BODY.encode(),
        headers={"Content-Type": "application/json"},
        timeout=60,
    )

    assert answer.status_code == 200
    assert answer.json() == {"ingest_id": "5f1ff3a9-0a5e-4d3c-8f6e-1d3a9b0c4e21"}


def test_the_bulk_scripts_empty_texts_are_stored_as_unknown(shared_server: Server) -> None:
    answer = _post(shared_server, json.dumps({**BULK_BODY, "agent_id": "gpt-3.5-turbo"}).encode())

    row = _stored(shared_server, answer)

    assert row["source"] is None
    assert row["contributor_id"] is None
    assert row["prompt_template"] is None
    assert row["chat_template"] is None
    assert row["attribution"] is None
    assert row["agent_id"] == "gpt-3.5-turbo"
    assert row["conversation_id"] == row["contribution_id"] == answer.json()["ingest_id"]
    assert row["conversation"] == [
        _turn("What is a datalake?", "user"),
        # What a model answered is content, even when it answered nothing.
        _turn("", "assistant"),
    ]


def test_the_bulk_scripts_default_agent_is_taken_too(shared_server: Server) -> None:
    row = _stored(shared_server, _post(shared_server, json.dumps(BULK_BODY).encode()))

    assert row["agent_id"] == ""


@pytest.mark.parametrize("stopped", ["true", "false", True, False])
def test_stopped_is_read_as_a_boolean_from_either_client(
    shared_server: Server, stopped: str | bool
) -> None:
    turn = {"content": f"stopped: {stopped!r}", "stopped": stopped}

    row = _stored(
        shared_server,
        _post(shared_server, json.dumps({"agent_id": "a", "conversation": [turn]}).encode()),
    )

    assert row["conversation"][0]["stopped"] is (stopped in {"true", True})


def test_a_browser_page_of_any_origin_may_submit(shared_server: Server) -> None:
    preflight = requests.options(
        f"{shared_server.url}/v1/ingest/chat",
        headers={
            "Origin": "https://chat.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
        timeout=60,
    )

    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in preflight.headers


def test_the_client_delivers_submissions_queued_during_an_outage(
    shared_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Port 9 takes nothing in, as a service that is down. Without pyarrow, uploads are gzip.
    monkeypatch.setattr("chatlake_client.compression.pyarrow_or_none", lambda: None)
    queue = tmp_path / "outbox.sqlite"
    submissions = [
        Submission(
            agent_id="a",
            source="our-client",
            submitter_id="me",
            attribution="Ada L.",
            ingest_id=f"conversation-{number}",
            conversation=[
                Turn("Why?", role="user"),
                Turn("So.", role="assistant", rating="negative", stopped=True, edited_content="No"),
            ],
        )
        for number in range(3)
    ]
    away = Client("http://127.0.0.1:9", queue=queue)
    for submission in submissions:
        away.submit(submission)
    assert away.close(timeout_s=0) == 3

    with Client(shared_server.url, queue=queue) as client:
        assert client.flush(60)
        assert client.submit_many(submissions).accepted == 3
        refused = Submission(agent_id="\x00", conversation=[Turn("Hi")], source="our-client")
        assert client.submit_many([refused]).rejected == 1
        assert client.rejected()[0].status == 422

    eventually("they are visible", lambda: shared_server.count(source="our-client") == 3)
    assert shared_server.count(source="our-client", versions="all") == 3
    answer = shared_server.get("contributions", source="our-client", limit=1)
    (row,) = answer.json()["contributions"]
    assert row["attribution"] == "Ada L."
    assert row["conversation"] == [
        _turn("Why?", "user"),
        _turn("So.", "assistant", rating="negative", stopped=True, edited_content="No"),
    ]
