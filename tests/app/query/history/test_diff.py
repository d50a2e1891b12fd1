"""The difference between two snapshots, against a record of what was committed."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

import app.query.history.diff
from app.query.history.diff import DIFF_SCHEMA, Diff, SnapshotsReversed
from app.query.snapshots import Reference
from app.services import Services
from app.state import ledger_changes
from catalog.errors import SnapshotNotFound
from catalog.maintenance.replace import replace_compacted
from catalog.reading.plans import plan
from catalog.snapshots import Snapshot
from catalog.table import load_table
from tests.app.takedown.lake import committing
from tests.batches import FEW_ROWS, scan_in_batches
from tests.factories import commit_batch, hide, make_received, show
from tests.histories import RandomHistory

COMMITS = 20
TAKEDOWN_EVERY = 8
PAIRS = 12
NAMED = {"contributor_id": "ada", "conversation_id": "chat-1"}


def diff(
    services: Services, before: Snapshot, after: Snapshot, max_rows: int | None = None
) -> Diff:
    first, second = (Reference(snapshot_id=each.snapshot_id) for each in (before, after))
    return services.reading.diffs.between(first, second, max_rows)


def rows(found: Diff) -> list[dict[str, Any]]:
    return [row for batch in found.rows for row in batch.to_pylist()]


def changes(found: Diff) -> set[tuple[str, str, str | None]]:
    return {(row["contribution_id"], row["change"], row["replaced_by"]) for row in rows(found)}


def test_a_snapshot_does_not_differ_from_itself(services: Services) -> None:
    snapshot = commit_batch(services, make_received())
    found = diff(services, snapshot, snapshot)
    assert (found.added, found.replaced, found.taken_down, rows(found)) == (0, 0, 0, [])


@pytest.mark.slow
def test_added_rows_are_in_the_order_of_ids(services: Services) -> None:
    before = commit_batch(services, make_received(0))
    made = [make_received(day) for day in (2, 0, 1)]
    after = commit_batch(services, *made)
    found = diff(services, before, after)
    assert (found.before, found.after, found.added, found.replaced) == (before, after, 3, 0)
    assert [row["contribution_id"] for row in rows(found)] == sorted(
        contribution.contribution_id for contribution in made
    )


@pytest.mark.slow
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
        ledger_changes.record(connection, [taken_down])


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
        services.reading.diffs.between(later, earlier)
    assert (raised.value.before, raised.value.after) == (newer.snapshot_id, older.snapshot_id)


def test_an_empty_lake_has_no_snapshot_to_compare(services: Services) -> None:
    with pytest.raises(SnapshotNotFound):
        services.reading.diffs.between(Reference(), Reference())


@dataclass
class ChangingHistory(RandomHistory):
    """A random history some of whose contributions are hidden, shown again or taken down.

    Attributes:
        hidden: The ids of what is hidden.
    """

    hidden: set[str] = field(default_factory=set)

    def change_some(self) -> None:
        """Hide, show or take down something, or do nothing."""
        chosen = self.random.random()
        if chosen < 0.15:
            contribution_id = self.random.choice(self.rows).contribution.contribution_id
            hide(self.services, contribution_id)
            self.hidden.add(contribution_id)
        elif chosen < 0.2 and self.hidden:
            show(self.services, self.hidden.pop())

    def take_down_some(self) -> None:
        """Take some contributions down, each with the versions before it, and erase them."""
        names = [row.contribution.contribution_id for row in self.random.sample(self.rows, 3)]
        self.services.takedown.service.request(
            "contribution", names, reason=None, requested_by="test"
        )
        with committing(self.services):
            self.services.takedown.service.run()

    def erased(self) -> set[str]:
        """Return the ids of what was taken down."""
        return self.services.access.taken_down.among(
            [row.contribution.contribution_id for row in self.rows]
        )

    def expected(self, before: Snapshot, after: Snapshot) -> list[tuple[str, str, str | None]]:
        """Return the changes of a diff by comparing both snapshots row by row, in order."""
        gone = self.erased()
        then, now = self.latest(before), self.latest(after)
        named = {
            row.key: row.contribution.contribution_id
            for row in sorted(self.at(after), key=lambda row: row.age)
            if row.sequence_number > before.sequence_number
            and row.contribution.contribution_id not in gone
        }
        added = [row for row in self.at(after) if row.sequence_number > before.sequence_number]
        replaced = [row for key, row in then.items() if now[key] != row]
        found = []
        for change, rows_of_change in (("added", added), ("replaced", replaced)):
            for row in rows_of_change:
                contribution_id = row.contribution.contribution_id
                if contribution_id not in gone | self.hidden:
                    later = named.get(row.key)
                    by = None if later == contribution_id else later
                    found.append((contribution_id, change, by))
        return sorted(found)


def assert_as_compared(history: ChangingHistory, before: Snapshot, after: Snapshot) -> None:
    """Compare a diff, with all rows and with some, with a comparison of both snapshots."""
    expected = history.expected(before, after)
    counted = Counter(change for _, change, _ in expected)
    for max_rows in (None, history.random.randint(1, 5)):
        found = diff(history.services, before, after, max_rows)
        assert (found.added, found.replaced) == (counted["added"], counted["replaced"])
        shown = [(row["contribution_id"], row["change"], row["replaced_by"]) for row in rows(found)]
        assert shown == expected[:max_rows]


@pytest.mark.slow
@pytest.mark.both
def test_any_two_snapshots_of_a_random_history_differ_as_row_by_row(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(3)  # noqa: S311  # a history, not a secret
    history = ChangingHistory(services, random=random)
    for number in range(1, COMMITS + 1):
        history.commit_some()
        history.maintain()
        history.change_some()
        if number % TAKEDOWN_EVERY == 0:
            history.take_down_some()
    assert history.erased()
    assert history.hidden
    for _ in range(PAIRS):
        scan_in_batches(monkeypatch, random.choice(FEW_ROWS))
        monkeypatch.setattr(app.query.history.diff, "_ROWS_AT_ONCE", random.choice((1, 3, 1_000)))
        before, after = sorted(
            random.choices(history.snapshots, k=2), key=lambda snapshot: snapshot.sequence_number
        )
        assert_as_compared(history, before, after)
