"""What was found in an earlier build changes nothing but the work."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from app.curation.rules.curating.decide import decisions
from app.curation.rules.interface import Outcomes
from tests.app.curation.rules.curating.making import (
    NO_RULES,
    Conversation,
    decided_table,
    facts,
    families,
    reader,
)


class CountedReader:
    """Reads texts, and counts them."""

    def __init__(self, conversations: Sequence[Conversation]) -> None:
        self._read = reader(conversations)
        self.rows = 0

    def __call__(self, ids: Sequence[str], columns: Sequence[str]) -> Any:
        """Return batches of the rows."""
        self.rows += len(ids)
        return self._read(ids, columns)


def outcomes_of(given_facts: pa.Table, conversations: Sequence[Conversation]) -> Outcomes:
    batches = given_facts.to_batches()
    return decisions(batches, reader(conversations), NO_RULES).outcomes


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_decisions_are_the_same_with_outcomes_of_other_rows(seed: int) -> None:
    conversations = families(seed)
    all_facts = facts(conversations, sequence_number=list(range(len(conversations))))
    random = Random(seed)  # noqa: S311  # a choice, not secrets
    known: Outcomes = {}
    for _ in range(3):
        # Rows come and go between builds.
        places = sorted(random.sample(range(len(conversations)), len(conversations) * 4 // 5))
        some = all_facts.take(places)
        expected = decided_table(some, reader(conversations), NO_RULES)
        assert decided_table(some, reader(conversations), NO_RULES, known=known) == expected
        known = decisions(some.to_batches(), reader(conversations), NO_RULES, known=known).outcomes
        assert known == outcomes_sorted(known, outcomes_of(some, conversations))


def outcomes_sorted(like: Outcomes, outcomes: Outcomes) -> Outcomes:
    """Return outcomes in the order of others that have the same rows."""
    keys = [(name, "ascending") for name in ("group", "place", "other")]
    for name, table in outcomes.items():
        assert table.sort_by(keys) == like[name].sort_by(keys)
    return like


def test_texts_are_read_only_of_groups_that_changed() -> None:
    conversations = families(9)
    newest = len(conversations) - 1
    all_facts = facts(conversations, sequence_number=list(range(len(conversations))))
    known = outcomes_of(all_facts.slice(0, newest), conversations)
    again = CountedReader(conversations)
    decisions(all_facts.slice(0, newest).to_batches(), again, NO_RULES, known=known)
    assert again.rows == 0
    one_more, anew = CountedReader(conversations), CountedReader(conversations)
    decisions(all_facts.to_batches(), one_more, NO_RULES, known=known)
    decisions(all_facts.to_batches(), anew, NO_RULES)
    assert one_more.rows < anew.rows / 2
