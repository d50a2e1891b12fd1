"""What lists of messages tell by themselves."""

from typing import Any

import pytest

from chatlake_client.errors import RowError
from tests.client.reading import conversation_of, texts

ASKED, ANSWERED = {"role": "user", "content": "Tide?"}, {"role": "assistant", "content": "Low."}
TALK = [("user", "Tide?"), ("assistant", "Low.")]


def dated(message: dict[str, Any], second: int) -> dict[str, Any]:
    return {**message, "created_at": 1_700_000_000 + second}


def test_messages_that_stand_newest_first_are_turned_round() -> None:
    assert texts(conversation_of([dated(ANSWERED, 5), dated(ASKED, 1)]).turns) == TALK


@pytest.mark.parametrize("seconds", [(1, 1), (1, 5), (5, None)])
def test_other_messages_keep_their_order(seconds: tuple[int, int | None]) -> None:
    first, last = seconds
    other = ANSWERED if last is None else dated(ANSWERED, last)
    assert texts(conversation_of([dated(ASKED, first), other]).turns) == TALK


@pytest.mark.parametrize(
    ("id_key", "parent_key"),
    [("id", "parentId"), ("message_id", "parent_message"), ("uuid", "parentUuid")],
)
def test_messages_that_name_what_they_follow_are_a_tree(id_key: str, parent_key: str) -> None:
    messages = [
        {**dated(ASKED, 1), id_key: "a", parent_key: None},
        {**dated(ANSWERED, 2), id_key: "b", parent_key: "a"},
        {**dated(ANSWERED, 3), "content": "Rising.", id_key: "c", parent_key: "a"},
    ]
    _, newest = conversation_of({"messages": messages}).turns
    assert newest.content == "Rising."
    assert texts(newest.alternatives[0]) == TALK[1:]
    _, shown = conversation_of({"messages": messages, "current_node": "b"}).turns
    assert shown.content == "Low."


def test_who_speaks_to_an_assistant_alone_is_the_user() -> None:
    messages = [{"sender": "Ada", "text": "Tide?"}, {"sender": "Gemini", "text": "Low."}]
    assert texts(conversation_of({"messages": messages}).turns) == TALK


@pytest.mark.parametrize("other", ["Ben", "Cleo"])
def test_people_among_themselves_are_refused(other: str) -> None:
    messages = [{"from": "Ada", "text": "Tide?"}, {"from": other, "text": "Low."}]
    with pytest.raises(RowError, match="'Ada' is no known word for a speaker"):
        conversation_of({"messages": messages})


def test_events_between_messages_say_nothing() -> None:
    messages = [{"type": "conversationUpdate", "at": 1}, ASKED, {"type": "typing"}, ANSWERED]
    assert texts(conversation_of({"messages": messages}).turns) == TALK


def test_what_an_answer_was_told_is_the_system_prompt_once() -> None:
    told = {**ANSWERED, "system": ["Be brief.", "Be kind."]}
    turns = conversation_of({"messages": [ASKED, told, ASKED, told]}).turns
    assert texts(turns) == [("system", "Be brief.\nBe kind."), *TALK, *TALK]


@pytest.mark.parametrize("key", ["turns", "traj", "utterances", "chat_log", "What we said"])
def test_a_list_of_messages_is_read_under_any_key(key: str) -> None:
    assert texts(conversation_of({"id": 1, key: [ASKED, ANSWERED]}).turns) == TALK


def test_of_two_lists_none_is_taken_for_the_conversation() -> None:
    with pytest.raises(RowError, match="unknown format with keys: transcripts, turns"):
        conversation_of({"turns": [ASKED, ANSWERED], "transcripts": [ASKED]})


def test_a_question_without_its_answer_is_no_conversation_of_its_own() -> None:
    with pytest.raises(RowError, match="unknown format"):
        conversation_of({"prompt": [ASKED], "verdict": {"said": "Low."}})


def test_the_system_of_a_dialogue_is_the_assistant() -> None:
    turns = [{"speaker": "USER", "utterance": "Tide?"}, {"speaker": "SYSTEM", "utterance": "Low."}]
    assert texts(conversation_of({"turns": turns}).turns) == TALK
