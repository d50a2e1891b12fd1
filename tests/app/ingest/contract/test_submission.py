import json
from datetime import UTC, datetime
from typing import Any

import pytest
from marshmallow import ValidationError

from app.ingest.contract import MAX_LABELS, MAX_NAME_CHARACTERS, SubmissionSchema
from catalog.records import Client, Turn
from tests.factories import make_submission

IDS = ("agent_id", "source", "submitter_id", "ingest_id")
NAMES = (*IDS, "attribution", "network/attribution")
TEXTS = (*NAMES, "prompt_template", "chat_template")
OPTIONAL = tuple(name for name in TEXTS if name != "agent_id")
TURN_TEXTS = ("content", "role", "rating", "edited_content")
STORED = {"network/attribution": "attribution"}


def load(submission: Any) -> dict[str, Any]:
    """Return the fields that the schema loads from a submission."""
    loaded: dict[str, Any] = SubmissionSchema().load(submission)
    return loaded


def errors(submission: Any) -> dict[str, Any]:
    """Return the errors that the schema finds in a submission, by field."""
    with pytest.raises(ValidationError) as caught:
        load(submission)
    return caught.value.messages_dict


def turn_errors(**turn: Any) -> dict[str, Any]:
    """Return the errors that the schema finds in the second turn of a submission, by field."""
    submission = make_submission("first")
    submission["conversation"].append({"content": "second", **turn})
    found: dict[str, Any] = errors(submission)["conversation"][1]
    return found


def test_agent_and_content_are_all_that_is_required() -> None:
    loaded = load({"agent_id": "a", "conversation": [{"content": "Hi"}]})
    assert loaded.pop("agent_id") == "a"
    assert loaded.pop("conversation") == (Turn("Hi"),)
    assert set(loaded.values()) == {None}


@pytest.mark.parametrize("name", ["agent_id", "conversation"])
def test_missing_required_fields_are_named(name: str) -> None:
    submission = make_submission()
    del submission[name]
    assert set(errors(submission)) == {name}


def test_a_turn_without_content_is_named_by_its_position() -> None:
    submission = make_submission("one", "two", "three")
    del submission["conversation"][2]["content"]
    assert set(errors(submission)["conversation"]) == {2}
    assert set(errors(submission)["conversation"][2]) == {"content"}


def test_every_wrong_field_is_named_at_once() -> None:
    submission = make_submission(agent_id=1, source=[], submitter_id={})
    submission["conversation"][0]["rating"] = "great"
    assert set(errors(submission)) == {"agent_id", "source", "submitter_id", "conversation"}


def test_a_conversation_has_turns() -> None:
    assert errors(make_submission(conversation=[])) == {"conversation": ["Has no turns."]}


@pytest.mark.parametrize("conversation", [None, "text", {}, {"content": "Hi"}, 1, True])
def test_a_conversation_is_a_list(conversation: Any) -> None:
    assert set(errors(make_submission(conversation=conversation))) == {"conversation"}


@pytest.mark.parametrize("turn", [None, "text", [], 1, True])
def test_a_turn_is_an_object(turn: Any) -> None:
    assert set(errors(make_submission(conversation=[turn]))["conversation"]) == {0}


@pytest.mark.parametrize("submission", [None, "text", [], [make_submission()], 1, True])
def test_a_submission_is_an_object(submission: Any) -> None:
    assert errors(submission)


@pytest.mark.parametrize("value", [1, 1.5, True, [], {}, ["text"]])
@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_a_string(name: str, value: Any) -> None:
    assert set(errors(make_submission(**{name: value}))) == {name}


@pytest.mark.parametrize("value", [1, True, [], {}])
@pytest.mark.parametrize("name", TURN_TEXTS)
def test_a_text_of_a_turn_is_a_string(name: str, value: Any) -> None:
    assert set(turn_errors(**{name: value})) == {name}


@pytest.mark.parametrize("name", OPTIONAL)
def test_optional_fields_may_be_null_or_empty_and_count_as_absent(name: str) -> None:
    for nothing in (None, ""):
        assert load(make_submission(**{name: nothing}))[STORED.get(name, name)] is None


