"""Decisions are those that were made before rows were decided from columns on disk."""

import json
from dataclasses import replace
from hashlib import sha256
from random import Random
from typing import Any, Final

import pytest

from app.curation.rules.curating.parameters import CuratingParameters
from tests.app.curation.rules.curating.making import decided_table, facts, families, reader

_PARAMETERS: Final = replace(
    CuratingParameters(),
    min_contributor_rows=6,
    min_network_rows=6,
    min_burst_rows=12,
    max_contributor_share=0.3,
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "expected"),
    [(0, "f19faa600325038d"), (1, "92cd1217cb2b13d2"), (5, "ba780fc93d1b3df5")],
)
def test_decisions_are_as_they_were_made_in_memory(seed: int, expected: str) -> None:
    conversations = families(seed)
    number, random = len(conversations), Random(seed)  # noqa: S311  # a choice, not secrets
    columns: dict[str, Any] = {
        "contributor_id": [random.choice(["ada", "bob", "eve", None]) for _ in range(number)],
        "source": [random.choice(["web", "cli", None]) for _ in range(number)],
        "sequence_number": [random.randint(1, 9) for _ in range(number)],
        "evaluation_set": [random.choice(["exam"] + [None] * 20) for _ in range(number)],
        "overlap": [0.75] * number,
    }
    decided = decided_table(
        facts(conversations, **columns), reader(conversations), _PARAMETERS
    ).to_pylist()
    rows = [
        [
            int(row["contribution_id"][-6:]),
            row["reason"],
            row["kept_id"] and int(row["kept_id"][-6:]),
            row["measure"],
            row["evaluation_set"],
            row["prompt_group"],
        ]
        for row in decided
    ]
    assert {row[1] for row in rows} >= {"near_duplicate", "duplicate"}
    assert sha256(json.dumps(rows).encode()).hexdigest()[:16] == expected
