import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.curation.rules.curating.shingles import (
    HashLists,
    distinct_sets,
    jaccard,
    ngrams,
    shingles_of,
)
from tests.app.curation.rules.curating.making import (
    Conversation,
    calling,
    column,
    many,
    plain_jaccard,
    plain_shingles,
    turns,
)
from tests.batches import assert_row_by_row

CONVERSATIONS = st.builds(
    lambda texts: turns(*texts), st.lists(st.text("ab c中", max_size=12), min_size=1, max_size=4)
)


def sets_of(*conversations: Conversation) -> list[set[int]]:
    return [set(row.tolist()) for row in distinct_sets(shingles_of(column(*conversations)))]


@pytest.mark.slow
@given(st.lists(CONVERSATIONS, min_size=1, max_size=6))
def test_there_is_one_hash_for_each_run_of_three_words(conversations: list[Conversation]) -> None:
    plain = [plain_shingles(conversation) for conversation in conversations]
    hashed = sets_of(*conversations)
    assert [len(row) for row in hashed] == [len(row) for row in plain]
    every_hash, every_run = set().union(*hashed), frozenset().union(*plain)
    assert len(every_hash) == len(every_run)


@pytest.mark.slow
@given(CONVERSATIONS, CONVERSATIONS)
def test_the_similarity_of_two_is_that_of_their_runs_of_words(
    one: Conversation, other: Conversation
) -> None:
    first, second = distinct_sets(shingles_of(column(one, other)))
    assert jaccard(first, second) == jaccard(second, first) == plain_jaccard(one, other)


def test_calls_of_tools_are_words_where_they_are_made_and_nothing_else_is() -> None:
    plain = turns("Rain in Bonn?", "No.")
    called = calling(plain, 1, '{"in": "Bonn"}')
    written = [plain[0], *turns("weather in Bonn"), plain[1]]
    rich = [{**turn, "reasoning": "Hm", "alternatives": [plain[:1]]} for turn in called]
    without, one, same, other = sets_of(plain, called, written, rich)
    assert one == same == other != without


@pytest.mark.parametrize("words", ["", "one", "one two", "one two three"])
def test_up_to_three_words_are_one_shingle_of_their_own(words: str) -> None:
    ((shingle,),) = sets_of(turns(words))
    ((other,),) = sets_of(turns("three two one"))
    assert shingle != other


def test_shingles_run_over_turns_but_not_over_conversations() -> None:
    apart, together = sets_of(turns("one two", "three four")), sets_of(turns("one two three four"))
    assert apart == together
    assert sets_of(turns("one two three"), turns("four five six")) == [
        *sets_of(turns("one two three")),
        *sets_of(turns("four five six")),
    ]


@pytest.mark.slow
def test_a_conversation_has_the_same_shingles_in_any_batch() -> None:
    def sets(conversations: pa.Array) -> pa.Array:
        return pa.array(distinct_sets(shingles_of(conversations)), pa.list_(pa.uint64()))

    assert_row_by_row(sets, column(*many()))


def test_no_conversations_have_no_shingles() -> None:
    shingles = shingles_of(pa.chunked_array([], column().type))
    assert len(shingles.hashes) == 0
    assert shingles.offsets.tolist() == [0]
    assert distinct_sets(shingles) == []


def test_a_row_that_is_shorter_than_a_run_has_none() -> None:
    words = HashLists(np.arange(1, 8, dtype=np.uint64), np.array([0, 2, 2, 7]))
    assert ngrams(words, 5).offsets.tolist() == [0, 0, 0, 1]
    assert ngrams(words, 2).offsets.tolist() == [0, 1, 1, 5]
