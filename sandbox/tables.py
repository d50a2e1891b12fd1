"""The tables that a query reads, as views in DuckDB of a snapshot's files.

Through the views, DuckDB tells which columns it needs and which rows it can skip, so that files of
other days aren't opened and other columns aren't read.
"""

from typing import Final

import duckdb
import pyarrow as pa

from sandbox.protocol import Task
from sandbox.scan import TURN_NUMBER, ContributionFiles, TurnFiles, turn_column

_NUMBER: Final = "coalesce(sequence_number, file_sequence_number)"
_ALL_COLUMNS: Final = f"* EXCLUDE (file_sequence_number) REPLACE ({_NUMBER} AS sequence_number)"
_COLUMNS_BESIDE_TURNS: Final = f"""
    contribution_id, conversation_id, received_at, source, contributor_id, attribution, agent_id,
    {_NUMBER} AS sequence_number, {TURN_NUMBER}
"""


class Tables:
    """The tables of a task, in DuckDB."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, task: Task) -> None:
        """Create the views of a task's tables in a database."""
        of_latest = _merged(task.superseded, task.hidden)
        turns = TurnFiles(task.dataset, of_latest)
        self._files = {
            "all_versions": ContributionFiles(task.dataset, task.hidden),
            "contributions": ContributionFiles(task.dataset, of_latest),
            "turns": turns,
        }
        columns = dict.fromkeys(self._files, _ALL_COLUMNS)
        of_turns = [f'"{turn_column(field)}" AS "{field}"' for field in turns.fields]
        columns["turns"] = ", ".join([_COLUMNS_BESIDE_TURNS, *of_turns])
        # The condition costs time, so it is left out if no file has rows newer than the snapshot.
        last = task.last_sequence_number
        condition = "" if last is None else f"WHERE {_NUMBER} <= {last}"
        for table, files in self._files.items():
            connection.register(f"files_of_{table}", files)
            connection.execute(
                f"CREATE VIEW {table} AS "  # noqa: S608  # all of it is ours
                f"SELECT {columns[table]} FROM files_of_{table} {condition}"
            )

    @property
    def failure(self) -> BaseException | None:
        """The error that kept a file from being read; None if none did."""
        return next((files.failure for files in self._files.values() if files.failure), None)


def _merged(superseded: pa.Array, hidden: pa.Array) -> pa.Array:
    """Return the ids of two ascending lists as one."""
    if not len(hidden):
        return superseded
    return pa.concat_arrays([superseded.cast(hidden.type), hidden]).sort()
