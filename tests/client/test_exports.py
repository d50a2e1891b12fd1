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

from chatlake_client.conversation import Conversation
from chatlake_client.importer import Found, read_conversations
from chatlake_client.records import Rejected
from tests.client.telling import stated, told

FOLDER: Final = Path(__file__).parent / "exports"
EXPECTATIONS: Final = sorted(FOLDER.glob("*.expected.json"))


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
    assert [
        difference
        for number, (one, other) in enumerate(zip(found, wanted, strict=True))
        for difference in differences(told(one), other, f"[{number}]")
    ] == []
    assert len(rejected) == len(expected["rejected"]) + len(expected["conversations"]) - len(wanted)


def test_each_file_has_its_expectation() -> None:
    files = {path.name for path in FOLDER.iterdir() if ".expected." not in path.name}
    assert files == {expected_of(path)["file"] for path in EXPECTATIONS}
