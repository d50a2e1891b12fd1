from typing import Any

import pytest

from app.releases.rows.dialogue import Dialogue, dialogue_of
from app.releases.rows.preferences import MAX_OF_CONVERSATION, judgements_of, pairs_of


def turn(role: str, content: str, **fields: Any) -> dict[str, Any]:
    """Return a turn with what is known of it."""
    return {"role": role, "content": content, "rating": None, "edited_content": None, **fields}


def user(content: str, **fields: Any) -> dict[str, Any]:
    """Return a turn of the user."""
    return turn("user", content, **fields)


def answer(content: str, *others: str | list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """Return an answer with alternatives, each of them a text or turns."""
    alternatives = [[answer(other)] if isinstance(other, str) else other for other in others]
    return turn("assistant", content, **{"alternatives": alternatives or None, **fields})


def dialogue(*turns: dict[str, Any], **labels: str) -> Dialogue:
    """Return a conversation as the row of a release tells it."""
    messages = [
        {name: said.get(name) for name in ("role", "content", "tool_calls")} for said in turns
    ]
    told = [{"key": key, "value": value} for key, value in labels.items()]
    return dialogue_of({"messages": messages, "feedback": turns, "labels": told})


COMPARED = {"preference": "pair", "preferred": "main"}
RANKED = {"preference": "ranking", "preferred": "main"}


def pairs(*turns: dict[str, Any], **labels: str) -> list[tuple[str, str, str, str]]:
    """Return the texts of each pair, with its source."""
    return [
        (texts(pair.prompt), texts(pair.chosen), texts(pair.rejected), pair.source)
        for pair in pairs_of(dialogue(*turns, **labels))
    ]


def judged(*turns: dict[str, Any], **labels: str) -> list[tuple[str, str, bool, str]]:
    """Return the texts of each judged answer, with its source."""
    return [
        (texts(each.prompt), texts(each.completion), each.label, each.source)
        for each in judgements_of(dialogue(*turns, **labels))
    ]


def texts(messages: list[dict[str, Any]]) -> str:
    """Return the texts of messages."""
    return " | ".join(message["content"] for message in messages)


def test_answers_that_were_only_generated_again_are_not_compared() -> None:
    assert pairs(user("q"), answer("a", "b", "c")) == []
    assert judged(user("q"), answer("a", "b", "c")) == []


def test_a_compared_pair_goes_to_the_ends_of_both() -> None:
    worse = [answer("b"), user("why?"), answer("so"), user("oh")]
    found = pairs(user("q"), answer("a", worse), user("and?"), answer("then"), **COMPARED)
    assert found == [("q", "a | and? | then", "b | why? | so", "pair")]


@pytest.mark.parametrize("preferred", ["tie", "neither", "other", ""])
def test_a_tie_makes_no_pair(preferred: str) -> None:
    assert pairs(user("q"), answer("a", "b"), preference="pair", preferred=preferred) == []


def test_both_answers_of_a_pair_that_is_called_bad_are_bad() -> None:
    found = judged(user("q"), answer("a", "b"), preference="pair", preferred="neither")
    assert found == [("q", "a", False, "pair"), ("q", "b", False, "pair")]


def test_each_ranked_answer_is_better_than_those_after_it() -> None:
    goes_on = [answer("c"), user("more"), answer("d")]
    found = pairs(user("q"), answer("a", "b", goes_on), user("x"), answer("y"), **RANKED)
    assert found == [
        ("q", "a", "b", "ranking"),
        ("q", "a", "c", "ranking"),
        ("q", "b", "c", "ranking"),
    ]
    # The one in the middle is neither good nor bad.
    assert judged(user("q"), answer("a", "b", "c"), **RANKED) == [
        ("q", "a", True, "ranking"),
        ("q", "c", False, "ranking"),
    ]


def test_an_edited_answer_is_better_than_the_answer() -> None:
    turns = [user("q"), answer("a", edited_content="better"), user("r"), answer("b")]
    assert pairs(*turns) == [("q", "better", "a", "edit")]
    assert judged(*turns) == [("q", "better", True, "edit"), ("q", "a", False, "edit")]


def test_an_edited_alternative_is_compared_too() -> None:
    other = [answer("b"), user("r"), answer("c", edited_content="better")]
    assert pairs(user("q"), answer("a", other)) == [("q | b | r", "better", "c", "edit")]


@pytest.mark.parametrize("edited", [None, "", "a", "  "])
def test_an_edit_that_changes_nothing_or_leaves_nothing_is_no_preference(
    edited: str | None,
) -> None:
    assert pairs(user("q"), answer("a", edited_content=edited)) == []


def test_a_liked_answer_is_better_than_a_disliked_one_to_the_same_prompt() -> None:
    others = [
        [answer("b", rating="negative")],
        [answer("c")],
        [answer("d", rating="positive")],
    ]
    turns = [user("q"), answer("a", *others, rating="negative")]
    assert pairs(*turns) == [("q", "d", "a", "rating"), ("q", "d", "b", "rating")]
    assert judged(*turns) == [
        ("q", "a", False, "rating"),
        ("q", "b", False, "rating"),
        ("q", "d", True, "rating"),
    ]


def test_a_rating_of_one_answer_alone_judges_that_answer() -> None:
    turns = [user("q"), answer("a", "b", rating="positive"), user("r"), answer("c")]
    assert pairs(*turns) == []
    assert judged(*turns) == [("q", "a", True, "rating")]


def test_what_was_stated_first_counts_when_reasons_disagree() -> None:
    other = [answer("b", rating="positive")]
    turns = [user("q"), answer("a", other, rating="negative")]
    assert pairs(*turns, **COMPARED) == [("q", "a", "b", "pair")]
    # A rating says of an answer by itself whether it is good.
    assert judged(*turns, **COMPARED) == [("q", "a", False, "rating"), ("q", "b", True, "rating")]


def test_no_pair_comes_twice() -> None:
    other = [answer("b", rating="negative")]
    turns = [user("q"), answer("a", other, other, rating="positive", edited_content=None)]
    assert pairs(*turns, **COMPARED) == [("q", "a", "b", "pair")]


def test_an_answer_has_its_calls_of_tools_and_their_results() -> None:
    call = {"function": {"name": "f", "arguments": "{}"}}
    turns = [
        user("q"),
        turn("assistant", "", tool_calls=[call]),
        turn("tool", "42"),
        answer("a", rating="positive"),
    ]
    assert judged(*turns) == [("q", " | 42 | a", True, "rating")]


@pytest.mark.parametrize(
    "turns",
    [
        [answer("a", edited_content="b")],
        [turn("system", "s"), answer("a", edited_content="b")],
        [user(""), answer("a", edited_content="b")],
        [user("q"), answer(" "), user("r"), answer("a", edited_content="b")],
        [user("q"), answer("", edited_content="b")],
        [user("q", edited_content="r"), answer("a")],
    ],
)
def test_prompts_and_answers_without_content_make_no_pair(turns: list[dict[str, Any]]) -> None:
    assert pairs(*turns) == []


def test_another_question_is_no_alternative_to_an_answer() -> None:
    question = user("q", alternatives=[[user("r"), answer("b")]])
    mixed = answer("a", [user("r")])
    assert pairs(question, mixed, **COMPARED) == []


@pytest.mark.slow
def test_a_conversation_gives_a_bounded_number_of_pairs() -> None:
    others = [f"answer {number}" for number in range(200)]
    assert len(pairs(user("q"), answer("a", *others), **RANKED)) == MAX_OF_CONVERSATION
    turns = [
        each
        for number in range(200)
        for each in (user(f"q{number}"), answer(f"a{number}", rating="positive"))
    ]
    assert len(judged(*turns)) == MAX_OF_CONVERSATION
