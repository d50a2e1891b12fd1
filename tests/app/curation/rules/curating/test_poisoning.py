"""Attacks on what a model is trained on, by those who may send as much as they like."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.curation.rules.interface import NETWORKS_SCHEMA, NO_NETWORKS
from tests.app.curation.rules.curating.making import (
    NO_RULES,
    Conversation,
    TextWriter,
    decide,
    facts,
    reader,
    row_id,
    turns,
)

DAY = date(2026, 3, 1)
START = datetime(2026, 3, 1, tzinfo=UTC)
FEW = replace(NO_RULES, min_contributor_rows=10, min_network_rows=10, min_burst_rows=10)
"""As the service's thresholds, for lakes of some hundred rows."""
HONEST, EVIL = 200, 300


@pytest.fixture(scope="module")
def conversations() -> list[Conversation]:
    """Return conversations that nobody takes for duplicates, honest ones first."""
    writer = TextWriter("english", 5)
    return [
        turns(writer.text(writer.sentences(4)), writer.text(writer.sentences(4)))
        for _ in range(HONEST + EVIL)
    ]


def networks_of(names: Sequence[str | None], network: str) -> pa.Table:
    """Return that these contributors sent from a network on the day."""
    rows = [
        {"day": DAY, "contributor_id": name, "network": network}
        for name in dict.fromkeys(names)
        if name is not None
    ]
    return pa.Table.from_pylist(rows, NETWORKS_SCHEMA)


def evil_left(
    conversations: list[Conversation],
    evil: Sequence[str | None],
    networks: pa.Table = NO_NETWORKS,
    **columns: Any,
) -> tuple[float, Counter[str]]:
    """Return the attacker's share of the curated rows, and why rows were dropped.

    Args:
        conversations: All rows, the attacker's last.
        evil: The contributor of each of the attacker's rows; every other row has its own.
        networks: Where the attacker's contributors sent from.
        columns: Other columns of all rows.
    """
    names = [f"honest {number}" for number in range(HONEST)] + list(evil)
    given_facts = facts(conversations, contributor_id=names, **columns)
    decided = decide(given_facts, reader(conversations), FEW, networks)
    dropped = decided["contribution_id"].to_pylist()
    left = {row_id(place) for place in range(len(conversations))} - set(dropped)
    # No guard costs an honest contributor a row here.
    assert {row_id(place) for place in range(HONEST)} <= left
    return 1 - HONEST / len(left), Counter(decided["reason"].to_pylist())


def in_an_hour(evil_apart_s: float) -> list[datetime]:
    """Return times: honest rows through the day, and the attacker's in one hour of its evening."""
    honest = [START + timedelta(minutes=5 * place) for place in range(HONEST)]
    evening = START + timedelta(hours=20)
    return honest + [evening + timedelta(seconds=evil_apart_s * place) for place in range(EVIL)]


def test_one_contributor_who_floods_has_a_tenth(conversations: list[Conversation]) -> None:
    share, reasons = evil_left(conversations, ["eve"] * EVIL)
    assert share <= 0.1
    assert set(reasons) == {"contributor_share"}


@pytest.mark.slow
def test_many_contributors_of_one_address_have_a_tenth_together(
    conversations: list[Conversation],
) -> None:
    evil = [f"eve {number % 200}" for number in range(EVIL)]
    before, _ = evil_left(conversations, evil)
    share, reasons = evil_left(conversations, evil, networks_of(evil, "n"))
    assert before == EVIL / (HONEST + EVIL)
    assert share <= 0.1
    assert set(reasons) == {"network_share"}


def test_many_addresses_have_a_tenth_together_in_one_hour(
    conversations: list[Conversation],
) -> None:
    evil = [f"eve {number}" for number in range(EVIL)]
    known = pa.concat_tables([networks_of([name], name) for name in evil])
    times = in_an_hour(evil_apart_s=1)
    share, reasons = evil_left(conversations, evil, known, received_at=times)
    assert share <= 0.1
    assert set(reasons) == {"burst_share"}


def test_anonymous_rows_with_pauses_and_invented_sources_have_a_tenth_together_in_one_hour(
    conversations: list[Conversation],
) -> None:
    sources = [f"app {number}" for number in range(HONEST + EVIL)]
    times = in_an_hour(evil_apart_s=6)
    share, reasons = evil_left(conversations, [None] * EVIL, received_at=times, source=sources)
    assert share <= 0.1
    assert set(reasons) == {"burst_share"}


