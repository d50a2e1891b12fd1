from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pytest
from cachetools import LRUCache
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from catalog.manifests import cache
from catalog.reading.plans import plan
from catalog.table import append_batch, load_table
from tests.factories import make_received

_EPOCH = date(1970, 1, 1)


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    """Start and end with an empty cache, so that tests don't depend on each other."""
    cache.clear()
    yield
    cache.clear()


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


def _files(table: Table) -> list[pa.Table]:
    newest = table.current_snapshot()
    assert newest is not None
    return list(cache.files_of(table, newest))


def test_a_manifest_is_read_again_once_the_cache_was_emptied(table: Table) -> None:
    append_batch(table, uuid4(), [make_received(0)])
    (first,) = _files(table)
    assert cache.cached_bytes() > 0
    cache.clear()
    assert cache.cached_bytes() == 0
    for file in _metadata_files(table):
        file.unlink()
    with pytest.raises(FileNotFoundError):
        _files(table)
    assert first.num_rows == 1


def test_a_manifest_that_is_larger_than_the_cache_is_read_each_time(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_files", LRUCache(100, getsizeof=pa.Table.get_total_buffer_size))
    append_batch(table, uuid4(), [make_received(day) for day in range(3)])
    (first,), (again,) = _files(table), _files(table)
    assert first.num_rows == 3
    assert first.equals(again)
    assert cache.cached_bytes() == 0


def test_files_are_told_by_columns(table: Table) -> None:
    contributions = [make_received(0), make_received(1)]
    snapshot = append_batch(table, uuid4(), contributions)
    (files,) = _files(table)
    assert files["day"].to_pylist() == [
        (each.received_at.date() - _EPOCH).days for each in contributions
    ]
    assert files["rows"].to_pylist() == [1, 1]
    assert files["commit_number"].to_pylist() == [snapshot.sequence_number] * 2
    field = table.schema().find_field("received_at")
    moments = [round(each.received_at.timestamp() * 1_000_000) for each in contributions]
    for kind in ("lower.", "upper."):
        assert cache.column_of(files, kind, field).to_pylist() == moments
    title = table.schema().find_field("title")
    assert cache.column_of(files, "lower.", title).to_pylist() == [None, None]
