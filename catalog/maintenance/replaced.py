"""Keeping the table `replaced` small: a commit adds a file for each day of which it replaced rows.

The files of a day become one once there are many. All days are done in one commit.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Final
from uuid import uuid4

import pyarrow as pa
from pyiceberg.table import Table

from catalog.errors import CommitConflict
from catalog.maintenance.replace import replace_compacted
from catalog.replaced import (
    REPLACED_UNTIL_PROPERTY,
    ReplacedFile,
    read_replaced,
    replaced_files,
    until_of,
)
from catalog.schema import ID
from catalog.writing.staging import StagedFile, StagedFiles

FILES_OF_DAY: Final = 8
"""Number of a day's files from which they are compacted."""

TakeOver = Callable[[Mapping[str, Sequence[str]]], object]
"""Gives new files what is known of the files whose place they take: their paths, by that of each
new file."""


def take_nothing_over(_merged: Mapping[str, Sequence[str]]) -> None:
    """Do nothing."""


def compact_replaced(table: Table, take_over: TakeOver = take_nothing_over) -> int:
    """Rewrite the files of days that have many, each day's to one file.

    A compaction that fails or is killed leaves the table as it was, and orphans at most.

    Args:
        table: The table `replaced`, which is reloaded for the commit.
        take_over: Called before the commit, with those new files that have all rows of some files
            alone.

    Returns:
        How many files were rewritten; 0 when another writer has replaced one of them meanwhile.

    Raises:
        CommitConflict: Another writer kept committing first.
    """
    old: list[ReplacedFile] = []
    merged: dict[str, list[str]] = {}
    staged = StagedFiles(table, uuid4())
    for _, of_day in groupby(replaced_files(table), key=lambda file: file.day):
        files = list(of_day)
        if len(files) >= FILES_OF_DAY:
            rows = pa.concat_tables([read_replaced(table, file) for file in files])
            staged.write(rows.sort_by(ID).combine_chunks())
            staged.end_file()
            old += files
            merged |= _merged(staged.finish(), files)
    if not old:
        return 0
    added = staged.describe()
    take_over(merged)
    try:
        snapshot = replace_compacted(table, [file.path for file in old], added, _properties)
    except CommitConflict:
        # After any other error the commit may have succeeded, and the table may need the files.
        staged.discard()
        raise
    if snapshot is None:
        staged.discard()
    return len(old) if snapshot else 0


def _merged(staged: Sequence[StagedFile], old: Sequence[ReplacedFile]) -> dict[str, list[str]]:
    """Return the last of the new files with the old ones, if it has all of their rows."""
    if staged[-1].rows != sum(file.rows for file in old):
        return {}
    return {staged[-1].path: [file.path for file in old]}


def _properties(table: Table) -> Mapping[str, str]:
    """Return what the snapshot of a compaction says: it has the rows of the one before it."""
    newest = table.current_snapshot()
    return {REPLACED_UNTIL_PROPERTY: str(until_of(newest) if newest else 0)}
