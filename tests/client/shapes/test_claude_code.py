from pathlib import Path
from typing import Any

from tests.client.reading import file_of, read_all
from tests.client.telling import told


def record(uuid: str, parent: str | None, kind: str, content: Any, **more: Any) -> Any:
    message = {"role": kind, "content": content, **more}
    return {
        "type": kind,
        "sessionId": "s",
        "uuid": uuid,
        "parentUuid": parent,
        "message": message,
    }


def called(number: str) -> list[Any]:
    return [{"type": "tool_use", "id": number, "name": "f", "input": {}}]


def answered(number: str) -> list[Any]:
    return [{"type": "tool_result", "tool_use_id": number, "content": f"r{number}"}]


def test_answers_to_calls_of_one_message_follow_one_another(tmp_path: Path) -> None:
    records = [
        record("u", None, "user", "q"),
        record("a1", "u", "assistant", called("1"), id="m"),
        record("t1", "a1", "user", answered("1")),
        record("a2", "a1", "assistant", called("2"), id="m"),
        record("x", "a2", "assistant", [{"type": "redacted_thinking", "data": "x"}], id="m"),
        record("t2", "x", "user", answered("2")),
        record("b", "t2", "assistant", [{"type": "text", "text": "a"}], id="n"),
    ]
    (conversation,), _, _ = read_all(file_of(tmp_path / "s.jsonl", *records))
    assert told(conversation)["turns"] == [
        {"role": "user", "content": "q"},
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "1", "name": "f", "arguments": {}},
                {"id": "2", "name": "f", "arguments": {}},
            ],
        },
        {"role": "tool", "content": "r1", "tool_call_id": "1"},
        {"role": "tool", "content": "r2", "tool_call_id": "2"},
        {"role": "assistant", "content": "a"},
    ]


def test_a_question_that_was_asked_anew_has_the_first_one_as_its_alternative(
    tmp_path: Path,
) -> None:
    records = [
        record("u", None, "user", "q"),
        record("a", "u", "assistant", "a"),
        record("v", "u", "assistant", "b"),
    ]
    (conversation,), _, _ = read_all(file_of(tmp_path / "s.jsonl", *records))
    assert told(conversation)["turns"] == [
        {"role": "user", "content": "q"},
        {
            "role": "assistant",
            "content": "b",
            "alternatives": [[{"role": "assistant", "content": "a"}]],
        },
    ]


def test_what_the_program_wrote_is_left_out_and_its_followers_are_kept(tmp_path: Path) -> None:
    records = [
        record("u", None, "user", "q"),
        {**record("m", "u", "user", "/clear"), "isMeta": True},
        {**record("s", "m", "assistant", "side"), "isSidechain": True},
        record("a", "m", "assistant", "a"),
        {"type": "summary", "leafUuid": "a", "summary": "S"},
    ]
    (conversation,), _, skipped = read_all(file_of(tmp_path / "s.jsonl", *records))
    assert [turn.content for turn in conversation.turns] == ["q", "a"]
    assert len(skipped) == 3
