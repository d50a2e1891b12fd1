from datetime import UTC, datetime
from typing import Any

import pytest

from catalog.records import AlternativeTurn, Attachment, ToolCall, Turn
from tests.app.ingest.contract.test_submission import errors, load, turn_errors

CALL = {"id": "1", "name": "get_weather", "arguments": '{"city": "Bonn"}'}
NAMES = ("tool_call_id", "name", "model")
TEXTS = (*NAMES, "reasoning")
LISTS = ("tool_calls", "attachments", "alternatives")


def loaded(**turn: Any) -> Turn:
    """Return what is loaded from a turn of these fields."""
    (only,) = load({"agent_id": "a", "conversation": [turn]})["conversation"]
    assert isinstance(only, Turn)
    return only


def test_every_field_of_a_turn_is_kept() -> None:
    described = {"kind": "image", "media_type": "image/png", "name": "sky.png", "bytes": 0}
    described |= {"sha256": "0f" * 32, "text": "A grey sky."}
    turn = loaded(
        content="It is overcast.",
        reasoning="Bonn, so …",
        tool_calls=[CALL, {"name": "f"}],
        tool_call_id="0",
        name="weather",
        model="mistral-7b",
        created_at="2026-11-29T09:30:00.1234567+01:00",
        attachments=[described],
        alternatives=[[{"content": "Blue.", "tool_calls": [CALL]}, {"content": "Ok"}]],
    )
    assert turn == Turn(
        "It is overcast.",
        reasoning="Bonn, so …",
        tool_calls=(ToolCall(**CALL), ToolCall(name="f")),
        tool_call_id="0",
        name="weather",
        model="mistral-7b",
        created_at=datetime(2026, 11, 29, 8, 30, 0, 123456, UTC),
        attachments=(Attachment(**described),),  # type: ignore[arg-type]  # of several types
        alternatives=(
            (AlternativeTurn("Blue.", tool_calls=(ToolCall(**CALL),)), AlternativeTurn("Ok")),
        ),
    )


@pytest.mark.parametrize("name", [*TEXTS, *LISTS, "created_at"])
@pytest.mark.parametrize("nothing", [None, ""])
def test_a_new_field_may_be_null_or_empty_and_counts_as_absent(name: str, nothing: Any) -> None:
    assert loaded(content="Hi", **{name: nothing}) == Turn("Hi")


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_list_counts_as_absent(name: str) -> None:
    assert loaded(content="Hi", **{name: []}) == Turn("Hi")


@pytest.mark.parametrize("value", [1, True, ["text"], {"a": "b"}])
@pytest.mark.parametrize("name", [*TEXTS, "created_at"])
def test_a_new_text_is_a_string(name: str, value: Any) -> None:
    assert set(turn_errors(**{name: value})) == {name}


@pytest.mark.parametrize("value", [1, True, "text", {"a": "b"}, [1], ["x"], [None]])
@pytest.mark.parametrize("name", LISTS)
def test_a_new_list_is_a_list_of_what_it_holds(name: str, value: Any) -> None:
    assert set(turn_errors(**{name: value})) == {name}


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
@pytest.mark.parametrize("name", TEXTS)
def test_what_is_no_text_is_named_in_every_new_field(name: str, text: str) -> None:
    assert set(turn_errors(**{name: text})) == {name}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["a\nb", "\x1b", "x" * 513])
def test_a_new_name_is_short_and_of_one_line(name: str, text: str) -> None:
    assert set(turn_errors(**{name: text})) == {name}


@pytest.mark.parametrize(
    "time",
    [
        "now",
        "2026-11-29",
        "2026-11-29T08:30:00",
        "2026-02-30T08:30:00Z",
        "2026-11-29T24:30:00Z",
        "0001-01-01T00:00:00+01:00",
        "٢٠٢٦-11-29T08:30:00Z",
        "2026-11-29T08:30:00Z ",
        "1764405000",
    ],
)
def test_a_time_is_one_of_rfc_3339(time: str) -> None:
    assert "RFC 3339" in str(turn_errors(created_at=time)["created_at"])


# A turn without a text.


@pytest.mark.parametrize("more", [{"tool_calls": [CALL]}, {"attachments": [{"kind": "image"}]}])
def test_a_content_may_be_null_missing_or_empty_beside_calls_and_attachments(
    more: dict[str, Any],
) -> None:
    assert loaded(**more).content == ""
    nothings: tuple[Any, ...] = (None, "", [])
    for nothing in nothings:
        assert loaded(content=nothing, **more).content == ""


