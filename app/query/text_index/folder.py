"""The folder of the indexes of a node: one for each data file that is worth it.

An index is named after its data file, whose URL is never used again. So it is right at every
snapshot. A data file without an index is read. All of the folder can be removed at any time.
"""

import hashlib
import logging
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyiceberg.table import Table

from app.query.text_index.file_index import (
    COLUMNS,
    ends_of_text,
    find_rows,
    finish_index,
    indexed_rows,
    indexed_url,
    write_index,
)
from app.query.text_index.words import Word, words_of
from app.state.locks import FileLock, Lock, holding
from catalog.reading.plans import PlannedFile
from catalog.reading.scan import CandidateRows, all_rows, read_every_row
from catalog.schema import ROW_GROUP_ROWS
from catalog.storage.durability import make_durable_folder
from catalog.wording import counted

_INDEX: Final = ".1.sqlite"
"""End of the name of an index, with its format's version: those of others are removed."""
FEWEST_ROWS: Final = 512
"""The rows of a data file that is worth an index. A smaller one is read as quickly."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexStatus:
    """What of some tables is indexed on this node.

    Attributes:
        files: Data files that have an index.
        rows: The rows of these.
        size_bytes: The size of their indexes.
        missing_files: Data files that have none.
        missing_rows: The rows of these, which a search reads.
    """

    files: int
    rows: int
    size_bytes: int
    missing_files: int
    missing_rows: int

    def __str__(self) -> str:
        return (
            f"indexed: {counted(self.files, 'file')} with {counted(self.rows, 'row')}, in "
            f"{counted(self.size_bytes, 'byte')}; not indexed: "
            f"{counted(self.missing_files, 'file')} with {counted(self.missing_rows, 'row')}"
        )


class TextIndexes:
    """The indexes of the data files of the raw table and of the stages."""

    def __init__(self, folder: Path) -> None:
        """Use a folder.

        Args:
            folder: The folder, which needn't exist.
        """
        self._folder = folder

    def builder_lock(self) -> Lock:
        """Return the lock that the one process has which builds in this folder."""
        return FileLock(self._beside("builder.lock"))

    def candidates(self, text: str) -> CandidateRows:
        """Return what tells which rows of a data file may have a text."""
        words = words_of(text)
        return partial(self._rows_with, words) if words else all_rows

    def is_indexed(self, file: PlannedFile) -> bool:
        """Tell whether a data file has an index."""
        return self._path_of(file).exists()

    def urls(self) -> dict[str, str | None]:
        """Return the data file of each index by the index's name; None if it can't be read."""
        found = self._folder.glob(f"*{_INDEX}") if self._folder.is_dir() else ()
        return {path.name: _url_of(path) for path in found}

    def lacks(self, table: Table, file: PlannedFile, every: int) -> str | None:
        """Return what is wrong with the index of a data file; None if nothing is, or it has none.

        Words of some rows are looked for, which read the data file.

        Args:
            table: The table of the file.
            file: The file.
            every: Of how many rows one is looked for.
        """
        path = self._path_of(file)
        if not path.exists():
            return None
        try:
            rows = 0
            for batch in read_every_row(table, file, COLUMNS):
                for row in range(-rows % every, batch.num_rows, every):
                    if not _names(path, rows + row, ends_of_text(batch, row)):
                        return f"doesn't name row {rows + row}, whose words are looked for"
                rows += batch.num_rows
            known = indexed_rows(path)
        except sqlite3.Error as error:
            # It may have been removed meanwhile.
            return f"can't be read: {error}" if path.exists() else None
        return f"has {counted(known, 'row')} instead of {rows}" if known != rows else None

    def build(
        self,
        table: Table,
        file: PlannedFile,
        pause: Callable[[], None],
        is_needed: Callable[[], bool],
    ) -> bool:
        """Build the index of a data file. The builder's lock has to be held.

        Args:
            table: The table of the file.
            file: The file.
            pause: Called after each batch of rows; what it raises ends the building.
            is_needed: Tells in the end whether the table still has the file. Nothing is removed
                from the folder meanwhile.

        Returns:
            Whether the file has an index now.
        """
        path = self._path_of(file)
        written, finished = path.with_suffix(".written"), path.with_suffix(".finished")
        make_durable_folder(self._folder)
        written.unlink(missing_ok=True)
        try:
            # The data file, too, may be removed after it was replaced.
            with suppress(FileNotFoundError):
                batches = read_every_row(table, file, COLUMNS)
                write_index(written, file.path, _paused(batches, pause))
                with holding(self._changing()):
                    # What a takedown removed meanwhile is written again by the next try.
                    if written.exists() and is_needed():
                        finish_index(written, finished)
                        # After the sync: an index must never name too few rows.
                        finished.rename(path)
        finally:
            written.unlink(missing_ok=True)
            finished.unlink(missing_ok=True)
        return path.exists()

    def remove_others(self, files: Callable[[], Collection[PlannedFile]]) -> int:
        """Remove everything that is no index of some data files, and tell how many files it was.

        An index that is being built is thrown away, and built again if it is needed.

        Args:
            files: Returns the data files. Nothing is added to the folder meanwhile.
        """
        with holding(self._changing()):
            needed = {self._path_of(file) for file in files()}
            found = self._folder.iterdir() if self._folder.is_dir() else ()
            others = [path for path in found if path not in needed]
            for path in others:
                path.unlink(missing_ok=True)
        return len(others)

    def is_worth_it(self, file: PlannedFile, open_from: date) -> bool:
        """Tell whether an index of a data file is worth its time.

        Small files of a day that still grows are soon compacted, and read until then.

        Args:
            file: The file.
            open_from: The first day that still grows.
        """
        fewest = FEWEST_ROWS
        if file.day >= open_from and not file.is_rewritten:
            fewest = ROW_GROUP_ROWS
        return file.rows >= fewest

    def status(self, files: Collection[PlannedFile]) -> IndexStatus:
        """Return how many of some data files have an index."""
        indexed = [file for file in files if self.is_indexed(file)]
        rows = sum(file.rows for file in indexed)
        return IndexStatus(
            files=len(indexed),
            rows=rows,
            size_bytes=sum(self._path_of(file).stat().st_size for file in indexed),
            missing_files=len(files) - len(indexed),
            missing_rows=sum(file.rows for file in files) - rows,
        )

    def _rows_with(self, words: list[Word], file: PlannedFile) -> pa.Array | None:
        path = self._path_of(file)
        if not path.exists():
            return None
        try:
            return find_rows(path, words)
        except sqlite3.Error as error:
            # It may have been removed meanwhile. A broken one must never hide rows.
            if path.exists():
                log.warning("the text index %s can't be read, so rows are: %s", path.name, error)
            return None

    def _path_of(self, file: PlannedFile) -> Path:
        return self._folder / (hashlib.sha256(file.path.encode()).hexdigest()[:40] + _INDEX)

    def _changing(self) -> Lock:
        """Return the lock of whoever adds to the folder or removes from it."""
        return FileLock(self._beside("lock"))

    def _beside(self, suffix: str) -> Path:
        return self._folder.with_name(f"{self._folder.name}.{suffix}")


def _names(path: Path, row: int, phrases: list[list[Word]]) -> bool:
    found = (find_rows(path, words) for words in phrases)
    return all(rows is None or row in rows.to_pylist() for rows in found)


def _url_of(path: Path) -> str | None:
    try:
        return indexed_url(path)
    except sqlite3.Error:
        return None


def _paused(
    batches: Iterator[pa.RecordBatch], pause: Callable[[], None]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch
        pause()
