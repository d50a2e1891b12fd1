"""Erasing contributions from a table: from every live snapshot, in one swap.

Only files that hold one of the contributions are written again. Ids begin with the time of receipt,
and the bounds of a file's ids are in its manifest, so most files aren't even opened.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from catalog.maintenance.rewriting import rewrite_data_files
from catalog.reading.membership import is_among
from catalog.schema import ID

_ZSTD_LEVEL: Final = 3
"""Lower than for compacted files: what is to go shall be gone soon."""
_DICTIONARY_BYTES: Final = 64 * 1024
"""Dictionaries end early, as in staged files: most texts and ids come once."""


class ErasedRows:
    """What is erased: the rows of some contributions, and what other rows say of them.

    Attributes:
        ids: The contribution_ids, ascending.
        mentions: Names of columns in which other rows name contributions, and become null then.
    """

    def __init__(self, ids: pa.Array, mentions: Sequence[str] = ()) -> None:
        self.ids = ids
        self.mentions = tuple(mentions)
        self._ascending: list[str] = ids.to_pylist()

    @property
    def columns(self) -> list[str]:
        """The columns that tell whether a file is concerned."""
        return [ID, *self.mentions]

    def may_be_in(self, table: Table, file: DataFile) -> bool:
        """Tell whether a file may be concerned, by the bounds of its columns."""
        return any(self._may_be_in_column(table, file, name) for name in self.columns)

    def are_in(self, source: Any) -> bool:
        """Tell whether a data file is concerned, by reading the columns that tell.

        Args:
            source: The file, open for reading.

        Raises:
            pyarrow.ArrowInvalid: It isn't a Parquet file.
        """
        file = pq.ParquetFile(source)
        names = [name for name in self.columns if name in file.schema_arrow.names]
        return bool(names) and any(
            pc.any(is_among(column, self.ids)).as_py()
            for batch in file.iter_batches(columns=names, use_threads=False)
            for column in batch.columns
        )

    def erase_from(self, rows: pa.Table) -> pa.Table:
        """Return the rows that stay, as they are to be."""
        kept = _without(rows, pc.indices_nonzero(is_among(rows[ID], self.ids)).to_pylist())
        for name in self.mentions:
            place = kept.schema.get_field_index(name)
            named = pc.if_else(
                pc.fill_null(is_among(kept[name], self.ids), fill_value=False),
                pa.scalar(None, kept.schema.field(place).type),
                kept[name],
            )
            kept = kept.set_column(place, kept.schema.field(place), named)
        return kept

    def _may_be_in_column(self, table: Table, file: DataFile, name: str) -> bool:
        field_id = table.schema().find_field(name).field_id
        if (file.null_value_counts or {}).get(field_id) == file.record_count:
            return False
        lower = (file.lower_bounds or {}).get(field_id)
        upper = (file.upper_bounds or {}).get(field_id)
        if lower is None or upper is None:
            return bool(self._ascending)
        # Bounds are cut to some characters: the lower one down, the upper one up.
        place = bisect_left(self._ascending, lower.decode())
        return place < len(self._ascending) and self._ascending[place] <= upper.decode()


def erase_rows(table: Table, erased: ErasedRows) -> frozenset[str]:
    """Erase contributions from every live snapshot of a table.

    Snapshots keep their ids, numbers and tags. When this is cut off, the table is as it was before
    or as it is after. It may be called again.

    Args:
        table: A table of the lake, which is reloaded.
        erased: What to erase.

    Returns:
        The URLs of files that the table doesn't refer to any more.

    Raises:
        CommitConflict: Other processes kept committing first; nothing is erased.
    """

    def may_be_in(file: DataFile) -> bool:
        return erased.may_be_in(table, file)

    def rewrite(file: DataFile) -> str | None:
        path = file.file_path
        if not may_be_in(file):
            return path
        with table.io.new_input(path).open() as source:
            return _write_rest(table, path, source, erased) if erased.are_in(source) else path

    # Manifests name removed files with the bounds of their columns, such as beginnings of titles.
    return rewrite_data_files(table, rewrite, forget=may_be_in)


def _write_rest(table: Table, path: str, source: Any, erased: ErasedRows) -> str | None:
    """Write what stays of a data file to another one, and return its URL; None if nothing does."""
    old = pq.ParquetFile(source)
    groups = _rest_of(old, erased)
    first = next(groups, None)
    if first is None:
        return None
    new_path = _name_beside(path)
    with (
        table.io.new_output(new_path).create() as target,
        pq.ParquetWriter(
            target,
            old.schema_arrow,
            compression="zstd",
            compression_level=_ZSTD_LEVEL,
            dictionary_pagesize_limit=_DICTIONARY_BYTES,
        ) as writer,
    ):
        writer.write_table(first)
        for group in groups:
            writer.write_table(group)
    return new_path


def _without(rows: pa.Table, places: list[int]) -> pa.Table:
    """Return rows without those at some places, ascending.

    The runs between them are slices, which copy nothing. Arrow's filter takes ten times as long as
    it takes to read and to write conversations, whose turns have many fields.
    """
    if not places:
        return rows
    begins, ends = [0, *(place + 1 for place in places)], [*places, rows.num_rows]
    return pa.concat_tables(
        rows.slice(begin, end - begin) for begin, end in zip(begins, ends, strict=True)
    )


def _rest_of(file: Any, erased: ErasedRows) -> Iterator[pa.Table]:
    for number in range(file.num_row_groups):
        rows = erased.erase_from(file.read_row_group(number))
        if rows.num_rows:
            yield rows


def _name_beside(path: str) -> str:
    """Return a new name that sorts among other files as the old one does: readers go by it."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name.partition('.')[0]}.{uuid4().hex}.parquet"
