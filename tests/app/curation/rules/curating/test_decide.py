from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.curation.errors import TextsMissing
from app.curation.rules.curating.decide import REASONS
from app.curation.rules.curating.duplicates import near_duplicates, reading
from app.curation.rules.curating.duplicates.likeness import Exchange, similarity
from app.curation.rules.curating.duplicates.neighbours import MAX_COMPARED, MAX_RANKED
from app.curation.rules.curating.parameters import CuratingParameters
from catalog.stages.tables import DROPPED_ARROW_SCHEMA
from tests.app.curation.rules.curating.making import (
    NO_RULES,
    Conversation,
    TextWriter,
    decide,
    facts,
    many,
    plain_similarity,
    reader,
    row_id,
    turns,
)
from tests.batches import cut, windows

WORDS = 24


@st.composite
def alike(draw: st.DrawFn) -> list[Conversation]:
    """Return conversations of the same words, each with a few words replaced.

    They are so few that each is compared with all kept ones.
    """
    conversations = []
    for _ in range(draw(st.integers(1, MAX_COMPARED + 1))):
        words = [chr(ord("a") + place) * 5 for place in range(draw(st.integers(6, WORDS)))]
        for place in draw(st.lists(st.integers(0, len(words) - 1), max_size=2)):
            words[place] = draw(st.sampled_from(["x", "y"]))
        ratings = draw(st.lists(st.sampled_from(["positive", "negative", None]), max_size=1))
        conversations.append(turns("Go on", " ".join(words), ratings=ratings))
    return conversations


def expected(
    conversations: list[Conversation], given_facts: pa.Table
) -> dict[str, tuple[str, str]]:
    """Return the reason and the kept row of each dropped row, by comparing all with all."""
    firsts: dict[str, int] = {}
    outcomes: dict[str, tuple[str, str]] = {}
    for place, content_hash in enumerate(given_facts["content_hash"].to_pylist()):
        first = firsts.setdefault(content_hash, place)
        if first != place:
            outcomes[row_id(place)] = "duplicate", row_id(first)
    bands = [set(enumerate(row)) for row in given_facts["bands"].to_pylist()]
    kept: list[int] = []
    for place in firsts.values():
        near = (
            other
            for other in kept
            if bands[place] & bands[other]
            and plain_similarity(conversations[place], conversations[other])
            >= NO_RULES.min_similarity
        )
        other = next(near, None)
        if other is None:
            kept.append(place)
        else:
            outcomes[row_id(place)] = "near_duplicate", row_id(other)
    return outcomes


def outcomes_of(decided: pa.Table) -> dict[str, tuple[str, str]]:
    return {row["contribution_id"]: (row["reason"], row["kept_id"]) for row in decided.to_pylist()}


@pytest.mark.slow
@given(alike())
@settings(max_examples=50)
def test_a_row_is_dropped_exactly_if_it_is_near_a_row_that_is_kept_before_it(
    conversations: list[Conversation],
) -> None:
    given_facts = facts(conversations)
    decided = decide(given_facts, reader(conversations), NO_RULES)
    assert outcomes_of(decided) == expected(conversations, given_facts)
    for row in decided.to_pylist():
        dropped, kept = (int(row[name][-6:]) for name in ("contribution_id", "kept_id"))
        assert row["measure"] == plain_similarity(conversations[dropped], conversations[kept])


