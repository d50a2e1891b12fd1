from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.curation.errors import TextsMissing
from app.curation.rules.curating import near_duplicates
from app.curation.rules.curating.arrays import Hashes
from app.curation.rules.curating.decide import REASONS, decide
from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.shingles import jaccard
from catalog.stages import DROPPED_ARROW_SCHEMA
from tests.app.curation.rules.curating.making import (
    NO_RULES,
    Conversation,
    TextWriter,
    facts,
    many,
    plain_jaccard,
    reader,
    row_id,
    turns,
)
from tests.batches import cut, windows

WORDS = 24


@st.composite
def alike(draw: st.DrawFn) -> list[Conversation]:
    """Return conversations of the same words, each with a few words replaced."""
    conversations = []
    for _ in range(draw(st.integers(1, 14))):
        words = [f"w{place}" for place in range(draw(st.integers(6, WORDS)))]
        for place in draw(st.lists(st.integers(0, len(words) - 1), max_size=2)):
            words[place] = draw(st.sampled_from(["x", "y"]))
        ratings = draw(st.lists(st.sampled_from(["positive", "negative", None]), max_size=1))
        conversations.append(turns(" ".join(words), ratings=ratings))
    return conversations


def preference(conversations: list[Conversation]) -> list[int]:
    """Return the indices of conversations from the best one on."""

    def key(place: int) -> tuple[int, int, int]:
        (turn,) = conversations[place]
        net = {"positive": 1, "negative": -1, None: 0}[turn["rating"]]
        return -net, -len(turn["content"].split()), place

    return sorted(range(len(conversations)), key=key)


def expected(
    conversations: list[Conversation], given_facts: pa.Table
) -> dict[str, tuple[str, str]]:
    """Return the reason and the kept row of each dropped row, by comparing all with all."""
    bands = [set(enumerate(row)) for row in given_facts["bands"].to_pylist()]
    hashes = given_facts["content_hash"].to_pylist()
    originals: dict[str, int] = {}
    outcomes: dict[str, tuple[str, str]] = {}
    kept: list[int] = []
    for place in preference(conversations):
        original = originals.setdefault(hashes[place], place)
        if original != place:
            outcomes[row_id(place)] = ("duplicate", row_id(original))
            continue
        for other in kept:
            similarity = plain_jaccard(conversations[place], conversations[other])
            if bands[place] & bands[other] and similarity >= NO_RULES.min_jaccard:
                outcomes[row_id(place)] = ("near_duplicate", row_id(other))
                break
        else:
            kept.append(place)
    return outcomes


def outcomes_of(decided: pa.Table) -> dict[str, tuple[str, str]]:
    return {row["contribution_id"]: (row["reason"], row["kept_id"]) for row in decided.to_pylist()}


@pytest.mark.slow
@given(alike())
@settings(max_examples=150)
def test_a_row_is_dropped_exactly_if_it_is_near_a_row_that_was_kept_before_it(
    conversations: list[Conversation],
) -> None:
    given_facts = facts(conversations)
    decided = decide(given_facts, reader(conversations), NO_RULES)
    assert outcomes_of(decided) == expected(conversations, given_facts)
    places = preference(conversations)
    for row in decided.to_pylist():
        dropped, kept = (int(row[name][-6:]) for name in ("contribution_id", "kept_id"))
        assert places.index(kept) < places.index(dropped)
        assert row["measure"] == plain_jaccard(conversations[dropped], conversations[kept])


