"""The rows of a query's result: of types that every format can carry, and within the limits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from duckdb.sqltypes import DuckDBPyType

from sandbox.guard import Refused
from sandbox.names import quoted
from sandbox.protocol import QueryLimits, TruncatedBy

_BATCH_ROWS: Final = 1024
"""Rows in a batch from DuckDB; the size of the result is checked after each batch."""
_PORTABLE: Final = frozenset(
    {
        *("boolean", "tinyint", "smallint", "integer", "bigint"),
        *("utinyint", "usmallint", "uinteger", "ubigint", "float", "double", "decimal"),
        *("varchar", "blob", "date", "timestamp", "timestamp with time zone", "null"),
    }
)
"""DuckDB's scalar types that every format can carry."""
_NESTED: Final = frozenset({"list", "array", "struct"})
"""Types that every format can carry if it can carry their parts. All other types become text."""
_HUGE: Final = frozenset({"hugeint", "uhugeint"})
"""Integers of 128 bits, the type of sums. Arrow has decimals for them."""
_FIRST_DAY: Final = "0001-01-01"
_LAST_DAY: Final = "9999-12-31"
_MICROSECONDS_A_DAY: Final = 86_400_000_000
_CALENDAR_DAYS: Final = (-719_162, 2_932_896)
"""The first and the last day that RFC 3339 can express, in days since 1970-01-01."""


@dataclass(frozen=True, slots=True)
class ResultStream:
    """The rows of a query's result.

    Attributes:
        stream: The rows in Arrow's stream format.
        truncated_by: The setting by which rows were left out; None when none were.
    """

    stream: pa.Buffer
    truncated_by: TruncatedBy | None


def collect(relation: duckdb.DuckDBPyRelation, limits: QueryLimits) -> ResultStream:
    """Return the rows of a query, up to its limits.

    Raises:
        Refused: A date or time is outside the calendar.
        duckdb.Error: The query failed.
    """
    reader = _portable(relation).to_arrow_reader(_BATCH_ROWS)
    assert reader is not None  # noqa: S101  # a SELECT always has a reader
    sink = pa.BufferOutputStream()
    rows = size_bytes = 0
    truncated_by: TruncatedBy | None = None
    with pa.ipc.new_stream(sink, reader.schema) as writer:
        for batch in reader:
            fitting, truncated_by = _fitting(
                batch, limits.max_rows - rows, limits.max_bytes - size_bytes
            )
            _check_calendar(fitting)
            writer.write_batch(fitting)
            rows += fitting.num_rows
            size_bytes += fitting.nbytes
            if truncated_by:
                break
    return ResultStream(sink.getvalue(), truncated_by)


def _portable(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Return a relation whose columns have distinct names and types that every format carries."""
    names = _distinct(relation.columns)
    columns = [
        f"{_as_portable(kind, position)} AS {quoted(name)}"
        for position, (name, kind) in enumerate(zip(names, relation.types, strict=True), 1)
    ]
    return relation.project(", ".join(columns))


def _as_portable(kind: DuckDBPyType, position: int) -> str:
    column = f"#{position}"
    if kind.id in _HUGE:
        return f"CAST({column} AS DECIMAL(38, 0))"
    return column if _is_portable(kind) or _is_object(kind) else f"CAST({column} AS VARCHAR)"


def _is_object(kind: DuckDBPyType) -> bool:
    """Tell whether a type is a map that JSON can carry: one of texts to what is portable."""
    if kind.id != "map":
        return False
    key, value = (part for _, part in kind.children)
    return (
        isinstance(key, DuckDBPyType)
        and key.id == "varchar"
        and isinstance(value, DuckDBPyType)
        and _is_portable(value)
    )


def _is_portable(kind: DuckDBPyType) -> bool:
    if kind.id not in _NESTED:
        return kind.id in _PORTABLE
    # An array's size is among its children.
    parts = (part for _, part in kind.children if not isinstance(part, int))
    return all(isinstance(part, DuckDBPyType) and _is_portable(part) for part in parts)


def _distinct(names: Sequence[str]) -> list[str]:
    """Number columns of the same name, as DuckDB does in a subquery."""
    taken: dict[str, None] = {}
    for name in names:
        numbered = (f"{name}_{number}" for number in count(1))
        chosen = name if name not in taken else next(new for new in numbered if new not in taken)
        taken[chosen] = None
    return list(taken)


def _fitting(
    batch: pa.RecordBatch, max_rows: int, max_bytes: int
) -> tuple[pa.RecordBatch, TruncatedBy | None]:
    """Return the first rows of a batch that fit, and the setting that leaves out others."""
    truncated_by: TruncatedBy | None = None
    if batch.num_rows > max_rows:
        batch, truncated_by = batch.slice(0, max_rows), "sql_max_rows"
    while batch.nbytes > max_bytes and batch.num_rows:
        batch, truncated_by = batch.slice(0, batch.num_rows // 2), "sql_max_bytes"
    return batch, truncated_by


def _check_calendar(batch: pa.RecordBatch) -> None:
    """Refuse dates and times of DuckDB's that are outside the calendar, such as infinity."""
    for column in batch.columns:
        for leaf in _leaves(column):
            if pa.types.is_date32(leaf.type) or pa.types.is_timestamp(leaf.type):
                _check_days(leaf)


def _leaves(column: pa.Array) -> Iterator[pa.Array]:
    if pa.types.is_map(column.type):
        yield from _leaves(column.items)
    elif pa.types.is_nested(column.type):
        for part in column.flatten() if pa.types.is_struct(column.type) else [column.flatten()]:
            yield from _leaves(part)
    else:
        yield column


def _check_days(column: pa.Array) -> None:
    is_date = pa.types.is_date32(column.type)
    unit = 1 if is_date else _MICROSECONDS_A_DAY
    bounds = pc.min_max(column.view(pa.int32() if is_date else pa.int64())).as_py()
    first, last = _CALENDAR_DAYS
    if bounds["min"] is not None and not (
        first * unit <= bounds["min"] and bounds["max"] < (last + 1) * unit
    ):
        raise Refused(
            f"a date or time lies outside {_FIRST_DAY} to {_LAST_DAY}; cast it to VARCHAR to see it"
        )
