import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from chatlake_client import jsontext
from chatlake_client.contract import Terms, submissions_of
from chatlake_client.errors import UnreadableFileError
from chatlake_client.importer import Found, read_conversations
from tests.client.reading import file_of, read_all, texts

MESSAGES = {"messages": [{"role": "user", "content": "Hi"}]}
SWIPED = {"name": "Rook", "is_user": False, "mes": "Ahoy"}
ASKED = {"name": "Ola", "is_user": True, "mes": "Where to?"}


def chatgpt(text: str, update_time: int, id_: str | None = "c1") -> dict[str, Any]:
    content = {"content_type": "text", "parts": [text]}
    message = {"author": {"role": "user"}, "content": content}
    return {
        "conversation_id": id_,
        "update_time": update_time,
        "mapping": {"a": {"message": message}},
    }


def zip_of(path: Path, **members: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def contents(path: Path) -> list[list[tuple[str | None, str | None]]]:
    return [texts(conversation.turns) for conversation in read_all(path)[0]]


def test_of_states_of_one_conversation_the_newest_is_taken(tmp_path: Path) -> None:
    states = [chatgpt("old", 1), chatgpt("new", 3), chatgpt("older", 2)]
    assert contents(file_of(tmp_path / "a", *states)) == [[("user", "new")]]


def test_conversations_without_an_id_stay_apart(tmp_path: Path) -> None:
    same = chatgpt("same", 1, None)
    assert len(contents(file_of(tmp_path / "a", same, same))) == 2


def test_states_of_one_conversation_meet_across_the_members_of_an_archive(tmp_path: Path) -> None:
    parts = {"b.json": [chatgpt("new", 2)], "a.json": [chatgpt("old", 1), chatgpt("x", 1, "c2")]}
    path = zip_of(tmp_path / "a.zip", **{name: json.dumps(part) for name, part in parts.items()})
    assert contents(path) == [[("user", "new")], [("user", "x")]]


def test_each_member_of_an_archive_is_a_chat_of_its_own(tmp_path: Path) -> None:
    lines = [json.dumps({"character_name": "Rook", "user_name": "Ola"}), json.dumps(SWIPED)]
    chat = "\n".join([*lines, json.dumps(ASKED)])
    path = zip_of(tmp_path / "a.zip", **{"one.jsonl": chat, "two.jsonl": chat})
    assert contents(path) == [[("assistant", "Ahoy"), ("user", "Where to?")]] * 2


def test_members_that_hold_no_conversations_are_skipped(tmp_path: Path) -> None:
    members = {
        "README.md": "# words",
        "user.json": json.dumps({"email": "a@mail.example"}),
        "feedback.json": json.dumps([{"rating": "thumbs_up"}] * 200),
        "rows.jsonl": json.dumps(MESSAGES) + '\n{"broken": ',
    }
    found, rejected, skipped = read_all(zip_of(tmp_path / "a.zip", **members))
    assert (len(found), len(rejected), len(skipped)) == (1, 1, 3)
    assert (rejected[0].member, rejected[0].line) == ("rows.jsonl", 2)


def test_a_member_that_breaks_off_costs_only_its_rest(tmp_path: Path) -> None:
    members = {"a.json": json.dumps([MESSAGES])[:-1] + ', {"x', "b.json": json.dumps(MESSAGES)}
    found, rejected, _ = read_all(zip_of(tmp_path / "a.zip", **members))
    assert len(found) == 2
    assert [row.message for row in rejected if "a.json can't be read on" in row.message]


def test_what_was_read_of_a_file_that_breaks_off_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([chatgpt("kept", 1), MESSAGES])[:-1])
    found: list[object] = []
    with pytest.raises(UnreadableFileError):
        found.extend(read_conversations(path))
    assert len(found) == 2


def test_a_list_of_messages_is_one_conversation(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(MESSAGES["messages"] * 2))
    assert contents(path) == [[("user", "Hi"), ("user", "Hi")]]


def test_an_object_may_hold_the_rows_of_any_shape(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    document = {"version": 2, "folders": [{"id": 1}], "history": [chatgpt("a", 1)]}
    path.write_text(json.dumps(document))
    assert contents(path) == [[("user", "a")]]


def test_rows_that_hold_no_conversation_on_purpose_are_skipped(tmp_path: Path) -> None:
    span = {"type": "SPAN", "traceId": "t", "input": "a", "output": "b"}
    summary = {"type": "summary", "leafUuid": "x"}
    assert [len(items) for items in read_all(file_of(tmp_path / "a", span, summary))] == [0, 0, 2]


def test_a_tree_of_a_thousand_turns_is_read_and_sent(tmp_path: Path) -> None:
    children: list[Any] = []
    for number in range(1000, 0, -1):
        message = {"messageId": f"{number}", "isCreatedByUser": number % 2 == 1}
        children = [{**message, "text": f"ply {number}", "children": children}]
    path = tmp_path / "a.json"
    path.write_bytes(jsontext.dump({"conversationId": "c", "messagesTree": children}))
    (conversation,), _, _ = read_all(path)
    assert [turn.content for turn in conversation.turns] == [f"ply {n}" for n in range(1, 1001)]
    assert jsontext.canonical(children) == jsontext.canonical(children)


def test_a_deep_value_that_nobody_takes_costs_nothing(tmp_path: Path) -> None:
    deep: list[Any] = []
    for _ in range(3000):
        deep = [deep]
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsontext.dump({**MESSAGES, "trace": deep}))
    (found,) = read_conversations(path)
    assert isinstance(found, Found)
    assert submissions_of(found.conversation, found.losses, Terms())[0][1].conversations == 1


EVENTS: list[dict[str, Any]] = [
    {"type": "session", "id": "s"},
    {"type": "model", "data": {"id": 1}},
]


def test_events_beside_messages_are_skipped(tmp_path: Path) -> None:
    said = [
        {"type": "message", "message": {"role": "user", "content": "Hi"}},
        {"type": "message", "message": {"role": "assistant", "content": "Yes?"}},
    ]
    rows = [EVENTS[0], said[0], EVENTS[1], said[1]]
    (conversation,), rejected, skipped = read_all(file_of(tmp_path / "a", *rows))
    assert texts(conversation.turns) == [("user", "Hi"), ("assistant", "Yes?")]
    assert (rejected, [one.line for one in skipped]) == ([], [1, 3])


def test_events_alone_are_an_unknown_format(tmp_path: Path) -> None:
    _, rejected, skipped = read_all(file_of(tmp_path / "a", *EVENTS))
    assert ([one.line for one in rejected], skipped) == ([1, 2], [])


def test_an_unknown_row_that_says_something_is_rejected(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": "Hi"}]}, {"type": "note", "text": "Hm"}]
    _, (rejected,), skipped = read_all(file_of(tmp_path / "a", *rows))
    assert (rejected.line, skipped) == (2, [])