@pytest.mark.slow
@given(alike(), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_order_of_rows_and_the_size_of_batches_change_nothing(
    conversations: list[Conversation], random: Any
) -> None:
    given_facts = facts(conversations)
    decided = decide(given_facts, reader(conversations), NO_RULES)
    order = random.sample(range(len(conversations)), len(conversations))
    shuffled = given_facts.take(order)
    chunked = pa.concat_tables([shuffled.slice(0, 1), shuffled.slice(1)])
    assert decide(chunked, reader(conversations, batch_rows=2), NO_RULES) == decided


def test_reading_in_chunks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = TextWriter("german", 3)
    conversations = []
    for _ in range(20):
        sentences = writer.sentences(5)
        conversations += [turns(writer.text(writer.edited(sentences, 0.02))) for _ in range(5)]
    given_facts = facts(conversations)
    at_once = decide(given_facts, reader(conversations), NO_RULES)
    asked = []

    def texts(ids: Any) -> Any:
        asked.append(len(ids))
        return reader(conversations)(ids)

    monkeypatch.setattr(near_duplicates, "CHUNK_WORDS", 500)
    assert decide(given_facts, texts, NO_RULES) == at_once
    assert at_once.num_rows > 20
    assert len(asked) > 5
    assert max(asked) < 20


def test_only_texts_of_candidates_are_read() -> None:
    writer = TextWriter("english", 4)
    sentences = [writer.sentences(6) for _ in range(20)]
    conversations = [turns(writer.text(some)) for some in [*sentences, sentences[3]]]
    conversations[20][0]["content"] += " Indeed"
    asked = []

    def texts(ids: Any) -> Any:
        asked.extend(ids)
        return reader(conversations)(ids)

    decided = decide(facts(conversations), texts, NO_RULES)
    assert outcomes_of(decided) == {row_id(3): ("near_duplicate", row_id(20))}
    assert sorted(asked) == [row_id(3), row_id(20)]


def test_texts_that_are_not_found_are_an_error() -> None:
    conversations = [turns("one two three four five six"), turns("one two three four five six!")]
    with pytest.raises(TextsMissing) as raised:
        decide(facts(conversations), lambda _: iter(()), NO_RULES)
    assert sorted(raised.value.contribution_ids) == [row_id(0), row_id(1)]


def test_of_duplicates_the_best_rated_then_the_longest_then_the_earliest_is_kept() -> None:
    text = "Who wrote the first program for the machine that was never built in her time"
    same = ["same"] * 4
    conversations = [
        turns(text),
        turns(text, "Ada", ratings=["positive", "negative"]),
        turns(text, ratings=["positive"]),
        turns(text, "Ada Lovelace did"),
    ]
    decided = decide(facts(conversations, content_hash=same), reader(conversations), NO_RULES)
    assert set(outcomes_of(decided).values()) == {("duplicate", row_id(2))}
    unrated = [turns(text), turns(text, "Ada"), turns(text, "Ada"), turns(text)]
    decided = decide(facts(unrated, content_hash=same), reader(unrated), NO_RULES)
    assert set(outcomes_of(decided).values()) == {("duplicate", row_id(1))}


def test_the_first_reason_that_applies_is_the_reason() -> None:
    writer = TextWriter("english", 8)
    text = writer.text(writer.sentences(6))
    conversations = [
        turns("Hi", "Yo"),
        turns(text, "Fine", ratings=["negative"]),
        turns(text, "Fine"),
        turns(text, "Fine"),
        turns(text, "Fine indeed"),
        *(turns(writer.text(writer.sentences(5))) for _ in range(3)),
    ]
    parameters = CuratingParameters(
        min_contributor_rows=2, max_contributor_share=0.5, min_stop_words=0
    )
    given_facts = facts(conversations, submitter_id=["ada"] * len(conversations))
    decided = decide(given_facts, reader(conversations), parameters)
    reasons = {name: reason for name, (reason, _) in outcomes_of(decided).items()}
    assert [reasons.get(row_id(place)) for place in range(5)] == [
        "too_few_words",
        "rated_negative",
        "near_duplicate",
        "duplicate",
        None,
    ]
    assert sorted(reasons[row_id(place)] for place in range(5, 8) if row_id(place) in reasons) == [
        "contributor_share",
        "contributor_share",
    ]
    assert set(reasons.values()) <= set(REASONS)


def test_the_result_has_the_columns_of_curated_dropped_in_the_order_of_receipt() -> None:
    conversations = [turns("Hi"), turns("Tell me something about the weather"), turns("Hey")]
    times = [datetime(2026, 3, day, tzinfo=UTC) for day in (3, 2, 1)]
    decided = decide(
        facts(conversations, received_at=times), reader(conversations), CuratingParameters()
    )
    assert decided.schema == DROPPED_ARROW_SCHEMA
    assert decided.to_pylist() == [
        {
            "contribution_id": row_id(place),
            "received_at": times[place],
            "reason": "too_few_words",
            "kept_id": None,
            "measure": 1.0,
        }
        for place in (2, 0)
    ]


def test_nothing_is_left_out_of_nothing() -> None:
    assert decide(facts([]), reader([]), CuratingParameters()).num_rows == 0


@pytest.mark.parametrize("batch_rows", [1, 2, 3])
def test_texts_may_come_in_any_batches(batch_rows: int) -> None:
    """Empty batches too: a scan may meet rows of which none is a candidate."""
    conversations = [turns(f"one two three four five six seven {last}") for last in ("a", "b", "c")]
    given_facts = facts(conversations)
    decided = decide(given_facts, reader(conversations, batch_rows), NO_RULES)
    assert decided.num_rows == 2
    assert decided == decide(given_facts, reader(conversations), NO_RULES)


@pytest.mark.slow
def test_the_facts_may_come_in_any_batches() -> None:
    alike = [turns(f"one two three four five six seven {last}") for last in ("a", "b")]
    conversations = [*many()[2:], *alike]
    (rows,) = facts(conversations).combine_chunks().to_batches()
    for window in windows(rows):
        anew = window.take(pa.array(range(window.num_rows), pa.int64()))
        in_batches = pa.Table.from_batches(cut(window))
        found, expected = (
            decide(each, reader(conversations), CuratingParameters(min_words=6, min_jaccard=0.7))
            for each in (in_batches, pa.Table.from_batches([anew]))
        )
        assert found == expected
        assert (found.num_rows > 0) == (window.num_rows > 0)


def counted_comparisons(monkeypatch: pytest.MonkeyPatch, conversations: list[Conversation]) -> int:
    compared = []

    def counting(one: Hashes, other: Hashes) -> float:
        compared.append(1)
        return jaccard(one, other)

    monkeypatch.setattr(near_duplicates, "jaccard", counting)
    given_facts = facts(conversations)
    decide(given_facts, reader(conversations), NO_RULES)
    return len(compared)


def test_many_similar_rows_are_compared_with_kept_rows_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer = TextWriter("english", 6)
    sentences = writer.sentences(12)
    flood = [turns(writer.text(sentences) + f" {number}") for number in range(1000)]
    assert counted_comparisons(monkeypatch, flood) <= len(flood)


@pytest.mark.slow
@pytest.mark.parametrize(("sentences", "rows"), [(5, 300), (50, 60)])
def test_half_similar_rows_are_rarely_compared_shingle_by_shingle(
    monkeypatch: pytest.MonkeyPatch, sentences: int, rows: int
) -> None:
    """Each of them shares a band with about half of all others, and is much less similar."""
    writer = TextWriter("english", 7)
    template = writer.sentences(12 * sentences // 5)
    half = [turns(writer.text(template + writer.sentences(sentences))) for _ in range(rows)]
    similarities = [plain_jaccard(half[0], other) for other in half[1:]]
    assert 0.4 < np.mean(similarities) < 0.6
    assert counted_comparisons(monkeypatch, half) < len(half)
