"""The tables that a query reads, as views in DuckDB of a snapshot's files.

Through the views, DuckDB tells which columns it needs and which rows it can skip, so that files of
other days aren't opened and other columns aren't read.
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
    """The tables of a task, in DuckDB."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, task: Task) -> None:
        """Create the views of a task's tables in a database."""
        self._files = {
            "all_versions": ContributionFiles(task.dataset, superseded=task.superseded[:0]),
            "contributions": ContributionFiles(task.dataset, task.superseded),
            "turns": TurnFiles(task.dataset, task.superseded),
        }
        # The condition costs time, so it is left out if no file has rows newer than the snapshot.
        last = task.last_sequence_number
        condition = "" if last is None else f"WHERE {_NUMBER} <= {last}"
        for table, files in self._files.items():
            connection.register(f"files_of_{table}", files)
            connection.execute(
                f"CREATE VIEW {table} AS "  # noqa: S608  # all of it is ours
                f"SELECT {_COLUMNS[table]} FROM files_of_{table} {condition}"
            )

    @property
    def failure(self) -> BaseException | None:
        """The error that kept a file from being read; None if none did."""
        return next((files.failure for files in self._files.values() if files.failure), None)
