"""Finding where in the data files of some snapshots hidden rows lie."""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import chain
from operator import methodcaller
from threading import Lock
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cachetools import LRUCache
from numpy.typing import NDArray
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

from catalog.manifests.cache import DAY, PATH, column_of, files_of
from catalog.manifests.pruning import LOWER, UPPER
from catalog.schema import ID

Positions = NDArray[np.int64]
"""Numbers of rows in a data file, from 0, ascending."""

_REMEMBERED_FILES: Final = 20_000
_value: Final = methodcaller("as_py")


@dataclass(frozen=True, slots=True)
class HiddenRows:
    """The hidden rows of one data file.

    Attributes:
        path: URL of the data file.
        day: The day partition of its rows.
        positions: Where they lie; at least one.
    """

    path: str
    day: date
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
        field = table.schema().find_field(ID)
        found: dict[str, HiddenRows] = {}
        for files in chain.from_iterable(files_of(table, snapshot) for snapshot in snapshots):
            for path, day, lower, upper in zip(
                files[PATH].to_pylist(),
                pc.cast(files[DAY], pa.date32()).to_pylist(),
                column_of(files, LOWER, field).to_pylist(),
                column_of(files, UPPER, field).to_pylist(),
                strict=True,
            ):
                possible = _between(lower, upper, hidden)
                if path not in found and len(possible):
                    found[path] = HiddenRows(path, day, self._positions(table, path, possible))
        return [found[path] for path in sorted(found) if len(found[path].positions)]

    def _positions(self, table: Table, path: str, ids: pa.Array) -> Positions:
        key = path, hashlib.sha256("\n".join(ids.to_pylist()).encode()).digest()
        with self._lock:
            known = self._found.get(key)
        if known is None:
            known = _read_positions(table, path, ids)
            with self._lock:
                self._found[key] = known
        return known


def _between(lower: str | None, upper: str | None, hidden: pa.Array) -> pa.Array:
    """Return the hidden ids within the bounds of a file's ids; all where it has no bounds."""
    start = 0 if lower is None else bisect_left(hidden, lower, key=_value)
    # Iceberg cuts bounds short: an upper one is then the next text of that length.
    end = len(hidden) if upper is None else bisect_right(hidden, upper, key=_value)
    return hidden[start : max(start, end)]


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
