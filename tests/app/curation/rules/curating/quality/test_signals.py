from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.curation.rules.curating.quality.signals import signals
from tests.app.curation.rules.curating.making import (
    SCHEMA,
    Conversation,
    calling,
    column,
    many,
    plain_words,
    turns,
)
from tests.batches import assert_row_by_row


def signals_of(*contents: str, ratings: tuple[str | None, ...] = ()) -> dict[str, Any]:
    (found,) = signals(column(turns(*contents, ratings=ratings))).to_pylist()
    return dict(found)


def test_signals_are_of_the_type_of_the_stage() -> None:
    assert signals(column(turns("Hi"))).type == SCHEMA.field("signals").type
    assert len(signals(column())) == 0
    assert len(signals(pa.chunked_array([], column().type))) == 0


@pytest.mark.slow
def test_a_conversation_has_the_same_signals_in_any_batch() -> None:
    assert_row_by_row(signals, column(*many()))


def test_a_conversation_without_words_has_nothing_to_count() -> None:
    found = signals_of("", "")
    assert set(found.values()) == {0}


def test_words_are_counted_with_their_mean_length() -> None:
    found = signals_of("What is it?", "A CAT, 猫")
    assert found["words"] == 6
    assert found["mean_word_length"] == (4 + 2 + 2 + 1 + 3 + 1) / 6


@pytest.mark.parametrize(
    ("text", "symbol_ratio"),
    [("plain words only", 0), ("a+b", 1 / 3), ("== \t\n ==", 1), ("é — ü", 1 / 3)],
)
def test_symbols_are_neither_white_space_nor_parts_of_words(text: str, symbol_ratio: float) -> None:
    assert signals_of(text)["symbol_ratio"] == symbol_ratio


def test_words_with_a_letter_are_alphabetic() -> None:
    assert signals_of("1 23 4x 日")["alphabetic_ratio"] == 0.5


@pytest.mark.parametrize(
    ("text", "stop_words"),
    [("nothing here", 0), ("The cat and the dog", 2), ("the be to of and that have with", 8)],
)
def test_stop_words_are_counted_once_each(text: str, stop_words: int) -> None:
    assert signals_of(text, "yes")["stop_words"] == stop_words


def test_lines_that_end_with_an_ellipsis_are_counted_among_those_with_text() -> None:
    assert signals_of("Read more...\n\nNext… \nDone", "Yes ... no")["ellipsis_ratio"] == 0.5


def test_lines_are_repeated_within_a_turn_by_their_characters() -> None:
    assert signals_of("abcd\nabcd\nxy", "abcd")["duplicate_line_ratio"] == 4 / 14
    assert signals_of("abcd", "abcd", "abcd")["duplicate_line_ratio"] == 0


def test_the_most_frequent_run_of_three_words_of_a_turn_counts() -> None:
    assert signals_of("a b c d a b c", "x y z")["top_ngram_ratio"] == 6 / 10
    assert signals_of("a b c", "a b c")["top_ngram_ratio"] == 0
    assert signals_of("ha " * 50)["top_ngram_ratio"] == 1


def test_runs_of_five_words_that_a_turn_had_before_count() -> None:
    once = "one two three four five six"
    assert signals_of(once, once)["duplicate_ngram_ratio"] == 0
    assert signals_of(f"{once} {once}")["duplicate_ngram_ratio"] == 2 / 8
    assert signals_of("ha " * 104)["duplicate_ngram_ratio"] == 99 / 100


def test_answers_that_are_the_same_count_and_questions_do_not() -> None:
    said = "I have told you all that I know about it."
    found = signals_of("go on", said, "go on", said, "go on", "Fine.", "go on", "Fine.")
    assert found["repeated_turn_ratio"] == 1 / 4


def test_a_loop_says_the_same_three_times_with_nothing_between() -> None:
    line = "one two three four five six seven eight nine ten "
    assert signals_of("go on", line * 10)["loop_ratio"] == 86 / 96
    assert signals_of(line * 10, "go on")["loop_ratio"] == 0
    assert signals_of("go on", line * 2)["loop_ratio"] == 0
    apart = " ".join(f"{line} {n} {n}" for n in range(10))
    assert signals_of("go on", apart)["loop_ratio"] == 0


def test_turns_that_only_call_tools_are_no_answers_but_their_words_count() -> None:
    conversation = turns("Rain?", "I'm sorry, but I cannot help with that.")
    twice = calling(calling(conversation, 1, '{"in": "Bonn"}'), 2, '{"in": "Bonn"}')
    before, found = signals(column(conversation, twice)).to_pylist()
    assert found == {**before, "words": before["words"] + 2 * 3}
    assert (found["repeated_turn_ratio"], found["refusal_ratio"]) == (0, 1)


def test_only_contents_are_measured() -> None:
    plain = turns("What is it?", "A cat.")
    other = {"content": "Not a cat at all ...", "role": "assistant", "stopped": False}
    more = {"reasoning": "Hm ...", "attachments": [{"kind": "image", "text": "!!!"}]}
    rich = [plain[0], {**plain[1], **more, "alternatives": [[other | {"rating": "negative"}]]}]
    one, same = signals(column(plain, rich)).to_pylist()
    assert one == same


def test_ratings_are_counted() -> None:
    found = signals_of("a", "b", "c", "d", ratings=("positive", "negative", None, "positive"))
    assert (found["positive_ratings"], found["negative_ratings"]) == (2, 1)


def test_answers_that_refuse_are_counted_among_answers() -> None:
    refusal = "I'm sorry, but I can't assist with that."
    assert signals_of("Do it", refusal, "Why?", "Because.")["refusal_ratio"] == 0.5
    assert signals_of(refusal, "Why not?")["refusal_ratio"] == 0


def test_boilerplate_counts_by_its_characters() -> None:
    assert signals_of("Enable JavaScript", "0123456789abcdefg")["boilerplate_ratio"] == 0.5


CONVERSATIONS = st.builds(
    lambda texts: turns(*texts), st.lists(st.text("aB. \n中é", max_size=20), min_size=1, max_size=4)
)


@pytest.mark.slow
@given(st.lists(CONVERSATIONS, min_size=1, max_size=5))
@settings(max_examples=25)
def test_signals_do_not_depend_on_the_other_rows(conversations: list[Conversation]) -> None:
    together = signals(column(*conversations))
    apart = [signals(column(turns("x"), conversation).slice(1)) for conversation in conversations]
    assert together.to_pylist() == pa.concat_arrays(apart).to_pylist()
    for found, conversation in zip(together.to_pylist(), conversations, strict=True):
        text = "\n".join(turn["content"] for turn in conversation)
        words = plain_words(text)
        assert found["words"] == len(words)
        visible = sum(not character.isspace() for character in text)
        assert found["symbol_ratio"] == (
            (visible - sum(map(len, words))) / visible if visible else 0
        )
