import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.curation.rules.curating.shingles import (
    SIDES,
    HashLists,
    Side,
    distinct_sets,
    jaccard,
    mixed,
    ngrams,
    shingles_of,
    words_said,
)
from app.curation.rules.curating.words import turns_of
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
    lambda texts: turns(*texts),
    st.lists(st.text("ab c中", max_size=12), min_size=1, max_size=4),
)


def shingles(conversations: pa.Array, side: Side = "user") -> HashLists:
    return shingles_of(words_said(turns_of(conversations), side))


def sets_of(*conversations: Conversation, side: Side = "user") -> list[set[int]]:
    return [set(row.tolist()) for row in distinct_sets(shingles(column(*conversations), side))]


@pytest.mark.slow
@pytest.mark.parametrize("side", SIDES)
@given(conversations=st.lists(CONVERSATIONS, min_size=1, max_size=6))
def test_there_is_one_hash_for_each_run(conversations: list[Conversation], side: Side) -> None:
    plain = [plain_shingles(conversation, side) for conversation in conversations]
    hashed = sets_of(*conversations, side=side)
    assert [len(row) for row in hashed] == [len(row) for row in plain]
    every_hash, every_run = set().union(*hashed), frozenset().union(*plain)
    assert len(every_hash) == len(every_run)


@pytest.mark.slow
@given(CONVERSATIONS, CONVERSATIONS)
def test_the_jaccard_similarity_of_two_is_that_of_their_runs(
    one: Conversation, other: Conversation
) -> None:
    first, second = distinct_sets(shingles(column(one, other)))
    assert jaccard(first, second) == jaccard(second, first) == plain_jaccard(one, other, "user")


def test_calls_of_tools_are_words_where_they_are_made_and_nothing_else_is() -> None:
    plain = turns("Rain in Bonn?", "No.")
    called = calling(plain, 1, '{"in": "Bonn"}')
    written = turns("Rain in Bonn?", "weather in Bonn No.")
    rich = [{**turn, "reasoning": "Hm", "alternatives": [plain[:1]]} for turn in called]
    without, one, same, other = sets_of(plain, called, written, rich, side="assistant")
    assert one == same == other != without


def test_turns_of_the_system_and_of_tools_count_for_nothing() -> None:
    plain = turns("Rain in Bonn?", "No.")
    others = [{"role": role, "content": "Sun", "stopped": False} for role in ("system", "tool")]
    for side in SIDES:
        one, other = sets_of(plain, [others[0], plain[0], others[1], plain[1]], side=side)
        assert one == other


def test_short_texts_have_shingles_of_their_own() -> None:
    found = sets_of(*map(turns, ["", "one", "two", "one two", "two one", "中", "中文"]))
    assert len(set(map(frozenset, found))) == len(found)
    assert all(found)


def test_shingles_run_over_the_turns_of_a_side_but_not_over_conversations() -> None:
    apart, together = sets_of(turns("one", "no", "two"), turns("one two"))
    assert apart == together
    assert sets_of(turns("one two three"), turns("four five six")) == [
        *sets_of(turns("one two three")),
        *sets_of(turns("four five six")),
    ]


@pytest.mark.slow
def test_a_conversation_has_the_same_shingles_in_any_batch() -> None:
    def sets(conversations: pa.Array) -> pa.Array:
        return pa.array(distinct_sets(shingles(conversations)), pa.list_(pa.uint64()))

    assert_row_by_row(sets, column(*many()))


def test_no_conversations_have_no_shingles() -> None:
    found = shingles(pa.chunked_array([], column().type))
    assert len(found.hashes) == 0
    assert found.offsets.tolist() == [0]
    assert distinct_sets(found) == []


def test_a_row_that_is_shorter_than_a_run_has_none() -> None:
    words = HashLists(np.arange(1, 8, dtype=np.uint64), np.array([0, 2, 2, 7]))
    assert ngrams(words, 5).offsets.tolist() == [0, 0, 0, 1]
    assert ngrams(words, 2).offsets.tolist() == [0, 1, 1, 5]


def test_runs_of_a_long_text_are_those_of_its_parts() -> None:
    words = mixed(np.arange(3 << 14, dtype=np.uint64))
    whole = ngrams(HashLists(words, np.array([0, len(words)])), 5).hashes
    for begin in range(0, len(words) - 9_999, 9_996):
        part = HashLists(words[begin : begin + 10_000], np.array([0, 10_000]))
        assert ngrams(part, 5).hashes.tolist() == whole[begin : begin + 9_996].tolist()
    assert ngrams(HashLists(words[:7], np.array([0, 3, 7])), 5).offsets.tolist() == [0, 0, 0]