def test_what_comes_with_an_api_key_is_no_burst(conversations: list[Conversation]) -> None:
    imported = [f"imported {number}" for number in range(EVIL)]
    times = in_an_hour(evil_apart_s=0.01)
    share, reasons = evil_left(conversations, imported, received_at=times)
    assert share == EVIL / (HONEST + EVIL)
    assert not reasons


def test_caps_hold_for_the_rows_that_are_left_when_all_are_met(
    conversations: list[Conversation],
) -> None:
    evil = [f"eve {number}" for number in range(200)] + ["mallory"] * (EVIL - 200)
    known = networks_of(evil[:200], "n")
    names = [f"honest {number}" for number in range(HONEST)] + evil
    decided = decide(facts(conversations, contributor_id=names), reader(conversations), FEW, known)
    dropped = set(decided["contribution_id"].to_pylist())
    left = Counter(
        name.split()[0] for place, name in enumerate(names) if row_id(place) not in dropped
    )
    total = left.total()
    assert left["honest"] == HONEST
    assert 0.09 * total < left["eve"] <= 0.1 * total
    assert 0.09 * total < left["mallory"] <= 0.1 * total


def test_near_duplicates_that_are_rated_better_take_nobody_s_place() -> None:
    writer = TextWriter("english", 9)
    question, answer = writer.text(writer.sentences(4)), writer.text(writer.sentences(20))
    original = turns(question, answer)
    copies = [
        turns(question, f"{answer} {writer.text(writer.sentences(1))}", ratings=["positive"])
        for _ in range(60)
    ]
    rows = [original, *copies]
    names = ["ada", *["eve"] * 30, *[None] * 30]
    scores = [0.1, *[0.99] * 60]
    given_facts = facts(rows, contributor_id=names, quality_score=scores)
    decided = decide(given_facts, reader(rows), FEW).to_pylist()
    assert row_id(0) not in {row["contribution_id"] for row in decided}
    assert {row["kept_id"] for row in decided} == {row_id(0)}


def test_a_copy_with_an_earlier_time_and_id_that_was_committed_later_is_the_copy() -> None:
    writer = TextWriter("english", 10)
    question, answer = writer.text(writer.sentences(4)), writer.text(writer.sentences(20))
    # The copy has the first id and time: a node's clock was wrong, or somebody made it so.
    for said_again in (answer, f"{answer} Indeed."):
        rows = [turns(question, said_again), turns(question, answer)]
        given_facts = facts(rows, contributor_id=["eve", "ada"], sequence_number=[9, 4])
        (dropped,) = decide(given_facts, reader(rows), FEW).to_pylist()
        assert (dropped["contribution_id"], dropped["kept_id"]) == (row_id(0), row_id(1))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Conversation], dict[str, list[Any]]]:
    """Return conversations of a few words, some of them alike, and who sent them and when."""
    number = draw(st.integers(2, 6))
    words = [chr(ord("a") + place) * 6 for place in range(14)]
    made = []
    for _ in range(number):
        said = list(words)
        for place in draw(st.lists(st.integers(0, 13), max_size=2)):
            said[place] = draw(st.sampled_from(["x", "y"]))
        rating = draw(st.sampled_from(["positive", "negative", None]))
        made.append(turns("Go on", " ".join(said), ratings=[rating]))
    names = draw(st.lists(st.sampled_from(["ada", "eve", None]), min_size=number, max_size=number))
    commits = draw(st.lists(st.integers(1, 4), min_size=number, max_size=number))
    return made, {"contributor_id": names, "sequence_number": commits}


@pytest.mark.slow
@given(histories(), st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_what_is_kept_instead_was_committed_before(
    history: tuple[list[Conversation], dict[str, list[Any]]], random: Random
) -> None:
    made, columns = history
    given_facts = facts(made, **columns)
    order = random.sample(range(len(made)), len(made))
    for row in decide(given_facts.take(order), reader(made), NO_RULES).to_pylist():
        dropped, kept = (int(row[name][-6:]) for name in ("contribution_id", "kept_id"))
        commits = columns["sequence_number"]
        assert (commits[kept], kept) < (commits[dropped], dropped)
