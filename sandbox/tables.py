"""The tables that a query reads, as views in DuckDB of a snapshot's files.

Through the views, DuckDB tells which columns it needs and which rows it can skip. It reads files of
this machine itself, except for turns: of a list of turns DuckDB reads all fields, and the reader in
`sandbox.scan` those that are needed.
"""

from typing import Final

import duckdb
import pyarrow as pa

from sandbox import local
from sandbox.protocol import Task
from sandbox.scan import TURN_NUMBER, ContributionFiles, TurnFiles, turn_column

_NUMBER: Final = "coalesce(sequence_number, file_sequence_number)"
_ALL_COLUMNS: Final = f"* EXCLUDE (file_sequence_number) REPLACE ({_NUMBER} AS sequence_number)"
_COLUMNS_BESIDE_TURNS: Final = f"""
    contribution_id, conversation_id, received_at, source, contributor_id, attribution, agent_id,
    {_NUMBER} AS sequence_number, {TURN_NUMBER}
"""
_LOCAL_FILES: Final = "files"
"""The name of the view of the files that DuckDB reads itself."""


class Tables:
    """The tables of a task, in DuckDB."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, task: Task) -> None:
        """Prepare the tables of a task in a database."""
        self._connection = connection
        self._task = task
        self._scanned: list[ContributionFiles] = []

    def create(self) -> None:
        """Create the tables, as views.

        Raises:
            duckdb.Error: A file is missing, or can't be read.
        """
        of_latest = _merged(self._task.superseded, self._task.hidden)
        if self._task.local is not None:
            local.create_view(self._connection, _LOCAL_FILES, self._task.local)
        self._create_contributions("all_versions", self._task.hidden)
        self._create_contributions("contributions", of_latest)
        self._create_turns(of_latest)

    def failure(self, error: Exception) -> BaseException | None:
        """Return what kept a file from being read; None if nothing did.

        Args:
            error: The error of the query.
        """
        scans = (files.failure for files in self._scanned if files.failure)
        files = self._task.local
        if files and local.is_of_reading(error, files):
            return error
        return next(scans, None)

    def _create_contributions(self, name: str, left_out: pa.Array) -> None:
        conditions = self._conditions()
        if self._task.local is None:
            source = f"files_of_{name}"
            self._scan(source, ContributionFiles(self._task.dataset, left_out))
        else:
            source = _LOCAL_FILES
            if len(left_out):
                ids = f"left_out_of_{name}"
                self._fill(ids, left_out)
                conditions.append(f"contribution_id NOT IN (FROM {ids})")
        self._create_view(name, _ALL_COLUMNS, source, conditions)

    def _create_turns(self, left_out: pa.Array) -> None:
        source = "files_of_turns"
        turns = TurnFiles(self._task.dataset, left_out)
        self._scan(source, turns)
        of_turns = [f'"{turn_column(field)}" AS "{field}"' for field in turns.fields]
        columns = ", ".join([_COLUMNS_BESIDE_TURNS, *of_turns])
        self._create_view("turns", columns, source, self._conditions())

    def _conditions(self) -> list[str]:
        """Return the condition on sequence numbers, if any file has rows newer than the snapshot.

        It costs time, so it is left out otherwise.
        """
        last = self._task.last_sequence_number
        return [] if last is None else [f"{_NUMBER} <= {last}"]

    def _scan(self, name: str, files: ContributionFiles) -> None:
        self._scanned.append(files)
        self._connection.register(name, files)

    def _fill(self, name: str, ids: pa.Array) -> None:
        """Create a table of ids, whose size DuckDB knows when it plans a join."""
        self._connection.register("ids", pa.table({"contribution_id": ids}))
        self._connection.execute(f"CREATE TABLE {name} AS FROM ids")
        self._connection.unregister("ids")

    def _create_view(self, name: str, columns: str, source: str, conditions: list[str]) -> None:
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        self._connection.execute(
            f"CREATE VIEW {name} AS SELECT {columns} FROM {source} {where}"  # noqa: S608  # ours
        )


def _merged(superseded: pa.Array, hidden: pa.Array) -> pa.Array:
    """Return the ids of two ascending lists as one."""
    if not len(hidden):
        return superseded
    return pa.concat_arrays([superseded.cast(hidden.type), hidden]).sort()
