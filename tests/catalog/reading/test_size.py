from uuid import uuid4

from pyiceberg.table import Table

from catalog.reading.size import TableSize, size_of
from catalog.table import append_batch
from tests.factories import make_received


def test_an_empty_table_has_no_size(table: Table) -> None:
    assert size_of(table) == TableSize(live_snapshots=0, rows=0, data_files=0, data_bytes=0)


def test_the_size_is_that_of_all_files_of_the_newest_snapshot(table: Table) -> None:
    append_batch(table, uuid4(), [make_received(day=0), make_received(day=1)])
    append_batch(table, uuid4(), [make_received()])
    files = [task.file for task in table.scan().plan_files()]
    size = size_of(table)
    assert (size.live_snapshots, size.rows, size.data_files) == (2, 3, 3)
    assert size.data_bytes == sum(file.file_size_in_bytes for file in files)
