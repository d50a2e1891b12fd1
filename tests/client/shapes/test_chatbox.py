"""Chatbox's threads and forks."""

from pathlib import Path
from typing import Any

from chatlake_client.shapes.chatbox import parts_of_chatbox
from tests.client.reading import file_of, found_of, read_all, texts

TALK = [("user", "Which tea?"), ("assistant", "Green.")]


def message(id_: str, role: str, text: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "role": role, "contentParts": [{"type": "text", "text": text}], **more}


def fork(*lists: list[Any]) -> dict[str, Any]:
    members = [{"id": f"list-{place}", "messages": one} for place, one in enumerate(lists)]
    return {"position": len(lists) - 1, "lists": members, "createdAt": 1735689600000}


ASKED = message("1", "user", "Which tea?")
SHOWN = [ASKED, message("2", "assistant", "Green.", model="m")]


def session(**more: Any) -> dict[str, Any]:
    return {"id": "s", "name": "Tea", "type": "chat", "messages": SHOWN, **more}


def test_closed_threads_are_conversations_of_their_own(tmp_path: Path) -> None:
    closed = {
        "id": "t",
        "name": "Rain",
        "createdAt": 1735689600000,
        "messages": [message("8", "user", "Rain?"), message("9", "assistant", "Yes.")],
    }
    rows = [{"session:s": session(threads=[closed]), "settings": {"apiKey": "x"}}]
    found, rejected, _ = read_all(file_of(tmp_path / "backup.json", *rows))
    assert rejected == []
    assert [(one.ingest_id, one.title, texts(one.turns)) for one in found] == [
        ("s", "Tea", TALK),
        ("t", "Rain", [("user", "Rain?"), ("assistant", "Yes.")]),
    ]
    assert found[1].created_at == "2025-01-01T00:00:00Z"
    assert {one.client.name for one in found if one.client} == {"Chatbox"}


def test_an_open_thread_without_messages_holds_none(tmp_path: Path) -> None:
    row = session(messages=[], threads=[{"id": "t", "name": "Tea", "messages": SHOWN}])
    found, rejected, _ = read_all(file_of(tmp_path / "session.json", row))
    assert [(one.ingest_id, texts(one.turns)) for one in found] == [("t", TALK)]
    assert rejected == []


def test_forks_are_alternatives_behind_their_message(tmp_path: Path) -> None:
    failed = message("5", "assistant", "Offline", error="ECONNREFUSED")
    black = [message("3", "assistant", "Black."), message("4", "user", "Why?")]
    forks = {"1": fork([failed], black, []), "3": fork([message("6", "user", "How?")], [])}
    (found,), rejected, _ = read_all(
        file_of(tmp_path / "session.json", session(messageForksHash=forks))
    )
    assert rejected == []
    assert texts(found.turns) == TALK
    (other,) = found.turns[1].alternatives
    assert texts(other) == [("assistant", "Black."), ("user", "Why?")]
    ((deeper,),) = other[1].alternatives
    assert deeper.content == "How?"


def test_forks_of_closed_threads_belong_to_them(tmp_path: Path) -> None:
    closed = [message("8", "user", "Rain?"), message("9", "assistant", "Yes.")]
    row = session(
        threads=[{"id": "t", "name": "Rain", "messages": closed}],
        messageForksHash={"8": fork([message("7", "assistant", "No.")], [])},
    )
    (first, second), rejected, _ = read_all(file_of(tmp_path / "session.json", row))
    assert rejected == []
    assert not first.turns[1].alternatives
    assert texts(second.turns[1].alternatives[0]) == [("assistant", "No.")]


def test_a_fork_of_which_nothing_is_shown_is_not_lost() -> None:
    row = session(messageForksHash={"2": fork([message("3", "user", "Why?")], [])})
    conversation, losses = found_of(row)
    assert texts(conversation.turns) == TALK
    assert losses.count(tuple)[1] == ["messageForksHash"]


def test_threads_that_are_none_are_not_lost() -> None:
    _, losses = found_of(session(threads=[{"messages": "x"}]))
    assert losses.count(tuple)[1] == ["threads"]


def test_a_fork_behind_a_message_that_is_gone_is_not_lost() -> None:
    closed = {"id": "t", "name": "Tea", "messages": SHOWN}
    forks = {"gone": fork([message("3", "user", "Why?")], [])}
    for messages in (SHOWN, []):
        row = session(messages=messages, threads=[closed], messageForksHash=forks)
        first, second = parts_of_chatbox(row)
        assert (first[1]["messageForksHash"], second[1]["id"]) == (forks, "t")