@pytest.mark.slow
@given(alike(), st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_the_order_of_rows_and_the_size_of_batches_change_nothing(
    conversations: list[Conversation], random: Any
) -> None:
    given_facts = facts(conversations)
    decided = decide(given_facts, reader(conversations), NO_RULES)
    order = random.sample(range(len(conversations)), len(conversations))
    shuffled = given_facts.take(order)
    chunked = pa.concat_tables([shuffled.slice(0, 1), shuffled.slice(1)])
    assert decide(chunked, reader(conversations, batch_rows=2), NO_RULES) == decided


@pytest.mark.slow
def test_reading_in_chunks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = TextWriter("german", 3)
    conversations = []
    for _ in range(20):
        sentences = writer.sentences(5)
        conversations += [turns(writer.text(writer.edited(sentences, 0.02))) for _ in range(5)]
    given_facts = facts(conversations)
    at_once = decide(given_facts, reader(conversations), NO_RULES)
    asked = []

    def texts(ids: Any, columns: Any) -> Any:
        asked.append(len(ids))
        return reader(conversations)(ids, columns)

    monkeypatch.setattr(reading, "CHUNK_WORDS", 500)
    monkeypatch.setattr(reading, "READ_CANDIDATES", 7)
    assert decide(given_facts, texts, NO_RULES) == at_once
    assert at_once.num_rows > 20
    assert len(asked) > 5
    assert max(asked) <= 7


def test_only_texts_of_candidates_are_read() -> None:
    writer = TextWriter("english", 4)
    sentences = [writer.sentences(6) for _ in range(20)]
    conversations = [turns(writer.text(some)) for some in [*sentences, sentences[3]]]
    conversations[20][0]["content"] += " Indeed"
    asked = []

    def texts(ids: Any, columns: Any) -> Any:
        asked.extend(ids)
        return reader(conversations)(ids, columns)

    decided = decide(facts(conversations), texts, NO_RULES)
    assert outcomes_of(decided) == {row_id(20): ("near_duplicate", row_id(3))}
    assert sorted(set(asked)) == [row_id(3), row_id(20)]


def test_texts_that_are_not_found_are_an_error() -> None:
    conversations = [turns("one two three four five six"), turns("one two three four five six!")]
    with pytest.raises(TextsMissing) as raised:
        decide(facts(conversations), lambda *_: iter(()), NO_RULES)
    assert sorted(raised.value.contribution_ids) == [row_id(0), row_id(1)]


def kept_of(conversations: list[Conversation], *contributors: str | None) -> list[str]:
    """Return the ids of the rows that are kept."""
    said = [str([turn["content"] for turn in conversation]) for conversation in conversations]
    given_facts = facts(conversations, contributor_id=contributors, content_hash=said)
    dropped = outcomes_of(decide(given_facts, reader(conversations), NO_RULES))
    return [row_id(place) for place in range(len(conversations)) if row_id(place) not in dropped]


QUESTION = "Who wrote the first program for the machine that was never built in her time"


COPIES = pytest.mark.parametrize("end", ["", "indeed"], ids=["duplicate", "near_duplicate"])


@COPIES
@pytest.mark.parametrize(
    "names", [("ada", "bob"), ("ada", None), (None, "ada"), (None, None), ("ada", "ada")]
)
def test_no_later_copy_is_kept(end: str, names: tuple[str | None, ...]) -> None:
    """Two rows of one name may be of two people too: a name that can be guessed is anybody's."""
    original = turns(QUESTION, "Ada")
    copy = turns(f"{QUESTION} {end}", "Ada", ratings=["positive"])
    assert kept_of([original, copy], *names) == [row_id(0)]


def test_a_large_contributor_keeps_a_sample_whatever_the_length() -> None:
    writer = TextWriter("english", 12)
    conversations = [
        turns(writer.text(writer.sentences(1)), writer.text(writer.sentences(1 + place)))
        for place in range(12)
    ]
    parameters = replace(NO_RULES, min_contributor_rows=6, max_contributor_share=0.5)
    for names in (["ada"] * 12, [None] * 12):
        # The ends of ids are random, and the service makes them.
        ends = Random(1).sample(range(12), 12)  # noqa: S311  # an order, not secrets
        ids = [f"00000000-0000-7000-{place:04}-{end:012}" for place, end in enumerate(ends)]
        given_facts = facts(conversations, contributor_id=names, contribution_id=ids)
        decided = decide(given_facts, reader(conversations), parameters)
        assert set(decided["reason"].to_pylist()) == {"contributor_share"}
        beyond = [name for name, end in zip(ids, ends, strict=True) if end >= 6]
        assert decided["contribution_id"].to_pylist() == beyond


def test_the_first_reason_that_applies_is_the_reason() -> None:
    writer = TextWriter("english", 8)
    text = writer.text(writer.sentences(6))
    conversations = [
        turns("Hi", "Yo"),
        turns(text, "Fine", ratings=["negative"]),
        turns(text, "Fine"),
        turns(text, "Fine"),
        turns(f"{text} Indeed", "Fine"),
        *(turns(writer.text(writer.sentences(5))) for _ in range(3)),
    ]
    parameters = CuratingParameters(min_contributor_rows=2, max_contributor_share=0.5)
    given_facts = facts(
        conversations, contributor_id=["ada"] * len(conversations), content_hash=list("abccdefg")
    )
    decided = decide(given_facts, reader(conversations), parameters)
    reasons = {name: reason for name, (reason, _) in outcomes_of(decided).items()}
    assert [reasons.get(row_id(place)) for place in range(5)] == [
        "too_few_words",
        "rated_negative",
        None,
        "duplicate",
        "near_duplicate",
    ]
    over = {row_id(6): "contributor_share", row_id(7): "contributor_share"}
    assert {name: reason for name, reason in reasons.items() if name >= row_id(5)} == over
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
            "evaluation_set": None,
        }
        for place in (2, 0)
    ]


