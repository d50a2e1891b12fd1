import json
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest

from chatlake_client import Application, Attachment, Submission, ToolCall, Turn
from chatlake_client.contract import Defaults
from chatlake_client.submission import body_of_submission, submission_of_body
from tests.client.reading import body_of
from tests.client.submissions import submission

FULL = Submission(
    agent_id="mistral-7b-instruct",
    conversation=(
        Turn("Why is the sky blue?", role="user"),
        Turn("Mie.", role="assistant", rating="negative", edited_content="Rayleigh.", stopped=True),
        Turn(
            role="assistant",
            reasoning="Let me look.",
            model="mistral-7b",
            created_at=datetime(2026, 11, 29, 8, 30, tzinfo=UTC),
            tool_calls=(ToolCall(id="c1", name="look", arguments='{"at": "sky"}'),),
            alternatives=((Turn("I can't see.", role="assistant", model="m"), Turn("Oh.")),),
        ),
        Turn("blue", role="tool", tool_call_id="c1", name="look"),
        Turn(
            "",
            role="user",
            attachments=(
                Attachment(
                    kind="image",
                    media_type="image/png",
                    name="sky.png",
                    bytes=68,
                    sha256="a" * 64,
                    text="A sky.",
                ),
            ),
        ),
    ),
    source="my-chat-app",
    submitter_id="a-stable-pseudonym",
    ingest_id="conversation-17",
    attribution="Ada L.",
    prompt_template="%1",
    chat_template="{{ m }}",
    created_at=datetime(2026, 11, 29, 8, 30, 15, 250000, tzinfo=UTC),
    title="Sky",
    client=Application("my-chat-app", "2.1.0"),
    licence="CC-BY-4.0",
    tools='[{"name": "look"}]',
    labels={"language": "en"},
    terms_version="2026-11",
)


def without_zones(body: object) -> str:
    """A body as text, in which times in UTC are spelled in one way."""
    return json.dumps(body, sort_keys=True).replace("+00:00", "Z").replace(".250000", ".25")


def test_a_submission_with_every_field_is_what_the_command_sends_for_such_a_row() -> None:
    body = body_of_submission(FULL)
    assert without_zones(body) == without_zones(body_of(body, Defaults(terms_version="2026-11")))
    assert body["network/attribution"] == "Ada L."
    assert len(body) == 15


def test_fields_that_are_none_are_not_sent() -> None:
    body = body_of_submission(submission("", ingest_id="i"))
    assert body == {
        "agent_id": "a",
        "ingest_id": "i",
        "conversation": [{"content": "", "role": "user"}],
    }


def test_a_submission_without_an_ingest_id_gets_a_generated_id() -> None:
    first, second = (str(body_of_submission(submission())["ingest_id"]) for _ in range(2))
    assert first != second
    assert uuid.UUID(first).version == 4


def test_a_submission_comes_back_from_its_json() -> None:
    assert submission_of_body(json.loads(json.dumps(body_of_submission(FULL)))) == FULL


def test_objects_in_the_place_of_json_texts_become_texts() -> None:
    calls = [ToolCall(name="look", arguments={"at": "sky"}), ToolCall(name="wait", arguments={})]
    turn = Turn(role="assistant", tool_calls=calls)
    body = body_of_submission(
        Submission(agent_id="a", conversation=[turn], tools=[{"name": "look"}])
    )
    assert body["tools"] == '[{"name": "look"}]'
    assert body["conversation"] == [
        {
            "content": "",
            "role": "assistant",
            "tool_calls": [{"name": "look", "arguments": '{"at": "sky"}'}, {"name": "wait"}],
        }
    ]


def test_a_time_keeps_its_zone_and_needs_one() -> None:
    time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))
    body = body_of_submission(Submission(agent_id="a", conversation=[Turn()], created_at=time))
    assert body["created_at"] == "2026-01-02T03:04:05+01:00"
    bare = Turn("Hi", created_at=time.replace(tzinfo=None))
    with pytest.raises(ValueError, match="has no time zone"):
        body_of_submission(Submission(agent_id="a", conversation=[bare]))


def test_a_file_of_no_bytes_has_a_size() -> None:
    turn = Turn(attachments=[Attachment(kind="file", bytes=0)])
    body = body_of_submission(Submission(agent_id="a", conversation=[turn]))
    assert body["conversation"] == [{"content": "", "attachments": [{"kind": "file", "bytes": 0}]}]
