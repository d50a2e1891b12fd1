"""Rows that say more than a submission can hold, as other tools write them."""

import pytest

from chatlake_client.contract import Defaults
from chatlake_client.errors import LossyRowError
from chatlake_client.records import Json
from chatlake_client.shapes import meaning
from tests.client.reading import body_of

ASKED: Json = {"role": "user", "content": "Name one pier."}
ANSWERED: Json = {"role": "assistant", "content": "The eastern pier."}


TAKEN_BESIDE = {"system", "tools", "functions", "chosen", "model", "generator"} | {
    "conversation",
    "messages",
    "conversations",
}
"""Listed keys that a row of messages may have, because the shape takes them."""


def lost(row: Json, defaults: Defaults | None = None) -> tuple[str, ...]:
    """The keys for which a row is rejected; none when it is taken."""
    try:
        body_of(row, defaults or Defaults())
    except LossyRowError as error:
        assert all(key in str(error) for key in error.keys)
        return error.keys
    return ()


def beside(**keys: object) -> Json:
    """A row with keys beside its turns."""
    return {"messages": [ASKED, ANSWERED], **keys}


def inside(**keys: object) -> Json:
    """A row with keys inside its last turn."""
    return {"messages": [ASKED, {**ANSWERED, **keys}]}


SHAPES: dict[str, tuple[Json, tuple[str, ...]]] = {
    "LLaMA-Factory's ShareGPT preferences": (
        {
            "conversations": [{"from": "human", "value": "Name one pier."}],
            "chosen": {"from": "gpt", "value": "The eastern pier."},
            "rejected": {"from": "gpt", "value": "Bananas."},
        },
        (),
    ),
    "LLaMA-Factory's ShareGPT tools": (
        {
            "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}],
            "system": "You run a weaving shed.",
            "tools": '[{"name": "book"}]',
        },
        (),
    ),
    "LLaMA-Factory's KTO": (
        {"messages": [ASKED, ANSWERED], "kto_tag": False},
        (),
    ),
    "LLaMA-Factory's Alpaca with a history": (
        {
            "instruction": "And back?",
            "input": "",
            "output": "Line seven too.",
            "system": "You are terse.",
            "history": [["Which tram?", "Line seven."]],
        },
        (),
    ),
    "Alpaca preferences": (
        {"instruction": "Shorten.", "output": "It poured.", "rejected": "Rain rain."},
        ("rejected",),
    ),
    "Dolly": (
        {"instruction": "Who?", "context": "Ane built it.", "response": "Ane.", "category": "qa"},
        (),
    ),
    "TRL's KTO": ({"messages": [ASKED, ANSWERED], "label": True}, ()),
    "UltraFeedback": (
        {
            "prompt": "Name one pier.",
            "messages": [ASKED, ANSWERED],
            "chosen": [ASKED, ANSWERED],
            "rejected": [ASKED, {"role": "assistant", "content": "Bananas."}],
            "score_chosen": 9.0,
        },
        (),
    ),
    "OpenAI's fine-tuning with a tool": (
        {
            "messages": [
                ASKED,
                {"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}]},
                {"role": "tool", "tool_call_id": "c1", "content": "east"},
                ANSWERED,
            ],
            "tools": [{"type": "function"}],
        },
        (),
    ),
    "OpenAI's older function calls": (
        {
            "messages": [
                ASKED,
                {"role": "assistant", "content": "", "function_call": {"name": "pier"}},
                {"role": "function", "name": "pier", "content": "east"},
            ],
            "functions": [{"name": "pier"}],
        },
        (),
    ),
    "Hugging Face's thinking": (
        {"messages": [ASKED, {**ANSWERED, "thinking": "There are two."}]},
        (),
    ),
    "HuggingChat's tree": (
        {
            "model": "llama",
            "messages": [
                {"id": "r", "from": "system", "content": "Be brief.", "children": ["u"]},
                {"id": "u", "from": "user", "content": "Hi", "children": ["a", "b"]},
                {"id": "a", "from": "assistant", "content": "Ho", "score": -1, "children": []},
                {"id": "b", "from": "assistant", "content": "Hello", "children": []},
            ],
        },
        (),
    ),
    "HuggingChat's older line": (
        {
            "preprompt": "Be brief.",
            "messages": [
                {"from": "user", "content": "Hi", "files": []},
                {"from": "assistant", "content": "Ho", "interrupted": True},
            ],
        },
        (),
    ),
    "llama.cpp's tree": (
        {
            "conv": {"id": "c"},
            "messages": [
                {"role": "user", "content": "Hi", "parent": None, "children": ["a"]},
                {
                    "role": "assistant",
                    "content": "4,413 ft",
                    "parent": "u",
                    "children": [],
                    "reasoningContent": "Times 3.28.",
                    "toolCalls": '[{"name": "sum"}]',
                },
            ],
        },
        (),
    ),
    "LibreChat's newer messages": (
        {
            "messages": [
                {
                    "sender": "Nimbus",
                    "isCreatedByUser": False,
                    "text": "",
                    "content": [{"type": "text", "text": "Stratus."}],
                }
            ]
        },
        ("messages[].sender",),
    ),
    "a log whose answer is of an unknown form": (
        {"model": "gpt", "messages": [ASKED], "response": {"verdict": {"said": "Ho"}}},
        ("response of an unknown form",),
    ),
    "chatlake's release": (
        beside(feedback=[{"rating": None, "stopped": False}, {"rating": "positive"}]),
        ("feedback",),
    ),
    "two forms at once": (
        {"messages": [ASKED], "conversations": [{"from": "gpt", "value": "Ho"}]},
        ("conversations",),
    ),
    "several models": (
        {"model": "a", "messages": [ASKED, {**ANSWERED, "model": "b"}]},
        (),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_of_which_a_part_would_be_lost_is_rejected_with_its_keys(shape: str) -> None:
    row, keys = SHAPES[shape]
    assert lost(row) == keys


def test_each_listed_key_counts_beside_the_turns_and_inside_them() -> None:
    for key in meaning.OTHER_KEYS | meaning.TEXT_KEYS:
        if key not in TAKEN_BESIDE:
            assert lost(beside(**{key: "else"})) == (key,)
        # Texts under `images` are Ollama's images, and those under `system` a system prompt.
        if key not in {"images", "system"}:
            assert lost(inside(**{key: ["else"]})) == (f"messages[].{key}",)


@pytest.mark.parametrize("key", ["tool_calls", "toolCalls", "Tool-Calls", "TOOL_CALLS"])
def test_a_key_counts_in_any_spelling_and_is_named_as_the_row_has_it(key: str) -> None:
    assert lost(beside(**{key: [1]})) == (key,)


@pytest.mark.parametrize("verdict", [True, False, 0, "False"])
def test_a_verdict_counts_even_when_it_is_false(verdict: object) -> None:
    for key in meaning.VERDICT_KEYS - {"rating"}:
        assert lost(inside(**{key: verdict})) == (f"messages[].{key}",)


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (4.5, "4.5"),
        ("good", "good"),
        (["a", 1], "a, 1"),
    ],
)
def test_a_verdict_beside_the_turns_becomes_a_label(verdict: object, text: str) -> None:
    for key in meaning.VERDICT_KEYS - {"label", "labels"}:
        assert body_of(beside(**{key: verdict}), Defaults())["labels"] == {key: text}


def test_a_verdict_that_no_label_can_be_is_lost() -> None:
    assert lost(beside(feedback=[{"rating": 1}])) == ("feedback",)
    assert lost(beside(feedback="long " * 200)) == ("feedback",)


NOTHING: list[object] = [None, "", " ", [], {}, "[]", "{}", "null", {"a": None, "b": [""]}, [[]]]


@pytest.mark.parametrize("nothing", [*NOTHING, False])
def test_an_empty_value_loses_nothing(nothing: object) -> None:
    keys = dict.fromkeys(["system", "tools", "tool_calls", "children", "history"], nothing)
    assert lost(beside(**keys)) == ()
    assert lost(inside(**keys)) == ()


@pytest.mark.parametrize("nothing", NOTHING)
def test_an_empty_verdict_loses_nothing(nothing: object) -> None:
    assert lost(beside(label=nothing, chosen=nothing)) == ()


def test_a_text_that_a_turn_repeats_is_not_lost() -> None:
    row = beside(prompt="Name one pier.\n", response="The eastern pier.", prompt_id="1")
    assert lost(row) == ()
    assert lost({**row, "prompt": "Name two piers."}) == ("prompt",)


def test_a_judgement_of_a_text_is_lost_even_when_a_turn_repeats_the_text() -> None:
    assert lost(beside(rejected="The eastern pier.")) == ("rejected",)


def test_a_speaker_is_lost_unless_it_is_the_role() -> None:
    assert lost(inside(name="assistant", author="assistant")) == ()
    assert lost(inside(author="Ada")) == ("messages[].author",)


@pytest.mark.parametrize("key", ["model", "model_name", "generator"])
def test_the_model_is_the_agent_unless_the_row_names_one(key: str) -> None:
    row = beside(**{key: "vicuna-13b"})
    assert body_of(row, Defaults(agent_id="default"))["agent_id"] == "vicuna-13b"
    assert lost({**row, "agent_id": "vicuna-13b"}) == ()
    assert lost({**row, "agent_id": "gpt4all"}) == (key,)


def test_the_model_of_a_turn_is_kept_as_the_agents_name() -> None:
    row = inside(model="vicuna-13b")
    assert body_of(row, Defaults())["agent_id"] == "vicuna-13b"
    assert lost({**row, "agent_id": "gpt4all"}) == ()


def test_where_and_when_a_conversation_was_recorded_loses_no_meaning() -> None:
    recorded = {
        "id": "1",
        "conversation_id": "2",
        "title": "Piers",
        "name": "Piers",
        "timestamp": "2023-05-01T10:00:00+00:00",
        "language": "English",
        "turn": 1,
        "openai_moderation": [{"flagged": False}],
        "toxic": False,
        "redacted": True,
        "category": "open_qa",
        "usage": {"total_tokens": 3},
    }
    turn = {**ANSWERED, "id": "t", "timestamp": 1, "country": "Norway", "weight": 1}
    assert lost({**recorded, "conversation": [ASKED, turn]}) == ()