def test_nothing_is_left_out_of_nothing() -> None:
    assert decide(facts([]), reader([]), CuratingParameters()).num_rows == 0


@pytest.mark.parametrize("batch_rows", [1, 2, 3])
def test_texts_may_come_in_any_batches(batch_rows: int) -> None:
    """Empty batches too: a scan may meet rows of which none is a candidate."""
    conversations = [
        turns("Go on", f"one two three four five six seven eight nine ten {last}")
        for last in ("", "a", "b")
    ]
    given_facts = facts(conversations)
    decided = decide(given_facts, reader(conversations, batch_rows), NO_RULES)
    assert decided.num_rows == 2
    assert decided == decide(given_facts, reader(conversations), NO_RULES)


@pytest.mark.slow
def test_the_facts_may_come_in_any_batches() -> None:
    alike = [turns(f"one two three four five six seven {last}") for last in ("", "a")]
    conversations = [*many()[2:], *alike]
    (rows,) = facts(conversations).combine_chunks().to_batches()
    for window in windows(rows):
        anew = window.take(pa.array(range(window.num_rows), pa.int64()))
        in_batches = pa.Table.from_batches(cut(window))
        found, expected = (
            decide(each, reader(conversations), CuratingParameters(min_words=6, min_similarity=0.7))
            for each in (in_batches, pa.Table.from_batches([anew]))
        )
        assert found == expected
        assert (found.num_rows > 0) == (window.num_rows > 0)


def counted_comparisons(monkeypatch: pytest.MonkeyPatch, conversations: list[Conversation]) -> int:
    compared = []

    def counting(one: Exchange, other: Exchange, least: float) -> float:
        compared.append(1)
        return similarity(one, other, least)

    monkeypatch.setattr(near_duplicates, "similarity", counting)
    given_facts = facts(conversations)
    decide(given_facts, reader(conversations), NO_RULES)
    return len(compared)


@pytest.mark.slow
def test_many_similar_rows_are_compared_with_kept_rows_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer = TextWriter("english", 6)
    sentences = writer.sentences(12)
    flood = [turns("Go on", writer.text(sentences) + " so" * number) for number in range(1000)]
    assert counted_comparisons(monkeypatch, flood) <= len(flood)


@pytest.mark.slow
def test_many_rows_of_one_template_are_compared_with_the_likeliest_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """None of them is a near duplicate of another, though most of their shingles are the same."""
    flood = [turns(prompt, "Yes") for prompt in prompts_of_one_template()]
    assert len(flood) > MAX_RANKED
    assert 0 < counted_comparisons(monkeypatch, flood) <= MAX_COMPARED * len(flood)


@pytest.mark.slow
@pytest.mark.parametrize("change", [str.upper, "Hello! {}".format], ids=["case", "greeting"])
def test_near_duplicates_are_found_among_many_rows_of_one_template(
    change: Callable[[str], str],
) -> None:
    prompts = prompts_of_one_template()
    conversations = [turns(prompt, "Yes") for prompt in [*prompts, *map(change, prompts[::20])]]
    decided = decide(facts(conversations), reader(conversations), NO_RULES)
    found = {name: kept for name, (_, kept) in outcomes_of(decided).items()}
    copies = range(len(prompts), len(conversations))
    right = [row_id(20 * number) == found.get(row_id(row)) for number, row in enumerate(copies)]
    assert found.keys() <= set(map(row_id, copies))
    assert sum(right) >= 0.95 * len(copies)


def prompts_of_one_template() -> list[str]:
    """Return prompts that differ in one word, which is no other one misspelt."""
    writer = TextWriter("english", 7)
    template = writer.text(writer.sentences(2))
    words = {word for words in writer.sentences(90) for word in words if len(word) > 6}
    return [f"{template} {word}" for word in sorted(words)]