@pytest.mark.parametrize("more", [{}, {"tool_calls": []}, {"reasoning": "r"}, {"model": "m"}])
@pytest.mark.parametrize("content", [{}, {"content": None}, {"content": []}])
def test_a_content_is_needed_beside_anything_else(
    content: dict[str, Any], more: dict[str, Any]
) -> None:
    found = errors({"agent_id": "a", "conversation": [{**content, **more}]})
    assert set(found["conversation"][0]) == {"content"}


# Calls of tools.


def test_a_call_may_be_spelt_as_in_openais_api() -> None:
    function = {"name": "get_weather", "arguments": '{"city": "Bonn"}'}
    turn = loaded(tool_calls=[{"id": "1", "type": "function", "function": function}])
    assert turn.tool_calls == (ToolCall(**CALL),)


@pytest.mark.parametrize("call", [{}, {"id": "1"}, {"name": ""}, {"name": None}, {"function": "f"}])
def test_a_call_has_a_name(call: dict[str, Any]) -> None:
    assert set(turn_errors(tool_calls=[call])["tool_calls"][0]) == {"name"}


def test_the_arguments_of_a_call_are_text() -> None:
    call = {"name": "f", "arguments": {"city": "Bonn"}}
    assert set(turn_errors(tool_calls=[call])["tool_calls"][0]) == {"arguments"}


def test_reasoning_may_be_spelt_as_reasoning_content() -> None:
    assert loaded(content="Hi", reasoning_content="r").reasoning == "r"
    assert loaded(content="Hi", reasoning="own", reasoning_content="r").reasoning == "own"
    assert loaded(content="Hi", reasoning="", reasoning_content="r").reasoning == "r"


# Attachments.


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"kind": None}, "kind"),
        ({"kind": ""}, "kind"),
        ({"bytes": -1}, "bytes"),
        ({"bytes": 2**63}, "bytes"),
        ({"bytes": 1.0}, "bytes"),
        ({"bytes": "1"}, "bytes"),
        ({"bytes": True}, "bytes"),
        ({"sha256": "0F" * 32}, "sha256"),
        ({"sha256": "0f" * 31}, "sha256"),
        ({"media_type": "a\nb"}, "media_type"),
        ({"name": "data:image/png;base64,iVBORw0KGgo="}, "name"),
        ({"text": "data:image/png;base64,iVBORw0KGgo="}, "text"),
        ({"text": " DATA:;charset=utf-8;base64,iVBORw0KGgo="}, "text"),
        ({"media_type": "data:,x"}, "media_type"),
    ],
)
def test_a_wrong_field_of_an_attachment_is_named(change: dict[str, Any], name: str) -> None:
    found = turn_errors(attachments=[{"kind": "image", **change}])
    assert set(found["attachments"][0]) == {name}


@pytest.mark.parametrize("text", ["Data: 1, 2, 3", "metadata:x,y", "the data:image/png,x URL"])
def test_a_text_about_data_is_no_data_url(text: str) -> None:
    (attachment,) = loaded(attachments=[{"kind": "file", "text": text}]).attachments or ()
    assert attachment.text == text


# Alternatives.


def test_an_alternative_has_turns_and_none_of_them_has_alternatives() -> None:
    assert set(turn_errors(content="a", alternatives=[[]])["alternatives"]) == {0}
    inner = {"content": "b", "alternatives": [[{"content": "c"}]]}
    turn = loaded(content="a", alternatives=[[inner]])
    assert turn.alternatives == ((AlternativeTurn("b"),),)


def test_a_wrong_field_of_an_alternative_is_named() -> None:
    found = turn_errors(alternatives=[[{"content": "a"}, {"content": "b", "rating": "5"}]])
    assert set(found["alternatives"][0][1]) == {"rating"}


@pytest.mark.parametrize("spell", [lambda call: call, lambda call: {"function": call}])
def test_arguments_that_are_no_text_are_refused_with_what_to_do(spell: Any) -> None:
    call = spell({"name": "f", "arguments": {"city": "Bonn"}})
    found = turn_errors(content="Hi", tool_calls=[call])
    assert "send the value's JSON as a text" in str(found)


def test_a_missing_field_is_told_with_the_unknown_keys_beside_it() -> None:
    missing = "Missing data for required field."
    turn = {"role": "user", "contnt": "Hi", "\ud800" * 70: 1, **{str(n): n for n in range(9)}}
    found = errors({"agent_id": "a", "conversation": [turn, {"reasoning_content": "hm"}]})
    named = ", ".join(["contnt", "\\ud800" * 64, "0", "1", "2"])
    assert found == {
        "conversation": {0: {"content": [missing, f"Not known here: {named}."]}}
        | {1: {"content": [missing]}}
    }
    assert errors({"agent_id": "a", "messages": []}) == {
        "conversation": [missing, "Not known here: messages."]
    }
