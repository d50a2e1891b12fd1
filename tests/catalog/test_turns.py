from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from pyiceberg.expressions import And, BooleanExpression, EqualTo, GreaterThan
from pyiceberg.table import Table

from catalog.records import Contribution, Turn
from catalog.scan import EVERY_ROW, DataFile, plan, read
from catalog.snapshots import live_snapshots
from catalog.table import append_batch
from catalog.turns import read_turns
from tests.batches import FEW_ROWS, scan_in_batches
from tests.catalog.maintenance.history import append_commits, compact_all
from tests.factories import make_received

TURNS = (Turn("Hi", "user"), Turn("Hello", "assistant", "positive", True, "Hello!"))


def append(table: Table, *contributions: Contribution) -> None:
    append_batch(table, uuid4(), contributions)


def newest_files(table: Table) -> list[DataFile]:
    return plan(table, next(live_snapshots(table)))


def ratings(
    table: Table, files: Sequence[DataFile], row_filter: BooleanExpression = EVERY_ROW
) -> list[dict[str, Any]]:
    """Return the ids and the ratings of turns."""
    batches = read_turns(table, files, ["contribution_id"], "rating", row_filter)
    return [row for batch in batches for row in batch.to_pylist()]


def test_turns_have_only_the_requested_field(table: Table) -> None:
    made = make_received(0, conversation=TURNS)
    append(table, made)
    assert ratings(table, newest_files(table)) == [
        {
            "contribution_id": made.contribution_id,
            "conversation": [{"rating": None}, {"rating": "positive"}],
        }
    ]


@pytest.mark.parametrize(
    ("row_filter", "found"),
    [
        (And(EqualTo("source", "app"), EqualTo("agent_id", "m")), 1),
        (EqualTo("source", "app"), 2),
        (EqualTo("source", "script"), 0),
        # The statistics of the row group exclude a match.
        (GreaterThan("agent_id", "o"), 0),
    ],
)
def test_rows_that_meet_a_condition_on_other_columns_are_found(
    table: Table, row_filter: BooleanExpression, found: int
) -> None:
    append(
        table,
        make_received(0, source="app", agent_id="m"),
        make_received(0, source="app", agent_id="n"),
        make_received(0, agent_id="m"),
    )
    assert len(ratings(table, newest_files(table), row_filter)) == found


@pytest.mark.parametrize("batch_rows", FEW_ROWS)
def test_compacted_turns_are_read_between_any_two_snapshots(
    table: Table, monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    scan_in_batches(monkeypatch, batch_rows)
    snapshots = append_commits(table, 4)
    compact_all(table)
    for first in snapshots:
        for last in snapshots:
            files = plan(table, last, after=first.sequence_number)
            found = [row["contribution_id"] for row in ratings(table, files)]
            whole = read(table, files, ["contribution_id"])
            assert found == [row["contribution_id"] for batch in whole for row in batch.to_pylist()]
            assert len(found) == 2 * max(0, last.sequence_number - first.sequence_number)
