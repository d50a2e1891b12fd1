from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pytest

from app.query.snapshots import Reference
from app.query.sql.errors import SqlClientBusy, SqlDisabled, SqlPoolFull, SqlRefused, SqlUnreadable
from app.query.sql.queries import SqlQueries, SqlResult
from app.query.sql.slots import LOCK_FILE_NAME, Slots
from app.services import Services
from app.settings import Settings
from catalog.snapshots import Snapshot
from tests.factories import commit_batch, make_received
from tests.lakes import LakeTemplate

pytestmark = pytest.mark.slow

ADDRESS = "127.0.0.1"
COUNTS = """
    SELECT (SELECT count(*) FROM contributions) AS latest,
        (SELECT count(*) FROM all_versions) AS every,
        (SELECT string_agg(content, ' ' ORDER BY content) FROM turns) AS texts
"""


"""A long time for queries, for busy machines."""


@pytest.fixture
def settings(tmp_path: Path, lake_template: LakeTemplate) -> Settings:
    """Settings of a lake that keeps one snapshot and compacts early."""
    return lake_template.copy(
        tmp_path / "home",
        keep_snapshots=1,
        keep_hourly_snapshots=0,
        keep_daily_snapshots=0,
        compact_open_day_files=2,
    )


@pytest.fixture(scope="module")
def limited(shared_services: Services) -> Iterator[SqlQueries]:
    """Queries of a service with a pool of one that returns 10 rows, on the shared lake."""
    queries = other(shared_services, sql_pool_size=1, sql_max_rows=10)
    yield queries
    queries.close()


def rows(result: SqlResult) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = pa.Table.from_batches(result.batches, result.schema).to_pylist()
    return read


def ask(services: Services, query: str, snapshot: Snapshot | None = None) -> list[dict[str, Any]]:
    reference = Reference(snapshot_id=snapshot.snapshot_id if snapshot else None)
    return rows(
        services.reading.sql.run(services.reading.snapshots.view(reference), query, ADDRESS)
    )


def other(services: Services, **values: Any) -> SqlQueries:
    """Return the queries of a service with other settings on the same lake."""
    return SqlQueries(replace(services.settings, **values), services.reading.replaced)


@contextmanager
def slot_taken(services: Services, address: str) -> Iterator[None]:
    """Hold the only slot of a pool of one during the block, as a running query does."""
    with Slots(services.settings.home / LOCK_FILE_NAME, size=1, per_client=1).take(address):
        yield


@pytest.mark.both
def test_every_snapshot_answers_as_on_its_day_after_thinning_and_compaction(
    services: Services,
) -> None:
    snapshots, expected = [], []
    for number in range(4):
        made = make_received(
            0, f"text{number}", conversation_id=f"chat-{number % 2}", contributor_id="ada"
        )
        snapshots.append(commit_batch(services, made))
        latest = [f"text{each}" for each in range(max(0, number - 1), number + 1)]
        texts = " ".join(latest)
        expected.append([{"latest": len(latest), "every": number + 1, "texts": texts}])
    assert [ask(services, COUNTS, snapshot) for snapshot in snapshots] == expected
    list(services.jobs.maintenance().compaction.compact(Event()))
    services.jobs.maintenance().thinning.thin()
    assert [ask(services, COUNTS, snapshot) for snapshot in snapshots] == expected
    assert ask(services, COUNTS) == expected[-1]


@pytest.mark.both
def test_an_empty_lake_can_be_queried(shared_services: Services) -> None:
    assert ask(shared_services, COUNTS) == [{"latest": 0, "every": 0, "texts": None}]


def test_a_refused_query_has_a_reason(shared_services: Services) -> None:
    with pytest.raises(SqlRefused) as caught:
        ask(shared_services, "DROP TABLE contributions")
    assert caught.value.errors == {"query": ["one SELECT is expected, not DROP"]}


def test_rows_past_the_limit_are_left_out(shared_services: Services, limited: SqlQueries) -> None:
    result = limited.run(
        shared_services.reading.snapshots.view(Reference()), "FROM range(11)", ADDRESS
    )
    assert result.row_count == 10
    assert result.truncated_by == "sql_max_rows"


def test_a_full_pool_takes_no_query(shared_services: Services, limited: SqlQueries) -> None:
    with slot_taken(shared_services, "192.0.2.1"), pytest.raises(SqlPoolFull):
        limited.run(shared_services.reading.snapshots.view(Reference()), "SELECT 1", ADDRESS)


def test_an_address_has_one_query_at_a_time(shared_services: Services) -> None:
    with slot_taken(shared_services, ADDRESS), pytest.raises(SqlClientBusy):
        ask(shared_services, "SELECT 1")


def test_consecutive_queries_can_use_the_only_slot(
    shared_services: Services, limited: SqlQueries
) -> None:
    for _ in range(5):
        limited.run(shared_services.reading.snapshots.view(Reference()), "SELECT 1", ADDRESS)


@pytest.mark.both
def test_a_lake_that_can_not_be_read_is_not_the_querys_fault(services: Services) -> None:
    made = commit_batch(services, make_received(0))
    view = services.reading.snapshots.view(Reference())
    for file in view.files():
        view.table.io.delete(file.path)
    with pytest.raises(SqlUnreadable) as caught:
        ask(services, "SELECT max(agent_id) FROM contributions")
    assert caught.value.snapshot_id == made.snapshot_id


def test_sql_can_be_switched_off(shared_services: Services) -> None:
    with pytest.raises(SqlDisabled):
        other(shared_services, sql_enabled=False).run(
            shared_services.reading.snapshots.view(Reference()), "SELECT 1", ADDRESS
        )