def test_optional_turn_fields_may_be_null_or_empty_and_count_as_absent() -> None:
    names = ("role", "rating", "stopped", "edited_content")
    for nothing in (None, ""):
        turn = {"content": "Hi", **dict.fromkeys(names, nothing)}
        assert load(make_submission(conversation=[turn]))["conversation"] == (Turn("Hi"),)


def test_an_empty_content_is_a_content() -> None:
    assert load(make_submission(conversation=[{"content": ""}]))["conversation"] == (Turn(""),)


@pytest.mark.parametrize("name", ["agent_id", "conversation"])
def test_required_fields_must_not_be_null(name: str) -> None:
    assert set(errors(make_submission(**{name: None}))) == {name}


@pytest.mark.parametrize("text", ["a\x00b", "\x00"])
def test_a_nul_is_named_in_every_field(text: str) -> None:
    for name in TEXTS:
        assert "NUL" in str(errors(make_submission(**{name: text}))[name])
    for name in ("content", "edited_content", "role"):
        assert "NUL" in str(turn_errors(**{name: text})[name])


@pytest.mark.parametrize("text", ["a\ud800b", "\udfff", "\udc00\ud800"])
def test_a_lone_surrogate_is_named_in_every_field(text: str) -> None:
    for name in TEXTS:
        assert "surrogate" in str(errors(make_submission(**{name: text}))[name])
    for name in ("content", "edited_content", "role"):
        assert "surrogate" in str(turn_errors(**{name: text})[name])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("character", ["\r", "\n", "\t", "\x1b", "\x7f", "\x85", "\x9f"])
def test_an_id_or_name_has_no_control_characters(name: str, character: str) -> None:
    for text in (f"a{character}b", f"a{character}", character):
        assert "control character" in str(errors(make_submission(**{name: text}))[name])


@pytest.mark.parametrize("character", ["\r", "\n", "\x1b"])
def test_a_role_has_no_control_characters(character: str) -> None:
    assert "control character" in str(turn_errors(role=f"user{character}")["role"])


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize(
    "text", ["..", "../../etc/passwd", "a/../b", "a/..", "..\\windows", "a\\..", "../"]
)
def test_an_id_is_no_path_to_a_parent_folder(name: str, text: str) -> None:
    assert "'..'" in str(errors(make_submission(**{name: text}))[name])


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("text", ["a..b", "...", "v1..v2", "a/b", "..a", "a/..b", "/", "a/b../c"])
def test_dots_and_slashes_that_lead_nowhere_are_fine_in_an_id(name: str, text: str) -> None:
    assert load(make_submission(**{name: text}))[name] == text


@pytest.mark.parametrize("name", NAMES)
def test_the_length_of_an_id_or_name_is_limited_in_characters(name: str) -> None:
    longest = "\U0001f600" * MAX_NAME_CHARACTERS
    assert load(make_submission(**{name: longest}))[STORED.get(name, name)] == longest
    assert str(MAX_NAME_CHARACTERS) in str(errors(make_submission(**{name: longest + "x"}))[name])


@pytest.mark.parametrize("name", ["prompt_template", "chat_template"])
def test_a_template_may_be_long_and_have_lines(name: str) -> None:
    text = "{% for m in messages %}\r\n\t{{ m }}\n" * 1_000
    assert load(make_submission(**{name: text}))[name] == text


@pytest.mark.parametrize("rating", ["positive", "negative"])
def test_a_rating_is_positive_or_negative(rating: str) -> None:
    turn = {"content": "Hi", "rating": rating}
    (loaded,) = load(make_submission(conversation=[turn]))["conversation"]
    assert loaded.rating == rating


@pytest.mark.parametrize("rating", ["Positive", "good", "5", " positive", "positive\n"])
def test_another_rating_is_refused(rating: str) -> None:
    assert set(turn_errors(rating=rating)) == {"rating"}


@pytest.mark.parametrize(
    ("sent", "stopped"),
    [(True, True), (False, False), ("true", True), ("false", False), (None, False), ("", False)],
)
def test_stopped_may_be_a_boolean_or_its_text(sent: Any, stopped: bool) -> None:
    turn = {"content": "Hi", "stopped": sent}
    (loaded,) = load(make_submission(conversation=[turn]))["conversation"]
    assert loaded.stopped is stopped


