"""The contributions that a file of `replaced` names, as rows that are counted as of any snapshot.

A file of `replaced` has rows of many commits once it is compacted, so most snapshots have some of
them only, and the counts of the whole file don't tell how many of each source that is. So what rows
are counted by is kept of each contribution, with the number of the commit that replaced it. They
are kept as a stream of Arrow's, compressed by Zstandard.
"""

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.query.counts.rows import COUNTED_COLUMNS, SUMMED, RowCounts, count_rows
from catalog.reading.scan import schema_of
from catalog.schema import SEQUENCE_NUMBER

_COUNTED: Final = schema_of(COUNTED_COLUMNS)
_COMPRESSED: Final = pa.ipc.IpcWriteOptions(compression="zstd")


def with_numbers(rows: pa.Table, numbers: NDArray[Any]) -> pa.Table:
    """Return what is kept of contributions that were replaced.

    Args:
        rows: The contributions, with `COUNTED_COLUMNS` at least.
        numbers: The sequence number of the commit that replaced each of them.
    """
    # Other fields of turns, such as texts, have no place beside counts.
    counted = rows.select(_COUNTED.names).cast(_COUNTED)
    return counted.append_column(SEQUENCE_NUMBER, pa.array(numbers))


def encode(rows: pa.Table) -> bytes:
    """Return rows as bytes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=_COMPRESSED) as writer:
        writer.write_table(rows.combine_chunks())
    return bytes(sink.getvalue().to_pybytes())


def decode(encoded: bytes) -> pa.Table:
    """Return the rows that `encode` made bytes of."""
    return pa.ipc.open_stream(encoded).read_all()


def count_as_of(rows: pa.Table, number: int, names: Sequence[str] = SUMMED) -> RowCounts:
    """Count the contributions that were replaced up to a commit.

    Args:
        rows: Contributions, as `with_numbers` returns them.
        number: The sequence number of the commit.
        names: What they are counted by, see `count_rows`.
    """
    by_then = rows.filter(pc.less_equal(rows[SEQUENCE_NUMBER], number))
    return count_rows(by_then.to_batches(), names)


def says(rows: pa.Table, others: pa.Table) -> bool:
    """Tell whether rows are counted as others are, up to the commit in the middle and in all."""
    numbers = rows[SEQUENCE_NUMBER].sort()
    if numbers != others[SEQUENCE_NUMBER].sort():
        return False
    commits = numbers.unique().to_pylist()
    compared = {commits[(len(commits) - 1) // 2], commits[-1]} if commits else ()
    return all(count_as_of(rows, number).says(count_as_of(others, number)) for number in compared)
