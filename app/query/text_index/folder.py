"""The folder of the indexes of a node: one for each data file.

An index is named after its data file, whose URL is never used again. So it is right at every
snapshot. A data file without an index is read. All of the folder can be removed at any time.
"""

import hashlib
import logging
import shutil
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyiceberg.table import Table

from app.query.text_index.file_index import (
    COLUMNS,
    MOST_WORDS,
    ends_of_text,
    find_rows,
    finish_index,
    indexed_rows,
    indexed_url,
    write_index,
    write_parts,
)
from app.query.text_index.word_parts import Part, may_have, parts_of
from app.query.text_index.words import Word, words_of
from app.state.locks import FileLock, Lock, holding
from catalog.reading.plans import PlannedFile
from catalog.reading.scan import NO_ROWS, CandidateRows, all_rows, read_every_row
from catalog.storage.durability import make_durable_folder
from catalog.wording import counted

LEAST_FREE_BYTES: Final = 64 * 1024 * 1024
"""Free space of the disk below which nothing is indexed."""
_INDEX: Final = ".1.sqlite"
"""End of the name of an index, with its format's version: those of others are removed."""
_PARTS: Final = ".1.parts"
"""End of the name of the parts of the words of an index, likewise."""

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

    def have_room(self) -> bool:
        """Tell whether the disk has room for more: its last space is for what can't be made anew.

        The folder beside which the indexes are has to exist.
        """
        return shutil.disk_usage(self._folder.parent).free >= LEAST_FREE_BYTES

    def candidates(self, text: str) -> CandidateRows:
        """Return what tells which rows of a data file may have a text."""
        words = words_of(text)
        parts = parts_of(words[:MOST_WORDS])
        return partial(self._rows_with, words, parts) if words else all_rows

    def is_indexed(self, file: PlannedFile) -> bool:
        """Tell whether a data file has an index, with the parts of its words."""
        return self._path_of(file).exists() and self._parts_of(file).exists()

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
                    if not self._names(file, rows + row, ends_of_text(batch, row)):
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
        make_durable_folder(self._folder)
        if path.exists():
            self._complete(file, is_needed)
        else:
            # The data file, too, may be removed after it was replaced.
            with suppress(FileNotFoundError):
                self._build_anew(table, file, pause, is_needed)
        return path.exists()

    def _build_anew(
        self,
        table: Table,
        file: PlannedFile,
        pause: Callable[[], None],
        is_needed: Callable[[], bool],
    ) -> None:
        path = self._path_of(file)
        written, finished = path.with_suffix(".written"), path.with_suffix(".finished")
        written.unlink(missing_ok=True)
        try:
            batches = read_every_row(table, file, COLUMNS)
            write_index(written, file.path, _paused(batches, pause))
            with holding(self._changing()):
                # What a takedown removed meanwhile is written again by the next try.
                if written.exists() and is_needed():
                    finish_index(written, finished)
                    _write_parts(finished, self._parts_of(file))
                    # After the sync: an index must never name too few rows.
                    finished.rename(path)
        finally:
            written.unlink(missing_ok=True)
            finished.unlink(missing_ok=True)

    def _complete(self, file: PlannedFile, is_needed: Callable[[], bool]) -> None:
        """Give an index its parts of words, which earlier versions didn't write."""
        path = self._path_of(file)
        with holding(self._changing()):
            if path.exists() and is_needed():
                try:
                    _write_parts(path, self._parts_of(file))
                except sqlite3.Error:
                    log.warning("the text index %s can't be read, so it is built anew", path.name)
                    path.unlink()

    def remove_others(self, files: Callable[[], Collection[PlannedFile]]) -> int:
        """Remove everything that is no index of some data files, and tell how many files it was.

        An index that is being built is thrown away, and built again if it is needed.

        Args:
            files: Returns the data files. Nothing is added to the folder meanwhile.
        """
        with holding(self._changing()):
            needed = {path for file in files() for path in self._paths_of(file)}
            found = self._folder.iterdir() if self._folder.is_dir() else ()
            others = [path for path in found if path not in needed]
            for path in others:
                path.unlink(missing_ok=True)
        return len(others)

    def status(self, files: Collection[PlannedFile]) -> IndexStatus:
        """Return how many of some data files have an index."""
        indexed = [file for file in files if self.is_indexed(file)]
        rows = sum(file.rows for file in indexed)
        return IndexStatus(
            files=len(indexed),
            rows=rows,
            size_bytes=sum(
                path.stat().st_size for file in indexed for path in self._paths_of(file)
            ),
            missing_files=len(files) - len(indexed),
            missing_rows=sum(file.rows for file in files) - rows,
        )

    def _rows_with(
        self, words: list[Word], parts: list[Part], file: PlannedFile
    ) -> pa.Array | None:
        if not may_have(self._parts_of(file), parts):
            return NO_ROWS
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

    def _names(self, file: PlannedFile, row: int, phrases: list[list[Word]]) -> bool:
        """Tell whether a row is named for each of some phrases that it has.

        Raises:
            sqlite3.Error: There is no index, or it is broken.
        """
        for words in phrases:
            rows = find_rows(self._path_of(file), words)
            if rows is not None and row not in rows.to_pylist():
                return False
        needed = [part for words in phrases for part in parts_of(words[:MOST_WORDS])]
        return may_have(self._parts_of(file), needed)

    def _paths_of(self, file: PlannedFile) -> tuple[Path, Path]:
        return self._path_of(file), self._parts_of(file)

    def _path_of(self, file: PlannedFile) -> Path:
        return self._folder / (_name_of(file) + _INDEX)

    def _parts_of(self, file: PlannedFile) -> Path:
        return self._folder / (_name_of(file) + _PARTS)

    def _changing(self) -> Lock:
        """Return the lock of whoever adds to the folder or removes from it."""
        return FileLock(self._beside("lock"))

    def _beside(self, suffix: str) -> Path:
        return self._folder.with_name(f"{self._folder.name}.{suffix}")


def _name_of(file: PlannedFile) -> str:
    return hashlib.sha256(file.path.encode()).hexdigest()[:40]


def _write_parts(index: Path, parts: Path) -> None:
    """Write the parts of the words of an index, so that they appear when they are whole."""
    written = parts.with_suffix(".partly")
    try:
        write_parts(index, written)
        written.rename(parts)
    finally:
        written.unlink(missing_ok=True)


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
