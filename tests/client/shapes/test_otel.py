import json
from pathlib import Path
from typing import Any

from tests.client.reading import file_of, found_of, read_all


def message(role: str, text: str) -> Any:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def call(*asked: Any, answer: str) -> Any:
    return {
        "eventName": "gen_ai.client.inference.operation.details",
        "timeUnixNano": "1748700000500000000",
        "attributes": {
            "gen_ai.conversation.id": "c",
            "gen_ai.input.messages": list(asked),
            "gen_ai.output.messages": [message("assistant", answer)],
        },
    }


FIRST = call(message("user", "q"), answer="a")
SECOND = call(message("user", "q"), message("assistant", "a"), message("user", "r"), answer="b")


def test_a_call_that_repeats_those_before_it_is_the_conversation(tmp_path: Path) -> None:
    (conversation,), _, _ = read_all(file_of(tmp_path / "a", FIRST, SECOND))
    assert [turn.content for turn in conversation.turns] == ["q", "a", "r", "b"]


def test_messages_may_be_texts_of_json(tmp_path: Path) -> None:
    calls = [
        {
            **call,
            "attributes": {key: json.dumps(value) for key, value in call["attributes"].items()},
        }
        for call in (FIRST, SECOND)
    ]
    (conversation,), _, _ = read_all(file_of(tmp_path / "a", *calls))
    assert [turn.content for turn in conversation.turns] == ["q", "a", "r", "b"]


def test_a_call_that_no_other_repeats_is_not_lost_in_silence(tmp_path: Path) -> None:
    other = call(message("user", "else"), answer="a")
    (conversation,), _, _ = read_all(file_of(tmp_path / "a", other, SECOND))
    assert conversation.turns[-1].content == "b"
    assert found_of({"resourceLogs": [{"scopeLogs": [{"logRecords": [other, SECOND]}]}]})[1].named


def test_records_of_other_things_are_skipped(tmp_path: Path) -> None:
    other = {"eventName": "app.started", "attributes": [{"key": "v", "value": {"intValue": "1"}}]}
    found, rejected, skipped = read_all(file_of(tmp_path / "a", other))
    assert (len(found), len(rejected), len(skipped)) == (0, 0, 1)
