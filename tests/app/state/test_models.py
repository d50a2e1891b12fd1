from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from app.state.db import Database
from app.state.models import Base, Claim, IdempotencyKey, JournalEntry, LedgerEntry


def _entry() -> dict[str, Any]:
    return {
        "received_at": datetime(2026, 1, 1, tzinfo=UTC),
        "contributions": 1,
        "payload": b"p",
        "payload_bytes": 1,
    }


def _snapshot(snapshot_id: int, sequence_number: int, batch_id: str | None) -> dict[str, Any]:
    return {
        "snapshot_id": snapshot_id,
        "sequence_number": sequence_number,
        "committed_at": datetime(2026, 1, 1, tzinfo=UTC),
        "operation": "append",
        "batch_id": batch_id,
        "added_rows": 1,
        "total_rows": 1,
        "added_files": 1,
        "added_bytes": 1,
        "as_of_from": datetime(2026, 1, 1, tzinfo=UTC),
    }


def _insert(database: Database, model: type[Base], *rows: dict[str, Any]) -> None:
    with database.write() as connection:
        connection.execute(insert(model), list(rows))


def test_a_time_comes_back_as_the_same_instant_in_utc(database: Database) -> None:
    here = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2026, 1, 1, 3, 0, 0, 123_000, tzinfo=here)
    _insert(
        database,
        Claim,
        {"table_name": "t", "batch_id": "b", "entry_runs": b"", "claimed_at": moment},
    )
    with database.read() as connection:
        found = connection.scalar(select(Claim.claimed_at))
    assert found == moment
    assert found.tzinfo is UTC
    assert found.hour == 21


def test_times_are_compared_as_instants(database: Database) -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    _insert(
        database,
        Claim,
        {"table_name": "t", "batch_id": "b", "entry_runs": b"", "claimed_at": moment},
    )
    elsewhere = timezone(timedelta(hours=-11))
    later, earlier = (moment + timedelta(seconds=s) for s in (1, -1))
    with database.read() as connection:
        by_later = Claim.claimed_at < later.astimezone(elsewhere)
        by_earlier = Claim.claimed_at < earlier.astimezone(elsewhere)
        assert connection.scalar(select(Claim.table_name).where(by_later)) == "t"
        assert connection.scalar(select(Claim.table_name).where(by_earlier)) is None


def test_the_ids_of_removed_entries_are_not_given_out_again(database: Database) -> None:
    _insert(database, JournalEntry, _entry(), _entry())
    with database.write() as connection:
        highest = max(connection.scalars(select(JournalEntry.entry_id)))
        connection.execute(delete(JournalEntry))
    _insert(database, JournalEntry, _entry())
    with database.read() as connection:
        assert connection.scalar(select(JournalEntry.entry_id)) == highest + 1


def test_an_idempotency_key_is_in_the_journal_once(database: Database) -> None:
    key = {"key": b"k" * 32, "contribution_id": "c", "entry_id": 1}
    _insert(database, IdempotencyKey, key)
    with pytest.raises(IntegrityError):
        _insert(database, IdempotencyKey, {**key, "entry_id": 2})


def test_a_table_has_one_claim_at_a_time(database: Database) -> None:
    claims = [
        {"table_name": "t", "batch_id": batch, "entry_runs": b"", "claimed_at": datetime.now(UTC)}
        for batch in "ab"
    ]
    _insert(database, Claim, claims[0])
    with pytest.raises(IntegrityError):
        _insert(database, Claim, claims[1])


@pytest.mark.parametrize(
    "second", [_snapshot(1, 2, "b2"), _snapshot(2, 1, "b2"), _snapshot(2, 2, "b1")]
)
def test_a_snapshot_a_sequence_number_and_a_batch_are_in_the_ledger_once(
    database: Database, second: dict[str, Any]
) -> None:
    _insert(database, LedgerEntry, _snapshot(1, 1, "b1"))
    with pytest.raises(IntegrityError):
        _insert(database, LedgerEntry, second)


def test_many_snapshots_may_belong_to_no_batch(database: Database) -> None:
    _insert(database, LedgerEntry, _snapshot(1, 1, None), _snapshot(2, 2, None))
