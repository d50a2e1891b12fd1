"""The difference between two snapshots, against a record of what was committed."""

from random import Random
from typing import Any

import pytest

from app.query.diff import DIFF_SCHEMA, Diff, SnapshotsReversed
from app.query.snapshots import Reference
from app.services import Services
from app.state import ledger
from catalog.errors import SnapshotNotFound
from catalog.maintenance.replace import replace_compacted
from catalog.scan import plan
from catalog.snapshots import Snapshot
from catalog.table import load_table
from tests.batches import FEW_ROWS, scan_in_batches
from tests.factories import commit_batch, make_received
from tests.histories import RandomHistory

COMMITS = 20
PAIRS = 12
NAMED = {"contributor_id": "ada", "conversation_id": "chat-1"}


def diff(
    services: Services, before: Snapshot, after: Snapshot, max_rows: int | None = None
) -> Diff:
    first, second = (Reference(snapshot_id=each.snapshot_id) for each in (before, after))
    return services.diffs.between(first, second, max_rows)


def rows(found: Diff) -> list[dict[str, Any]]:
    return [row for batch in found.rows for row in batch.to_pylist()]


def changes(found: Diff) -> set[tuple[str, str, str | None]]:
    return {(row["contribution_id"], row["change"], row["replaced_by"]) for row in rows(found)}


def test_a_snapshot_does_not_differ_from_itself(services: Services) -> None:
    snapshot = commit_batch(services, make_received())
    found = diff(services, snapshot, snapshot)
    assert (found.added, found.replaced, found.taken_down, rows(found)) == (0, 0, 0, [])


def test_added_rows_are_in_the_order_of_ids(services: Services) -> None:
    before = commit_batch(services, make_received(0))
    made = [make_received(day) for day in (2, 0, 1)]
    after = commit_batch(services, *made)
    found = diff(services, before, after)
    assert (found.before, found.after, found.added, found.replaced) == (before, after, 3, 0)
    assert [row["contribution_id"] for row in rows(found)] == sorted(
        contribution.contribution_id for contribution in made
    )


@pytest.mark.parametrize("key", [NAMED, {"contributor_id": None, "conversation_id": "chat-1"}])
def test_a_version_that_is_no_longer_the_latest_is_replaced_by_the_one_that_is(
    services: Services, key: dict[str, Any]
) -> None:
    oldest, old, newer, newest = (make_received(day, **key) for day in (0, 3, 1, 2))
    commit_batch(services, oldest)
    before = commit_batch(services, old)
    commit_batch(services, newer)
    after = commit_batch(services, newest)
    found = diff(services, before, after)
    assert (found.added, found.replaced) == (2, 1)
    assert changes(found) == {
        (old.contribution_id, "replaced", newest.contribution_id),
        (newer.contribution_id, "added", newest.contribution_id),
        (newest.contribution_id, "added", None),
    }


def test_a_contribution_without_an_id_of_its_client_is_replaced_by_none(
    services: Services,
) -> None:
    first = make_received(0)
    before = commit_batch(services, first)
    second = make_received(1, conversation_id=first.conversation_id)
    after = commit_batch(services, second)
    assert changes(diff(services, before, after)) == {(second.contribution_id, "added", None)}


def test_rows_are_limited_and_all_are_counted(services: Services) -> None:
    before = commit_batch(services, make_received(0))
    after = commit_batch(services, *(make_received(1) for _ in range(5)))
    found = diff(services, before, after, max_rows=2)
    assert found.added == 5
    assert [row["change"] for row in rows(found)] == ["added"] * 2


def test_rows_have_the_schema_of_diffs(services: Services) -> None:
    before = commit_batch(services, make_received(0))
    after = commit_batch(services, make_received(1))
    (batch,) = diff(services, before, after).rows
    assert batch.schema == DIFF_SCHEMA


def take_down(services: Services, added_by: Snapshot) -> None:
    """Take the rows that a snapshot added out of the table, and record that in the ledger."""
    table = load_table(services.catalog)
    files = plan(table, added_by, after=added_by.sequence_number - 1)
    taken_down = replace_compacted(table, [file.path for file in files], [])
    assert taken_down
    with services.database.write() as connection:
        ledger.record(connection, [taken_down])


@pytest.mark.slow
@pytest.mark.both
def test_rows_in_the_ledger_but_not_in_the_table_count_as_taken_down(services: Services) -> None:
    before = commit_batch(services, *(make_received() for _ in range(4)))
    middle = commit_batch(services, *(make_received() for _ in range(2)))
    take_down(services, before)
    after = commit_batch(services, make_received())
    assert diff(services, before, after).taken_down == 4
    assert diff(services, before, middle).taken_down == 4
    assert diff(services, after, after).taken_down == 0
    take_down(services, middle)
    assert diff(services, before, after).taken_down == 6
    assert diff(services, after, after).taken_down == 2
    assert diff(services, middle, after).added == 1


@pytest.mark.slow
def test_a_diff_does_not_go_back(services: Services) -> None:
    older = commit_batch(services, make_received())
    newer = commit_batch(services, make_received())
    later, earlier = (Reference(snapshot_id=each.snapshot_id) for each in (newer, older))
    with pytest.raises(SnapshotsReversed) as raised:
        services.diffs.between(later, earlier)
    assert (raised.value.before, raised.value.after) == (newer.snapshot_id, older.snapshot_id)


def test_an_empty_lake_has_no_snapshot_to_compare(services: Services) -> None:
    with pytest.raises(SnapshotNotFound):
        services.diffs.between(Reference(), Reference())


@pytest.mark.slow
@pytest.mark.both
def test_any_two_snapshots_of_a_random_history_differ_as_it_was_recorded(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(3)  # noqa: S311  # a history, not a secret
    history = RandomHistory(services, random=random)
    for _ in range(COMMITS):
        history.commit_some()
        history.maintain()
    for _ in range(PAIRS):
        scan_in_batches(monkeypatch, random.choice(FEW_ROWS))
        before, after = sorted(
            random.choices(history.snapshots, k=2), key=lambda snapshot: snapshot.sequence_number
        )
        found = diff(services, before, after)
        then, now = history.latest(before), history.latest(after)
        added = [row for row in history.at(after) if row not in history.at(before)]
        replaced = [row for key, row in then.items() if now[key] != row]
        assert changes(found) == {
            (
                row.contribution.contribution_id,
                change,
                None if now[row.key] == row else now[row.key].contribution.contribution_id,
            )
            for change, changed in [("added", added), ("replaced", replaced)]
            for row in changed
        }
        assert (found.added, found.replaced) == (len(added), len(replaced))
        assert found.taken_down == 0
