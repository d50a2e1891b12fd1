"""Which of a snapshot's files a query reads, and in which order, as its text tells."""

from dataclasses import dataclass, replace
from typing import Any, Final

import duckdb
import pyarrow.dataset as ds

from sandbox.day_conditions import days_read
from sandbox.guard import Select
from sandbox.protocol import LocalFiles, ReplacedFiles, Task

_IN_ORDER_OF_DAYS: Final = frozenset({"received_at", "contribution_id"})
"""The columns by whose order files come one after the other."""
_PARTS_OF_A_COUNT: Final = frozenset({"SELECT_NODE", "FUNCTION", "BASE_TABLE", "ORDER_MODIFIER"})
"""The types of the parts of `SELECT count(*) FROM contributions`. No other one is needed to count
rows, and none of these names a column. The parser gives each function an order of its arguments."""


@dataclass(frozen=True, slots=True)
class PlannedFiles:
    """The files that a query reads.

    Attributes:
        dataset: The files of the snapshot, for Arrow, oldest day first.
        local: The files of `dataset` as DuckDB reads them, in the order in which they are read
            best; None where it can't read them.
        replaced: What tells which contributions of these days were replaced.
        counted: Number of rows of `contributions`, if it is known and the query asks for nothing
            else; else None.
    """

    dataset: ds.FileSystemDataset
    local: LocalFiles | None
    replaced: ReplacedFiles
    counted: int | None


def planned_files(
    connection: duckdb.DuckDBPyConnection, select: Select, task: Task
) -> PlannedFiles:
    """Return the files of a task that a query reads.

    Args:
        connection: A database whose time zone is UTC.
        select: The query.
        task: The task.
    """
    days = days_read(connection, select, task.days)
    places = [place for place, day in enumerate(task.days) if day in days]
    # DuckDB's reader needs a file to begin with.
    places = places or list(range(min(len(task.days), 1)))
    local = task.local
    if local is not None:
        in_order = places[::-1] if _begins_with_newest(select) else places
        local = replace(
            local,
            paths=tuple(local.paths[place] for place in in_order),
            sequence_numbers=tuple(local.sequence_numbers[place] for place in in_order),
        )
    counted = task.rows if _only_counts(select) else None
    return PlannedFiles(_part_of(task.dataset, places), local, task.replaced.of(days), counted)


def _part_of(dataset: ds.FileSystemDataset, places: list[int]) -> ds.FileSystemDataset:
    fragments = list(dataset.get_fragments())
    chosen = [fragments[place] for place in places]
    return ds.FileSystemDataset(chosen, dataset.schema, dataset.format, dataset.filesystem)


def _begins_with_newest(select: Select) -> bool:
    """Tell whether a query sorts the newest rows to the front.

    With a LIMIT, DuckDB then passes over row groups that are older than those that it has.
    """
    return any(_is_newest_first(part) for part in select.parts)


def _only_counts(select: Select) -> bool:
    """Tell whether a query asks for the number of rows of `contributions`, and nothing else."""
    if any(str(part["type"]) not in _PARTS_OF_A_COUNT for part in select.parts if "type" in part):
        return False
    tables = [part for part in select.parts if part.get("type") == "BASE_TABLE"]
    if len(tables) != 1:
        return False
    (table,) = tables
    return table["table_name"].lower() == "contributions" and not table["column_name_alias"]


def _is_newest_first(part: dict[str, Any]) -> bool:
    if part.get("type") != "ORDER_MODIFIER" or not part["orders"]:
        return False
    first = part["orders"][0]
    *_, column = first["expression"].get("column_names", [""])
    return first["type"] == "DESCENDING" and column.lower() in _IN_ORDER_OF_DAYS
