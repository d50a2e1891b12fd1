"""Answers in pieces, and events of the realtime API, that can't be put together."""

from pathlib import Path
from typing import Any

import pytest

from tests.client.reading import file_of, read_all, texts

ENDED = {"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}
GEMINI = {"candidates": [ENDED], "modelVersion": "g"}
OLLAMA = {"model": "m", "created_at": "2025-01-01T10:00:00Z", "done": False, "response": "a"}
OLLAMA_END = {**OLLAMA, "done": True, "response": ""}
CREATED = {"type": "conversation.item.created", "event_id": "1"}
ALOUD = {"id": "i", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
HEARD = {
    "type": "conversation.item.input_audio_transcription.completed",
    "event_id": "2",
    "item_id": "i",
    "transcript": "Which tea?",
}


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([GEMINI, GEMINI], "2 answers"),
        ([OLLAMA, OLLAMA_END, OLLAMA, OLLAMA_END], "2 answers"),
        ([GEMINI, OLLAMA], "several kinds"),
        ([{**CREATED, "item": ALOUD}], "no transcript"),
        (
            [{"type": "session.created", "event_id": "3", "session": {"id": id_}} for id_ in "ab"],
            "2 sessions",
        ),
    ],
)
def test_pieces_of_several_answers_are_refused(
    tmp_path: Path, rows: list[Any], reason: str
) -> None:
    conversations, (rejected, *_), _ = read_all(file_of(tmp_path / "a.jsonl", *rows))
    assert conversations == []
    assert reason in rejected.message


def test_pieces_of_gemini_belong_to_the_answer_that_they_name(tmp_path: Path) -> None:
    rows = [{**GEMINI, "responseId": id_} for id_ in "abab"]
    conversations, rejected, _ = read_all(file_of(tmp_path / "a.jsonl", *rows))
    assert [texts(one.turns) for one in conversations] == [[("assistant", "aa")]] * 2
    assert rejected == []


def test_whole_answers_of_ollama_stand_alone(tmp_path: Path) -> None:
    whole = {**OLLAMA, "done": True}
    conversations, _, _ = read_all(file_of(tmp_path / "a.jsonl", whole, whole))
    assert [texts(one.turns) for one in conversations] == [[("assistant", "a")]] * 2


def test_what_was_said_aloud_is_what_the_service_heard(tmp_path: Path) -> None:
    events = [{**CREATED, "item": ALOUD}, HEARD]
    (conversation,), _, _ = read_all(file_of(tmp_path / "a.jsonl", *events))
    assert texts(conversation.turns) == [("user", "Which tea?")]
