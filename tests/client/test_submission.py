import json
import uuid

from chatlake_client import Submission, Turn
from chatlake_client.contract import Defaults
from chatlake_client.submission import body_of_submission, submission_of_body
from tests.client.reading import body_of
from tests.client.submissions import submission

FULL = Submission(
    agent_id="mistral-7b-instruct",
    conversation=(
        Turn("Why is the sky blue?", role="user"),
        Turn("Mie.", role="assistant", rating="negative", edited_content="Rayleigh.", stopped=True),
    ),
    source="my-chat-app",
    submitter_id="a-stable-pseudonym",
    ingest_id="conversation-17",
    attribution="Ada L.",
    prompt_template="%1",
    chat_template="{{ m }}",
)


def test_a_submission_with_every_field_is_what_the_command_sends_for_such_a_row() -> None:
    body = body_of_submission(FULL)
    assert body == body_of(body, Defaults())
    assert body["network/attribution"] == "Ada L."
    assert len(body) == 8


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
