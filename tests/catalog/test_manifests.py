from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from catalog import manifests
from catalog.scan import newest_entries, plan
from catalog.table import append_batch, load_table
from tests.factories import make_received


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    """Start and end with an empty cache, so that tests don't depend on each other."""
    manifests.clear()
    yield
    manifests.clear()


def _metadata_files(table: Table) -> list[Path]:
    return list(Path(table.location().removeprefix("file://"), "metadata").glob("*.avro"))


def test_a_second_plan_opens_no_manifest_again(table: Table) -> None:
    snapshot = append_batch(table, uuid4(), [make_received(day) for day in range(3)])
    first = plan(table, snapshot)
    for file in _metadata_files(table):
        file.unlink()
    assert plan(table, snapshot) == first
    assert len(first) == 3


def test_manifests_that_were_read_for_one_snapshot_serve_the_next(
    catalog: SqlCatalog, table: Table
) -> None:
    before = append_batch(table, uuid4(), [make_received(0)])
    plan(table, before)
    old = _metadata_files(table)
    after = append_batch(load_table(catalog), uuid4(), [make_received(1)])
    for file in old:
        file.unlink()
    assert len(plan(load_table(catalog), after)) == 2
    assert len(plan(load_table(catalog), before)) == 1


def test_a_manifest_is_read_again_once_the_cache_was_emptied(table: Table) -> None:
    append_batch(table, uuid4(), [make_received(0)])
    (first,) = newest_entries(table)
    (second,) = newest_entries(table)
    assert second is first
    manifests.clear()
    (again,) = newest_entries(table)
    assert again is not first
    assert again == first


def test_a_manifest_of_too_many_entries_is_read_each_time(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "CACHED_ENTRIES", 2)
    append_batch(table, uuid4(), [make_received(day) for day in range(3)])
    first, again = newest_entries(table), newest_entries(table)
    assert len(first) == 3
    assert first == again
    assert all(entry is not earlier for entry, earlier in zip(again, first, strict=True))