@pytest.mark.parametrize("stopped", ["perhaps", 2, [], {}, ["true"], 0.5, float("1e300")])
def test_stopped_is_nothing_else(stopped: Any) -> None:
    assert set(turn_errors(stopped=stopped)) == {"stopped"}


def test_unknown_keys_are_passed_over_wherever_they_are() -> None:
    turn = {"content": "Hi", "tokens": 3, "nested": {"a": [1]}}
    loaded = load(make_submission(conversation=[turn], device={"os": "x"}, empty=""))
    assert loaded["conversation"] == (Turn("Hi"),)
    assert not {"device", "empty"} & loaded.keys()


def test_the_desktop_clients_name_for_attribution_is_taken() -> None:
    loaded = load(make_submission(**{"network/attribution": "Ada"}))
    assert loaded["attribution"] == "Ada"
    assert not {"network/attribution", "network_attribution"} & loaded.keys()


def test_attribution_under_its_own_name_comes_first() -> None:
    both = {"attribution": "Ada", "network/attribution": "Bob"}
    assert load(make_submission(**both))["attribution"] == "Ada"
    assert load(make_submission(**{**both, "attribution": ""}))["attribution"] == "Bob"


def test_the_name_of_the_attribute_in_the_schema_is_no_key() -> None:
    assert load(make_submission(network_attribution="Ada"))["attribution"] is None


# What else a conversation has.


def test_every_other_field_of_a_conversation_is_kept() -> None:
    loaded = load(
        make_submission(
            created_at="2026-11-29T08:30:00Z",
            title="The sky",
            client={"name": "my-chat-app", "version": "2.1.0"},
            licence="CC-BY-4.0",
            tools='[ {"type": "function"} ]',
            labels={"topic": "physics", "empty": ""},
        )
    )
    assert loaded["created_at"] == datetime(2026, 11, 29, 8, 30, tzinfo=UTC)
    assert loaded["title"] == "The sky"
    assert loaded["client"] == Client("my-chat-app", "2.1.0")
    assert loaded["licence"] == "CC-BY-4.0"
    assert loaded["tools"] == '[ {"type": "function"} ]'
    assert loaded["labels"] == {"topic": "physics", "empty": ""}


@pytest.mark.parametrize("nothing", [None, "", {}])
def test_labels_may_be_null_or_empty_and_count_as_absent(nothing: Any) -> None:
    assert load(make_submission(labels=nothing))["labels"] is None


def test_tools_may_be_a_list_which_is_kept_as_json_text() -> None:
    tools = [{"type": "function", "function": {"name": "Übersetzen"}}]
    kept = load(make_submission(tools=tools))["tools"]
    assert json.loads(kept) == tools
    assert "Übersetzen" in kept
    assert load(make_submission(tools=[]))["tools"] is None


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"created_at": "yesterday"}, "created_at"),
        ({"title": 1}, "title"),
        ({"client": "my-chat-app"}, "client"),
        ({"client": {}}, "client"),
        ({"client": {"name": "a\nb"}}, "client"),
        ({"licence": "x" * 513}, "licence"),
        ({"tools": {"type": "function"}}, "tools"),
        ({"tools": [{"name": "\ud800"}]}, "tools"),
        ({"labels": []}, "labels"),
        ({"labels": "topic"}, "labels"),
        ({"labels": {"topic": 1}}, "labels"),
        ({"labels": {"topic": None}}, "labels"),
        ({"labels": {"topic": "\ud800"}}, "labels"),
        ({"labels": {"": "x"}}, "labels"),
        ({"labels": {"a\nb": "x"}}, "labels"),
        ({"labels": {"\ud800": "x"}}, "labels"),
        ({"labels": {"x" * 513: "x"}}, "labels"),
    ],
)
def test_a_wrong_other_field_is_named(change: dict[str, Any], name: str) -> None:
    found = errors(make_submission(**change))
    assert set(found) == {name}
    # It can be answered: no error holds what is no text.
    json.dumps(found, ensure_ascii=False).encode()


def test_the_number_of_labels_is_limited() -> None:
    labels = {str(number): "x" for number in range(MAX_LABELS)}
    assert load(make_submission(labels=labels))["labels"] == labels
    found = errors(make_submission(labels={**labels, "one": "more"}))
    assert found == {"labels": [f"Has more than {MAX_LABELS} labels."]}
