"""Files that hold what was erased go, however young; all others stay."""

import os
import shutil
from pathlib import Path
from uuid import uuid4

import pytest
from pyiceberg.table import Table

from catalog.maintenance.compaction import compact, small_files
from catalog.maintenance.erasing import ErasedRows, erase_rows
from catalog.maintenance.leftovers import remove_leftovers
from catalog.snapshots import Snapshot
from catalog.storage.durability import DurableFile
from catalog.table import load_table
from tests.catalog.maintenance.history import (
    DAY,
    NEXT_DAY,
    SIZES,
    append_commits,
    files_at,
    rows_at,
)
from tests.catalog.maintenance.test_erasing import erased_of, ids_of


@pytest.fixture
def history(table: Table) -> list[Snapshot]:
    """Snapshots of two days."""
    made = append_commits(table, 3)
    return made + append_commits(load_table(table.catalog), 1, day=1)


@pytest.fixture
def erased(table: Table, history: list[Snapshot]) -> ErasedRows:
    """The first contribution."""
    return erased_of(ids_of(rows_at(load_table(table.catalog), history[0]))[:1])


def local(url: str) -> Path:
    return Path(url.removeprefix("file://"))


def files_below(table: Table) -> set[str]:
    return {str(path) for path in local(table.location()).rglob("*") if path.is_file()}


def test_replaced_files_are_removed_and_no_other(
    table: Table, history: list[Snapshot], erased: ErasedRows
) -> None:
    table = load_table(table.catalog)
    before = files_below(table)
    replaced = erase_rows(table, erased)
    assert remove_leftovers(table, erased, replaced) == len(replaced)
    left = files_below(table)
    assert before - left == {str(local(path)) for path in replaced}
    assert [rows_at(table, each).num_rows for each in history] == [1, 3, 5, 7]
    assert remove_leftovers(table, erased, replaced) == 0


def test_what_a_killed_process_replaced_is_found_by_what_it_holds(
    table: Table, history: list[Snapshot], erased: ErasedRows
) -> None:
    table = load_table(table.catalog)
    old = files_at(table, history[-1])
    erase_rows(table, erased)
    (gone,) = old - files_at(table, history[-1])
    assert local(gone).exists()
    # An orphan with other rows, whose writer may still commit it.
    other = local(gone).with_name(f"{uuid4()}-00000.parquet")
    shutil.copy(local(next(iter(old - {gone}))), other)
    # One of another day, which isn't even opened.
    (elsewhere,) = [path for path in old if NEXT_DAY.isoformat() in path]
    strange = local(elsewhere).with_name("strange.parquet")
    strange.write_bytes(b"not Parquet")
    strange_too = local(gone).with_name("strange.parquet")
    strange_too.write_bytes(b"not Parquet")
    assert remove_leftovers(table, erased) == 1
    assert not local(gone).exists()
    assert other.exists()
    assert strange.exists()
    assert strange_too.exists()


def test_files_of_pending_uploads_stay(table: Table, erased: ErasedRows) -> None:
    table = load_table(table.catalog)
    (gone,) = {path for path in erase_rows(table, erased) if path.endswith(".parquet")}
    assert remove_leftovers(table, erased, protected=[gone]) == 0
    assert local(gone).exists()


def test_temporary_files_go_once_their_writer_is_dead(
    table: Table, history: list[Snapshot], erased: ErasedRows
) -> None:
    table = load_table(table.catalog)
    folder = local(next(iter(files_at(table, history[0])))).parent
    writer = os.fork()
    if not writer:
        file = DurableFile(folder / "killed.parquet")
        file.write(b"some rows")
        os._exit(0)
    os.waitpid(writer, 0)
    (left,) = folder.glob(".killed.parquet.*.tmp")
    with DurableFile(folder / "alive.parquet") as file:
        file.write(b"some rows")
        assert remove_leftovers(table, erased) == 1
        assert not left.exists()
    assert (folder / "alive.parquet").read_bytes() == b"some rows"


@pytest.mark.slow
def test_a_compaction_that_read_an_erased_row_is_not_committed(
    table: Table, history: list[Snapshot], erased: ErasedRows
) -> None:
    """It ends while its file is removed, or while its file is still there."""
    table = load_table(table.catalog)
    (day,) = [each for each in small_files(table, SIZES, NEXT_DAY) if each.day == DAY]

    def erase_before_the_commit() -> bool:
        others = load_table(table.catalog)
        erase_rows(others, erased)
        return True

    assert compact(load_table(table.catalog), day, SIZES, erase_before_the_commit) is None
    assert [rows_at(load_table(table.catalog), each).num_rows for each in history] == [1, 3, 5, 7]
