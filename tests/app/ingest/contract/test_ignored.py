from typing import Any

import pytest

from app.ingest.contract import IgnoredKeys, SubmissionSchema, ignored_keys
from app.ingest.contract.ignored import MAX_KEY_CHARACTERS, MAX_KEYS
from tests.factories import make_submission


def ignored(*turns: Any, **fields: Any) -> list[str]:
    """Return the ignored keys of a submission, which is valid."""
    submission = make_submission(conversation=[*turns, {"content": "Hi"}], **fields)
    SubmissionSchema().load(submission)
    return ignored_keys(SubmissionSchema(), submission)


def test_a_submission_of_known_keys_has_none() -> None:
    assert ignored(source="", labels={"any": "key"}, client={"name": "c"}) == []


@pytest.mark.parametrize(
    "turn",
    [
        {"content": None, "tool_calls": [{"type": "function", "function": {"name": "f"}}]},
        {"content": "a", "reasoning_content": "r"},
        {"content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": "u"}]},
    ],
)
def test_other_spellings_are_known(turn: dict[str, Any]) -> None:
    assert ignored(turn, tools=[{"type": "function"}]) == []


def test_ignored_keys_are_named_once_in_order_with_the_keys_above_them() -> None:
    call = {"name": "f", "cost": 1}
    turn = {"content": "a", "tokens": 3, "tool_calls": [call, call], "attachments": [{"kind": "k"}]}
    turn["alternatives"] = [[{"content": "b", "alternatives": []}]]
    found = ignored(turn, turn, client={"name": "c", "os": None}, foo={"bar": 1}, **{"": ""})
    assert found == [
        "",
        "client.os",
        "conversation.alternatives.alternatives",
        "conversation.tokens",
        "conversation.tool_calls.cost",
        "foo",
    ]


@pytest.mark.parametrize(
    ("other", "named"), [("r", []), ("", []), (None, []), ("s", ["conversation.reasoning_content"])]
)
def test_of_two_spellings_the_one_that_isnt_stored_is_named(
    other: str | None, named: list[str]
) -> None:
    assert ignored({"content": "a", "reasoning": "r", "reasoning_content": other}) == named


def test_what_isnt_kept_of_a_part_is_named() -> None:
    parts = [
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "image_url", "image_url": {"url": "u", "detail": "low"}, "cache": 1},
    ]
    assert ignored({"content": parts}) == [
        "conversation.content.cache",
        "conversation.content.image_url.detail",
        "conversation.content.input_audio.data",
    ]


def test_names_are_bounded_in_number_and_length() -> None:
    found = ignored(**{f"{number:03}" + "x" * 1_000: 1 for number in range(2 * MAX_KEYS)})
    assert [path[:3] for path in found] == [f"{number:03}" for number in range(MAX_KEYS)]
    assert set(map(len, found)) == {MAX_KEY_CHARACTERS}


def test_a_key_that_is_no_text_is_named_as_one() -> None:
    assert ignored(**{"\ud800": 1}) == ["\\ud800"]


def test_the_first_of_many_are_kept_in_whatever_order_they_come() -> None:
    paths = [f"{number:03}" for number in range(3 * MAX_KEYS)]
    keys = IgnoredKeys()
    for path in reversed(paths):
        keys.add([path, path])
    assert keys.paths == paths[:MAX_KEYS]
