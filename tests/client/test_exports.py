"""Files in the shapes that people have, and what a careful person would want stored.

`exports` holds an invented file of each shape, and beside it what it says. They are compared by the
rules of the files' README: a key that the file doesn't state is absent, times are equal as times,
an empty text is no text, and what an expectation says that a check must not insist on isn't.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from chatlake_client.conversation import Attachment, Conversation, Turn
from chatlake_client.importer import Found, read_conversations
from chatlake_client.records import Rejected

FOLDER: Final = Path(__file__).parent / "exports"
EXPECTATIONS: Final = sorted(FOLDER.glob("*.expected.json"))
# How a check may differ from an expectation, beside the keys that it may differ in.
JOINED: Final = "joined"


def expected_of(path: Path) -> dict[str, Any]:
    expected: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return expected


def found_in(path: Path) -> tuple[list[Conversation], list[Rejected]]:
    """The conversations of a file, of equal ones with one id the last, and the rejected rows."""
    conversations: dict[object, Conversation] = {}
    rejected: list[Rejected] = []
    for item in read_conversations(path):
        if isinstance(item, Found):
            conversations[item.conversation.ingest_id or object()] = item.conversation
        elif isinstance(item, Rejected):
            rejected.append(item)
    return list(conversations.values()), rejected


def told(conversation: Conversation) -> dict[str, Any]:
    """A conversation in the words of the expectations."""
    preference = conversation.preference
    return stated(
        {
            "agent_id": conversation.agent_id,
            "ingest_id": conversation.ingest_id,
            "created_at": conversation.created_at,
            "source": conversation.source,
            "preference": preference
            and {"kind": preference.kind, "preferred": preference.preferred},
            "turns": [told_turn(turn) for turn in conversation.turns],
        }
    )


def told_turn(turn: Turn) -> dict[str, Any]:
    return stated(
        {
            "role": turn.role,
            "content": turn.content,
            "reasoning": turn.reasoning,
            "tool_calls": [
                stated({"id": call.id, "name": call.name, "arguments": arguments(call.arguments)})
                for call in turn.tool_calls
            ],
            "tool_call_id": turn.tool_call_id,
            "name": turn.name,
            "model": turn.model,
            "created_at": turn.created_at,
            "rating": turn.rating,
            "stopped": turn.stopped,
            "rank": turn.rank,
            "attachments": [told_attachment(attachment) for attachment in turn.attachments],
            "alternatives": [[told_turn(one) for one in other] for other in turn.alternatives],
        }
    )


def told_attachment(attachment: Attachment) -> dict[str, Any]:
    size = "inline_bytes" if attachment.sha256 else "size_bytes"
    return stated(
        {
            "kind": attachment.kind,
            "name": attachment.name,
            "mime_type": attachment.media_type,
            size: attachment.bytes,
            "ref": attachment.ref,
            "text": attachment.text,
        }
    )


def stated(value: dict[str, Any]) -> dict[str, Any]:
    """An object without what it doesn't state."""
    return {key: item for key, item in value.items() if item not in (None, "", [], {}, False)}


def arguments(text: str) -> object:
    """The arguments of a call: the object, or the text if that isn't an object's JSON."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text


def differences(found: dict[str, Any], expected: dict[str, Any], where: str) -> Iterator[str]:
    """Where a conversation, or a turn, isn't what is expected."""
    may = set(expected.get("may", ()))
    known = {"may", "notes", "parts", "role_in_file", "content_is", *may}
    for key in (found.keys() | stated(expected).keys()) - known:
        one, other = found.get(key), expected.get(key)
        if key == "turns":
            yield from differences_of_lists([one], [other], f"{where}.turns")
        elif key == "alternatives":
            yield from differences_of_lists(one or [], other or [], f"{where}.alternatives")
        elif not are_equal(key, one, other, expected):
            yield f"{where}.{key}: {one!r} instead of {other!r}"


def differences_of_lists(found: list[Any], expected: list[Any], where: str) -> Iterator[str]:
    if list(map(len, found)) != list(map(len, expected)):
        yield f"{where}: {list(map(len, found))} turns instead of {list(map(len, expected))}"
        return
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        for place, (turn, expected_turn) in enumerate(zip(one, other, strict=True)):
            yield from differences(turn, expected_turn, f"{where}[{number}][{place}]")


def are_equal(key: str, found: Any, expected: Any, turn: dict[str, Any]) -> bool:
    if key == "created_at" and found and expected:
        return seconds(found) == seconds(expected)
    if key == "role":
        return found in {expected, turn.get("role_in_file")}
    if key == "content" and turn.get("content_is") == "json":
        return bool(json.loads(found) == json.loads(expected))
    if key == "attachments" and found and expected:
        return bool([stated(one) for one in expected] == found)
    return bool((found or None) == (expected or None))


def seconds(time: str) -> tuple[str, Decimal]:
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d):([\d.]+)Z", time)
    assert match, time
    return match[1], Decimal(match[2])


def is_optional(conversation: dict[str, Any]) -> bool:
    return bool({"reject", "omit"} & set(conversation.get("may", ())))


@pytest.mark.parametrize("path", EXPECTATIONS, ids=lambda path: path.name.partition(".")[0])
def test_a_file_says_what_a_careful_person_would_store(path: Path) -> None:
    expected = expected_of(path)
    found, rejected = found_in(FOLDER / expected["file"])
    wanted = expected["conversations"]
    if len(found) < len(wanted):
        wanted = [conversation for conversation in wanted if not is_optional(conversation)]
    assert len(found) == len(wanted)
    assert (
        list(
            difference
            for number, (one, other) in enumerate(zip(found, wanted, strict=True))
            for difference in differences(told(one), other, f"[{number}]")
        )
        == []
    )
    assert len(rejected) == len(expected["rejected"]) + len(expected["conversations"]) - len(wanted)


def test_each_file_has_its_expectation() -> None:
    files = {path.name for path in FOLDER.iterdir() if ".expected." not in path.name}
    assert files == {expected_of(path)["file"] for path in EXPECTATIONS}
