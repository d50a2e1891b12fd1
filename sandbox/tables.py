"""The tables that a query reads, as DuckDB's views of a snapshot's files.

DuckDB tells the files which columns it needs and which rows it can do without, through the views,
so that files of other days are not opened, and other columns not read.
"""

from typing import Final

import duckdb

from sandbox.protocol import Task
from sandbox.scan import ContributionFiles, TurnFiles

_NUMBER: Final = "coalesce(sequence_number, file_sequence_number)"
_ALL_COLUMNS: Final = f"* EXCLUDE (file_sequence_number) REPLACE ({_NUMBER} AS sequence_number)"
_TURN_COLUMNS: Final = f"""
    contribution_id, ingest_id, received_at, source, submitter_id, attribution, agent_id,
    {_NUMBER} AS sequence_number, turn_number, content, role, rating, stopped, edited_content
"""
_COLUMNS: Final = {
    "all_versions": _ALL_COLUMNS,
    "contributions": _ALL_COLUMNS,
    "turns": _TURN_COLUMNS,
}


class Tables:
    """The tables of a task."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, task: Task) -> None:
        """Make them."""
        self._files = {
            "all_versions": ContributionFiles(task.dataset, replaced=task.replaced[:0]),
            "contributions": ContributionFiles(task.dataset, task.replaced),
            "turns": TurnFiles(task.dataset, task.replaced),
        }
        # Only files with newer rows than the snapshot's make the condition worth its time.
        last = task.last_sequence_number
        old_enough = "" if last is None else f"WHERE {_NUMBER} <= {last}"
        for table, files in self._files.items():
            connection.register(f"files_of_{table}", files)
            connection.execute(
                f"CREATE VIEW {table} AS "  # noqa: S608  # all of it is ours
                f"SELECT {_COLUMNS[table]} FROM files_of_{table} {old_enough}"
            )

    @property
    def failure(self) -> BaseException | None:
        """What kept a file from being read; None while nothing did."""
        return next((files.failure for files in self._files.values() if files.failure), None)
