import pickle
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from pyiceberg.table import Table

from catalog.reading.dataset import DATASET_SCHEMA, FILE_SEQUENCE_NUMBER, dataset_of
from catalog.reading.plans import plan
from catalog.schema import ARROW_SCHEMA
from catalog.snapshots import Snapshot, live_snapshots
from catalog.table import append_batch
from tests.catalog.maintenance.history import compact_all
from tests.factories import FIRST_DAY, make_received

RECEIVED_AT = ARROW_SCHEMA.field("received_at").type


def dataset_at(table: Table, snapshot: Snapshot) -> ds.FileSystemDataset:
    return dataset_of(table, plan(table, snapshot))


def from_day(day: int) -> ds.Expression:
    moment = FIRST_DAY.replace(hour=0) + timedelta(days=day)
    return ds.field("received_at") >= pa.scalar(moment, RECEIVED_AT)


@pytest.fixture
def snapshot(table: Table) -> Snapshot:
    """The newest of three snapshots, each with a row of another day."""
    for day in range(3):
        made = append_batch(table, uuid4(), [make_received(day, f"of day {day}")])
    return made


def test_a_dataset_has_the_rows_of_its_files(table: Table, snapshot: Snapshot) -> None:
    dataset = dataset_at(table, snapshot)
    assert dataset.schema == DATASET_SCHEMA
    rows = dataset.to_table(columns=["received_at", "conversation"]).sort_by("received_at")
    assert [turns[0]["content"] for turns in rows["conversation"].to_pylist()] == [
        "of day 0",
        "of day 1",
        "of day 2",
    ]


def test_rows_without_a_number_find_that_of_their_file(table: Table, snapshot: Snapshot) -> None:
    rows = dataset_at(table, snapshot).to_table(columns=["sequence_number", FILE_SEQUENCE_NUMBER])
    assert rows["sequence_number"].null_count == 3
    assert sorted(rows[FILE_SEQUENCE_NUMBER].to_pylist()) == [1, 2, 3]


@pytest.mark.slow
def test_compacted_rows_keep_their_own_numbers_beside_their_files(table: Table) -> None:
    for _ in range(4):
        append_batch(table, uuid4(), [make_received(0)])
    compact_all(table)
    newest = next(live_snapshots(table))
    rows = dataset_at(table, newest).to_table(columns=["sequence_number", FILE_SEQUENCE_NUMBER])
    assert sorted(rows["sequence_number"].to_pylist()) == [1, 2, 3, 4]
    assert set(rows[FILE_SEQUENCE_NUMBER].to_pylist()) == {newest.sequence_number}


def test_the_files_of_other_days_are_left_out_unopened(table: Table, snapshot: Snapshot) -> None:
    dataset = dataset_at(table, snapshot)
    (wanted,) = dataset.get_fragments(from_day(2))
    for file in dataset.files:
        if file != wanted.path:
            Path(file).unlink()
    assert dataset.to_table(filter=from_day(2)).num_rows == 1


def test_a_dataset_can_be_sent_to_another_process(table: Table, snapshot: Snapshot) -> None:
    dataset = dataset_at(table, snapshot)
    copy = pickle.loads(pickle.dumps(dataset))  # noqa: S301  # our own
    assert copy.to_table() == dataset.to_table()
    assert len(list(copy.get_fragments(from_day(1)))) == 2


def test_the_dataset_of_no_files_has_the_schema(table: Table) -> None:
    assert dataset_of(table, []).to_table() == DATASET_SCHEMA.empty_table()
