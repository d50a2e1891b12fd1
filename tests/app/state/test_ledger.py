from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Connection, insert

from app.state import ledger, ledger_changes
from app.state.db import Database
from app.state.models import JournalEntry
from catalog.snapshots import Snapshot

pytestmark = pytest.mark.both

_START = datetime(2026, 1, 1, tzinfo=UTC)
# Iceberg's ids fill 63 bits: past 2^53 a double would lose some.
_ID = 2**62 + 1
_ENTRY = {"received_at": _START, "contributions": 1, "payload_bytes": 1}


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """A connection to an empty ledger."""
    with database.write() as opened:
        yield opened


def _snapshot(number: int, batch_id: str | None = None) -> Snapshot:
    return Snapshot(
        snapshot_id=_ID + number,
        sequence_number=number,
        committed_at=_START + timedelta(minutes=number),
        operation="append",
        batch_id=batch_id,
        added_rows=number,
        total_rows=10 * number,
        added_files=1,
        added_bytes=2**40,
    )


def test_an_empty_ledger_has_no_snapshot(connection: Connection) -> None:
    assert ledger.newest(connection) is None
    assert ledger.page(connection, 10) == []
    ledger_changes.record(connection, [])
    assert ledger.page(connection, 10) == []


def test_a_snapshot_comes_back_as_it_was_recorded(connection: Connection) -> None:
    snapshots = [_snapshot(1, "b1"), _snapshot(2)]
    ledger_changes.record(connection, snapshots)
    for snapshot in snapshots:
        assert ledger.by_id(connection, snapshot.snapshot_id) == snapshot
    assert ledger.by_id(connection, _ID + 3) is None


def test_snapshots_are_found_by_the_journal_entries_of_their_batches(
    connection: Connection,
) -> None:
    ledger_changes.record(connection, [_snapshot(1, "b1"), _snapshot(2, "b2"), _snapshot(3)])
    batches = {1: "b1", 2: "b2", 3: "b2", 4: None, 5: "not recorded"}
    rows = [
        {"entry_id": entry_id, "batch_id": batch_id, **_ENTRY}
        for entry_id, batch_id in batches.items()
    ]
    connection.execute(insert(JournalEntry), rows)
    assert ledger.by_journal_entries(connection, [2, 3, 4, 5, 6]) == {
        2: _snapshot(2, "b2"),
        3: _snapshot(2, "b2"),
    }
    assert ledger.by_journal_entries(connection, []) == {}


def test_recording_again_changes_nothing(connection: Connection) -> None:
    ledger_changes.record(connection, [_snapshot(1, "b1")])
    ledger_changes.record(
        connection, [replace(_snapshot(1, "b1"), added_rows=99), _snapshot(2, "b2")]
    )
    assert ledger.page(connection, 10) == [_snapshot(2, "b2"), _snapshot(1, "b1")]


def test_the_newest_is_that_with_the_highest_sequence_number(connection: Connection) -> None:
    ledger_changes.record(connection, [_snapshot(2), _snapshot(3), _snapshot(1)])
    assert ledger.newest(connection) == _snapshot(3)


def test_the_newest_as_of_a_time_was_committed_by_it(connection: Connection) -> None:
    ledger_changes.record(connection, [_snapshot(number) for number in (1, 2, 3)])
    moment = _snapshot(2).committed_at
    assert ledger.as_of(connection, moment) == _snapshot(2)
    assert ledger.as_of(connection, moment - timedelta(milliseconds=1)) == _snapshot(1)
    assert ledger.as_of(connection, moment + timedelta(milliseconds=1)) == _snapshot(2)
    assert ledger.as_of(connection, _START) is None


def test_pages_go_from_the_newest_to_the_oldest_without_a_gap(connection: Connection) -> None:
    ledger_changes.record(connection, [_snapshot(number) for number in range(1, 8)])
    pages: list[list[Snapshot]] = []
    before: int | None = None
    while found := ledger.page(connection, 3, before):
        pages.append(found)
        before = found[-1].sequence_number
    assert [len(page) for page in pages] == [3, 3, 1]
    numbers = [snapshot.sequence_number for page in pages for snapshot in page]
    assert numbers == [7, 6, 5, 4, 3, 2, 1]


