from dataclasses import replace

import pytest
from pyiceberg.table import Table

from catalog.reading.counts import newest_rows, rows_by_commit, wrong_counts
from tests.catalog.maintenance.history import append_commits, compact_all


@pytest.mark.slow
def test_rows_are_counted_by_their_commits_whatever_files_hold_them(table: Table) -> None:
    snapshots = append_commits(table, 5)
    before = rows_by_commit(table)
    assert before == {snapshot.sequence_number: 2 for snapshot in snapshots}
    assert compact_all(table)
    table.refresh()
    assert rows_by_commit(table) == before
    assert newest_rows(table) == 10


def test_an_empty_table_has_no_rows(table: Table) -> None:
    assert rows_by_commit(table) == {}
    assert newest_rows(table) == 0


def test_a_snapshot_that_states_other_rows_is_named(table: Table) -> None:
    first, second = append_commits(table, 2)
    rows = rows_by_commit(table)
    assert list(wrong_counts(rows, [first, second])) == []
    (wrong,) = wrong_counts(rows, [first, replace(second, total_rows=5)])
    assert (wrong.snapshot_id, wrong.stated, wrong.counted) == (second.snapshot_id, 5, 4)
    assert str(wrong) == f"snapshot {second.snapshot_id} has 4 rows instead of 5"
