"""What a source states beside the turns, in the fields of the contract."""

from pathlib import Path
from typing import Any, Final

import pytest

from chatlake_client.contract import Terms, submissions_of
from chatlake_client.records import Json
from tests.client.reading import conversation_of, file_of, found_of, read_all

Q: Final = {"role": "user", "content": "q"}
A: Final = {"role": "assistant", "content": "a"}


def labels_of(**columns: object) -> dict[str, str]:
    return conversation_of({"messages": [Q, A], **columns}).labels


def test_columns_of_data_sets_become_labels() -> None:
    columns = {"category": "qa", "turn": 2, "ratio": 0.5, "toxic": False, "tags": ["a", 1]}
    assert labels_of(**columns) == {
        "category": "qa",
        "turn": "2",
        "ratio": "0.5",
        "toxic": "false",
        "tags": "a, 1",
    }


@pytest.mark.parametrize(
    "key",
    [
        *("user", "user_email", "userName", "hashed_ip", "api_key", "sessionId", "country"),
        *("judge", "userid", "emails", "addresses", "apikeys", "latitude", "zip_code", "login"),
    ],
)
def test_data_of_accounts_is_no_label(key: str) -> None:
    assert labels_of(**{key: "x"}) == {}


@pytest.mark.parametrize("key", ["id", "prompt_id", "num_tokens", "updated_at", "", "a\nb", "text"])
def test_what_identifies_or_counts_a_record_is_no_label(key: str) -> None:
    assert labels_of(**{key: "x"}) == {}


@pytest.mark.parametrize(
    "value", [None, "", " ", "long " * 200, float("nan"), {"a": 1}, [{"a": 1}], [["a"]], []]
)
def test_what_is_no_short_text_is_no_label(value: object) -> None:
    assert labels_of(category=value) == {}


def test_what_becomes_no_label_is_counted() -> None:
    row = {"messages": [Q, A], "category": {"a": 1}, "user": "x"}
    ((_, contents),) = submissions_of(*found_of(row), Terms())
    assert contents.not_taken == {"category": 1, "user": 1}


def test_labels_that_a_row_states_by_that_name_are_taken() -> None:
    assert labels_of(labels={"a": "long " * 200, "n": 1}, category="qa") == {
        "a": "long " * 200,
        "n": "1",
        "category": "qa",
    }


NODE: Final = {"parent": None, "message": {"author": {"role": "user"}, "content": {"parts": ["q"]}}}
STATED: Final[dict[str, tuple[Any, Json]]] = {
    "ChatGPT": (
        {
            "mapping": {"1": NODE},
            "title": "T",
            "create_time": 1e9,
            "voice": "ember",
            "gizmo_id": "g",
        },
        {
            "title": "T",
            "created_at": "2001-09-09T01:46:40Z",
            "client": {"name": "ChatGPT"},
            "labels": {"gizmo_id": "g", "voice": "ember"},
        },
    ),
    "Claude": (
        {"chat_messages": [{"sender": "human", "text": "q"}], "name": "T", "summary": "S"},
        {"title": "T", "client": {"name": "Claude"}, "labels": {"summary": "S"}},
    ),
    "Open WebUI": (
        {"chat": {"title": "T", "messages": [Q]}, "meta": {"tags": ["a", "b"]}, "user_id": "u"},
        {"title": "T", "client": {"name": "Open WebUI"}, "labels": {"tags": "a, b"}},
    ),
    "OpenTelemetry": (
        {
            "resourceSpans": [
                {
                    "resource": {
                        "attributes": [
                            {"key": "service.name", "value": {"stringValue": "desk"}},
                            {"key": "service.version", "value": {"stringValue": "1.2"}},
                            {"key": "host.name", "value": {"stringValue": "h"}},
                        ]
                    },
                    "scopeSpans": [
                        {
                            "spans": [
                                {
                                    "startTimeUnixNano": "1000000000000000000",
                                    "attributes": {
                                        "gen_ai.provider.name": "p",
                                        "gen_ai.tool.definitions": [{"name": "f"}],
                                        "gen_ai.input.messages": [
                                            {
                                                "role": "user",
                                                "parts": [{"type": "text", "content": "q"}],
                                            }
                                        ],
                                    },
                                }
                            ]
                        }
                    ],
                }
            ]
        },
        {
            "created_at": "2001-09-09T01:46:40Z",
            "client": {"name": "desk", "version": "1.2"},
            "tools": '[{"name": "f"}]',
            "labels": {"gen_ai.provider.name": "p"},
        },
    ),
    "LiteLLM": (
        {
            "call_type": "completion",
            "messages": [Q],
            "response": "a",
            "end_user": "u",
            "model_parameters": {"temperature": 0, "tools": [{"name": "f"}]},
        },
        {
            "client": {"name": "LiteLLM"},
            "tools": '[{"name": "f"}]',
            "labels": {"temperature": "0"},
        },
    ),
    "Gemini": (
        {"contents": "q", "generationConfig": {"temperature": 0.5}},
        {"labels": {"temperature": "0.5"}},
    ),
    "data sets": (
        {"messages": [Q], "license": "MIT", "title": "T", "timestamp": 1_000_000_000_123},
        {"licence": "MIT", "title": "T", "created_at": "2001-09-09T01:46:40.123Z"},
    ),
}


@pytest.mark.parametrize("shape", STATED)
def test_a_shape_fills_what_its_source_states(shape: str) -> None:
    row, stated = STATED[shape]
    ((body, _),) = submissions_of(*found_of(row), Terms())
    del body["agent_id"], body["conversation"]
    assert body == stated


def test_feedback_beside_chatgpts_conversations_rates_its_message(tmp_path: Path) -> None:
    conversation = {"conversation_id": "c", "mapping": {"m": NODE}}
    feedback = {"id": "m", "conversation_id": "c", "rating": "thumbs_down", "user_id": "u"}
    other = {"id": "x", "conversation_id": "gone", "rating": "thumbs_up"}
    found, rejected, skipped = read_all(file_of(tmp_path / "a", feedback, conversation, other))
    assert [turn.rating for turn in found[0].turns] == ["negative"]
    assert (len(found), len(rejected), len(skipped)) == (1, 0, 1)


def test_claude_code_states_its_version(tmp_path: Path) -> None:
    record = {"type": "user", "sessionId": "s", "uuid": "1", "message": Q, "version": "2.0"}
    (found,), _, _ = read_all(file_of(tmp_path / "a", {**record, "cwd": "/home/ola"}))
    assert found.client
    assert (found.client.name, found.client.version) == ("Claude Code", "2.0")
    assert found.labels == {}
