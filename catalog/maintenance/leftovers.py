"""Leftovers: files that a table doesn't refer to any more, though they hold what was erased.

Orphans wait for their age, since a writer may still commit them. Those that hold an erased
contribution needn't: a commit that refers to one is refused, because it began from a table that had
the contribution. So each unreferenced file is opened, and goes if it holds one.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyarrow.fs import FileInfo, FileSystem, LocalFileSystem
from pyiceberg.table import Table

from catalog.maintenance.erasing import ErasedRows
from catalog.maintenance.orphans import files_of, filesystem_of, path_of, references_of
from catalog.records import time_of
from catalog.storage.durability import is_abandoned

_DATA: Final = ".parquet"
_TEMPORARY: Final = ".tmp"
_DAY_FOLDER: Final = "received_at_day="


def remove_leftovers(
    table: Table,
    erased: ErasedRows,
    replaced: Collection[str] = (),
    protected: Collection[str] = (),
) -> int:
    """Remove the unreferenced files of a table that hold what was erased from it.

    No reader may need them any more. Temporary files of killed writers go too, since nobody can
    tell what they hold.

    Args:
        table: The table, which is reloaded.
        erased: What was erased.
        replaced: URLs of files that are known to be of no use, such as replaced manifests.
        protected: URLs of files that a pending upload refers to, collected before this call.

    Returns:
        How many files were removed.

    Raises:
        OSError: A file can't be read or removed; others may stay too.
    """
    # As in `find_orphans`: what is committed meanwhile is in the table by the time it is loaded.
    listed = list(files_of(table))
    table.refresh()
    needed = {path_of(table, url) for url in (*protected, *references_of(table))}
    known = {path_of(table, url) for url in replaced}
    filesystem = filesystem_of(table)
    days = _days_of(erased)
    removed = 0
    for file in listed:
        if file.path in needed:
            continue
        # A file that is gone was removed by its writer, or as an orphan.
        with suppress(FileNotFoundError):
            if file.path in known or _is_leftover(filesystem, file, erased, days):
                filesystem.delete_file(file.path)
                removed += 1
    return removed


def _is_leftover(
    filesystem: FileSystem, file: FileInfo, erased: ErasedRows, days: Collection[str]
) -> bool:
    if file.base_name.endswith(_TEMPORARY):
        return isinstance(filesystem, LocalFileSystem) and is_abandoned(Path(file.path))
    if not file.base_name.endswith(_DATA) or not (erased.mentions or _day_of(file) in days):
        return False
    with filesystem.open_input_file(file.path) as source:
        try:
            return erased.are_in(source)
        except pa.ArrowInvalid:
            # The lake writes none that isn't Parquet, so this one is somebody else's.
            return False


def _days_of(erased: ErasedRows) -> set[str]:
    """Return the names of the days on which the contributions were received."""
    days: set[date] = {time_of(each).date() for each in erased.ids.to_pylist()}
    return {day.isoformat() for day in days}


def _day_of(file: FileInfo) -> str:
    folder: str = file.path.rpartition("/")[0].rpartition("/")[2]
    return folder.removeprefix(_DAY_FOLDER)