def test_rows_that_were_taken_away_are_summed_apart_from_those_that_were_added(
    connection: Connection,
) -> None:
    changes = {1: 10, 2: -3, 3: 5, 4: 0, 5: -4}
    ledger_changes.record(
        connection,
        [replace(_snapshot(number), added_rows=rows) for number, rows in changes.items()],
    )
    assert ledger.removed_rows(connection, 0, 5) == 7
    assert ledger.removed_rows(connection, 2, 4) == 0
    assert ledger.removed_rows(connection, 1, 2) == 3
    assert ledger.removed_rows(connection, 5, 9) == 0


def test_erased_rows_are_taken_off_their_commit_and_all_later_ones(connection: Connection) -> None:
    ledger_changes.record(connection, [_snapshot(number) for number in range(1, 6)])
    ledger_changes.subtract(connection, {2: 1, 4: 3})
    ledger_changes.subtract(connection, {})
    counts = [(each.added_rows, each.total_rows) for each in ledger.page(connection, 10)[::-1]]
    assert counts == [(1, 10), (1, 19), (3, 29), (1, 36), (5, 46)]


def test_counts_are_corrected_to_those_that_the_table_states(connection: Connection) -> None:
    ledger_changes.record(connection, [_snapshot(1, "b1"), _snapshot(2)])
    changed = replace(_snapshot(1, "b1"), added_rows=0, total_rows=3, added_files=0, added_bytes=0)
    ledger_changes.correct(connection, [changed, _snapshot(7)])
    ledger_changes.correct(connection, [])
    assert ledger.page(connection, 10) == [_snapshot(2), changed]


def test_a_time_means_the_highest_number_committed_by_then_whatever_clocks_did(
    connection: Connection,
) -> None:
    # Clocks go forward by ten minutes and back again, and compactions are recorded late.
    chance = Random(3)  # noqa: S311  # not a secret
    minutes = [number + chance.choice((0, 0, 0, 10, -10)) for number in range(60)]
    snapshots = [
        replace(_snapshot(number + 1), committed_at=_START + timedelta(minutes=minute))
        for number, minute in enumerate(minutes)
    ]
    given = chance.sample(snapshots, len(snapshots))
    for start in range(0, len(given), 3):
        ledger_changes.record(connection, given[start : start + 3])
    ledger_changes.record(connection, given)
    for minute in range(-12, 75):
        moment = _START + timedelta(minutes=minute)
        by_then = [each for each in snapshots if each.committed_at <= moment]
        assert ledger.as_of(connection, moment) == (by_then[-1] if by_then else None)


def test_the_newest_is_found_below_a_number(connection: Connection) -> None:
    ledger_changes.record(connection, [_snapshot(number) for number in (1, 2, 3)])
    assert ledger.newest(connection, before=3) == _snapshot(2)
    assert ledger.newest(connection, before=1) is None


def test_the_first_after_a_moment_has_the_lowest_number_though_clocks_were_set_back(
    connection: Connection,
) -> None:
    assert ledger.first_after(connection, _START) is None
    late = replace(_snapshot(2), committed_at=_START + timedelta(minutes=5))
    ledger_changes.record(connection, [_snapshot(1), late, _snapshot(3), _snapshot(4)])
    firsts = [ledger.first_after(connection, _START + timedelta(minutes=n)) for n in range(6)]
    assert firsts == [1, 2, 2, 2, 2, None]


def test_of_some_ids_those_of_snapshots_are_told(connection: Connection) -> None:
    ledger_changes.record(connection, [_snapshot(number) for number in range(1, 600)])
    ids = [_ID + number for number in range(1200)]
    assert ledger.existing(connection, [*ids, None]) == set(ids[1:600])
    assert ledger.existing(connection, ids, before=3) == set(ids[1:3])
