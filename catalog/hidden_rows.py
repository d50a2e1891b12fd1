"""Finding where in the data files of some snapshots hidden rows lie."""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import methodcaller
from threading import Lock
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cachetools import LRUCache
from numpy.typing import NDArray
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

from catalog.scan import entries_of
from catalog.schema import ID

Positions = NDArray[np.int64]
"""Numbers of rows in a data file, from 0, ascending."""

_REMEMBERED_FILES: Final = 20_000
_value: Final = methodcaller("as_py")


@dataclass(frozen=True, slots=True)
class HiddenRows:
    """The hidden rows of one data file.

    Attributes:
        file: The data file.
        positions: Where they lie; at least one.
    """

    file: DataFile
    positions: Positions


class HiddenRowFinder:
    """Finds hidden rows, and remembers what it found: data files never change."""

    def __init__(self) -> None:
        self._found: LRUCache[tuple[str, bytes], Positions] = LRUCache(_REMEMBERED_FILES)
        self._lock = Lock()

    def find(
        self, table: Table, snapshots: Iterable[IcebergSnapshot], hidden: pa.Array
    ) -> list[HiddenRows]:
        """Return where the hidden rows of some snapshots lie, file by file, without other files.

        Of the data files, those are opened that may hold a hidden row by the bounds of their ids,
        and of these only the ids are read.

        Args:
            table: Any table of the lake.
            snapshots: Live snapshots of the table.
            hidden: The contribution_ids of hidden rows, ascending.
        """
        field_id = table.schema().find_field(ID).field_id
        files = {
            entry.data_file.file_path: entry.data_file
            for snapshot in snapshots
            for entry in entries_of(table, snapshot)
        }
        found = []
        for path in sorted(files):
            possible = _possible(files[path], field_id, hidden)
            if len(possible):
                positions = self._positions(table, path, possible)
                if len(positions):
                    found.append(HiddenRows(files[path], positions))
        return found

    def _positions(self, table: Table, path: str, ids: pa.Array) -> Positions:
        key = path, hashlib.sha256("\n".join(ids.to_pylist()).encode()).digest()
        with self._lock:
            known = self._found.get(key)
        if known is None:
            known = _read_positions(table, path, ids)
            with self._lock:
                self._found[key] = known
        return known


def _possible(file: DataFile, field_id: int, hidden: pa.Array) -> pa.Array:
    """Return the hidden ids within the bounds of a file's ids; all where it has no bounds."""
    lower, upper = (_bound(bounds, field_id) for bounds in (file.lower_bounds, file.upper_bounds))
    start = 0 if lower is None else bisect_left(hidden, lower, key=_value)
    # Iceberg cuts bounds short: an upper one is then the next text of that length.
    end = len(hidden) if upper is None else bisect_right(hidden, upper, key=_value)
    return hidden[start : max(start, end)]


def _bound(bounds: Mapping[int, bytes] | None, field_id: int) -> str | None:
    encoded = (bounds or {}).get(field_id)
    return encoded.decode() if encoded else None


def _read_positions(table: Table, path: str, ids: pa.Array) -> Positions:
    """Return the positions of some ids in a data file."""
    found = [np.empty(0, np.int64)]
    with table.io.new_input(path).open() as source, pq.ParquetFile(source) as file:
        first = 0
        for group in range(file.num_row_groups):
            column = file.read_row_group(group, [ID])[ID]
            is_hidden = pc.is_in(column, ids.cast(column.type)).to_numpy()
            found.append(np.flatnonzero(is_hidden) + first)
            first += len(column)
    return np.concatenate(found)
