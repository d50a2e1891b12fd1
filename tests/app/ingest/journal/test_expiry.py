"""Rows that are past the idempotency window are removed, in short steps."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, event, func, insert, select

from app.ingest.journal import expiry
from app.ingest.journal.expiry import Expiry
from app.services import Services
from app.state.models import IdempotencyKey, JournalEntry, Secret
from catalog.records import Contribution
from catalog.table import append_batch, load_table
from tests.app.ingest.idempotency_keys import count_keys
from tests.factories import make_contribution

pytestmark = pytest.mark.both


def expire(services: Services, window: timedelta) -> None:
    Expiry(services.database, window).remove(Event())


def _named(conversation_id: str) -> Contribution:
    return make_contribution("text", contributor_id="ada", conversation_id=conversation_id)


def _committed(services: Services, age: timedelta) -> Contribution:
    """Return a contribution that was received and committed `age` ago."""
    contribution = _named(f"i-{age}")
    contribution = replace(contribution, received_at=datetime.now(UTC) - age)
    services.ingest.journal.append(contribution)
    batch_id = services.ingest.claims.claim(10, 10**6)
    assert batch_id is not None
    table = load_table(services.catalog)
    services.ingest.claims.settle(batch_id, append_batch(table, batch_id, [contribution]))
    return contribution


def _payloads(services: Services) -> list[bytes | None]:
    with services.database.read() as connection:
        return list(connection.scalars(select(JournalEntry.payload)))


def test_after_the_window_the_same_is_a_new_contribution(services: Services) -> None:
    first = _committed(services, timedelta(hours=2))
    again = _named(first.conversation_id)
    assert services.ingest.journal.append(again).contribution_id == first.contribution_id
    expire(services, timedelta(hours=1))
    receipt = services.ingest.journal.append(again)
    assert receipt.contribution_id == again.contribution_id
    services.jobs.committer().drain()
    snapshot = services.ingest.journal.snapshot_of(receipt)
    assert snapshot is not None
    assert snapshot.total_rows == 2


def test_within_the_window_a_committed_entry_loses_its_payload_alone(services: Services) -> None:
    _committed(services, timedelta(minutes=59))
    expire(services, timedelta(hours=1))
    assert _payloads(services) == [None]


@pytest.mark.slow
def test_entries_are_removed_a_few_at_a_time_until_all_are(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "ROWS_PER_STEP", 2)
    for hours in range(1, 6):
        _committed(services, timedelta(hours=hours))
    expire(services, timedelta(days=1))
    assert _payloads(services) == [None] * 5
    expire(services, timedelta(0))
    assert _payloads(services) == []


@pytest.mark.parametrize("claimed", [False, True])
def test_uncommitted_entries_are_never_removed(services: Services, claimed: bool) -> None:
    old = replace(make_contribution(), received_at=datetime.now(UTC) - timedelta(days=365))
    services.ingest.journal.append(old)
    if claimed:
        services.ingest.claims.claim(10, 10**6)
    expire(services, timedelta(0))
    assert None not in _payloads(services)
    services.jobs.committer().drain()
    (row,) = load_table(services.catalog).scan().to_arrow().to_pylist()
    assert row["contribution_id"] == old.contribution_id


def _write_expired_keys(services: Services, number: int) -> None:
    """Write keys whose entries are gone already."""
    services.ingest.journal.append(make_contribution())
    with services.database.write() as connection:
        rows = [
            {"key": index.to_bytes(32, "big"), "contribution_id": "", "entry_id": 0}
            for index in range(number)
        ]
        connection.execute(insert(IdempotencyKey), rows)


@pytest.fixture
def removed_keys(services: Services) -> Iterator[list[int]]:
    """The number of keys that each statement removes, in order."""
    counts: list[int] = []

    def count(_connection: Connection, cursor: Any, statement: str, *_: object) -> None:
        if statement.startswith("DELETE FROM idempotency_keys"):
            counts.append(cursor.rowcount)

    event.listen(services.database.engine, "after_cursor_execute", count)
    yield counts
    event.remove(services.database.engine, "after_cursor_execute", count)


def test_keys_of_both_kinds_are_found_by_the_one_index(services: Services) -> None:
    plans: list[str] = []

    def explain(
        connection: Connection, _cursor: Any, statement: str, parameters: Any, *_: object
    ) -> None:
        if "FROM idempotency_keys" in statement and not connection.info.get("explaining"):
            connection.info["explaining"] = True
            if services.database.is_sqlite:
                explaining = "EXPLAIN QUERY PLAN"
            else:
                explaining = "EXPLAIN"
                # Of a small table it would read all.
                connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            rows = connection.exec_driver_sql(f"{explaining} {statement}", parameters)
            plans.append(str(rows.all()))
            connection.info["explaining"] = False

    event.listen(services.database.engine, "before_cursor_execute", explain)
    expire(services, timedelta(days=1))
    event.remove(services.database.engine, "before_cursor_execute", explain)
    assert len(plans) == 2
    assert all("idempotency_keys_expiry" in plan for plan in plans)


def test_many_keys_are_removed_a_few_at_a_time(services: Services, removed_keys: list[int]) -> None:
    _write_expired_keys(services, 5 * expiry.ROWS_PER_STEP)
    expire(services, timedelta(days=1))
    assert count_keys(services) == 0
    assert removed_keys == [expiry.ROWS_PER_STEP] * 5 + [0]


def test_removal_stops_after_the_current_step(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_expired_keys(services, 3 * expiry.ROWS_PER_STEP)
    stop = Event()
    remove_keys = expiry.remove_keys_without_entry

    def remove_and_stop(connection: Connection) -> int:
        stop.set()
        return remove_keys(connection)

    monkeypatch.setattr(expiry, "remove_keys_without_entry", remove_and_stop)
    Expiry(services.database, timedelta(days=1)).remove(stop)
    assert count_keys(services) == 2 * expiry.ROWS_PER_STEP


def test_entries_are_removed_at_the_next_run_after_a_failure(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(expiry, "INTERVAL_S", 0)
    _write_expired_keys(services, 1)
    stop = Event()
    failed: list[bool] = []

    made = Expiry(services.database, timedelta(days=1))
    remove = made.remove

    def remove_or_fail(stop: Event) -> None:
        if not failed:
            failed.append(True)
            raise OSError
        remove(stop)
        stop.set()

    monkeypatch.setattr(made, "remove", remove_or_fail)
    made.run(stop)
    assert count_keys(services) == 0
    assert "expiry failed" in caplog.text


def test_secrets_of_networks_are_removed_when_their_day_is_over(
    services: Services,
) -> None:
    for age in (timedelta(0), timedelta(days=2)):
        services.access.networks.note("198.51.100.7", "ada", datetime.now(UTC) - age)
    services.access.networks.flush()

    def secrets() -> int:
        of_days = select(func.count()).where(Secret.name.startswith("network "))
        with services.database.read() as connection:
            return connection.scalar(of_days) or 0

    assert secrets() == 2
    expire(services, timedelta(days=1))
    assert secrets() == 1
    assert len(services.access.networks.read()) == 2
