"""The tables that a query reads, as views in DuckDB of a snapshot's files.

Through the views, DuckDB tells which columns it needs and which rows it can skip. It reads files of
this machine itself, except for turns: of a list of turns DuckDB reads all fields, and the reader in
`sandbox.scan` those that are needed.
"""

from collections.abc import Sequence
from typing import Final

import duckdb
import pyarrow as pa

from sandbox.left_out import LeftOut, Replaced
from sandbox.local import create_view, create_view_of_replaced, is_of_reading
from sandbox.planning import PlannedFiles
from sandbox.protocol import Task
from sandbox.scan import TURN_NUMBER, ContributionFiles, TurnFiles, turn_column

_NUMBER: Final = "coalesce(sequence_number, file_sequence_number)"
_ALL_COLUMNS: Final = f"* EXCLUDE (file_sequence_number) REPLACE ({_NUMBER} AS sequence_number)"
_COLUMNS_BESIDE_TURNS: Final = f"""
    contribution_id, conversation_id, received_at, source, contributor_id, attribution, agent_id,
    {_NUMBER} AS sequence_number, {TURN_NUMBER}
"""
_LOCAL_FILES: Final = "files"
"""The view of the files that DuckDB reads itself."""
_REPLACED: Final = "replaced_ids"
"""The view of the ids of what was replaced."""
_HIDDEN: Final = "hidden_ids"
"""The table of the ids of what is hidden."""


class Tables:
    """The tables of a task, in DuckDB."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, task: Task, files: PlannedFiles
    ) -> None:
        """Prepare the tables of a task in a database.

        Args:
            connection: The database.
            task: The task.
            files: Those of its files that are read.
        """
        self._connection = connection
        self._task = task
        self._files = files
        self._scanned: list[ContributionFiles] = []

    def create(self) -> None:
        """Create the tables, as views.

        Raises:
            duckdb.Error: A file is missing, or can't be read.
        """
        if self._files.counted is not None:
            self._create_view("contributions", "*", f"range({self._files.counted})", [])
            return
        local, replaced = self._files.local, self._files.replaced
        if local is None:
            self._scan_contributions("all_versions", self._hidden_of)
            self._scan_contributions("contributions", self._replaced_of())
        else:
            create_view(self._connection, _LOCAL_FILES, local)
            if replaced.paths:
                create_view_of_replaced(self._connection, _REPLACED, replaced)
            if len(self._task.hidden):
                self._fill(_HIDDEN, self._task.hidden)
            hidden = [_HIDDEN] if len(self._task.hidden) else []
            self._create_contributions("all_versions", hidden)
            self._create_contributions(
                "contributions", [*hidden, *([_REPLACED] if replaced.paths else [])]
            )
        self._create_turns()

    def failure(self, error: Exception) -> BaseException | None:
        """Return what kept a file from being read; None if nothing did.

        Args:
            error: The error of the query.
        """
        local = self._files.local
        if local and is_of_reading(error, [*local.paths, *self._files.replaced.paths]):
            return error
        return next((files.failure for files in self._scanned if files.failure), None)

    def _scan_contributions(self, name: str, left_out: LeftOut) -> None:
        source = f"files_of_{name}"
        self._scan(source, ContributionFiles(self._files.dataset, left_out))
        self._create_view(name, _ALL_COLUMNS, source, self._conditions())

    def _create_contributions(self, name: str, left_out: Sequence[str]) -> None:
        # NOT IN always builds its hash table of the ids, whatever DuckDB expects of their number.
        conditions = [f"contribution_id NOT IN (FROM {ids})" for ids in left_out]
        conditions += self._conditions()
        self._create_view(name, _ALL_COLUMNS, _LOCAL_FILES, conditions)

    def _create_turns(self) -> None:
        source = "files_of_turns"
        turns = TurnFiles(self._files.dataset, self._replaced_of())
        self._scan(source, turns)
        of_turns = [f'"{turn_column(field)}" AS "{field}"' for field in turns.fields]
        columns = ", ".join([_COLUMNS_BESIDE_TURNS, *of_turns])
        self._create_view("turns", columns, source, self._conditions())

    def _hidden_of(self, _path: str) -> pa.Array:
        return self._task.hidden

    def _replaced_of(self) -> LeftOut:
        dataset = self._task.dataset
        days = dict(zip(dataset.files, self._task.days, strict=True))
        return Replaced(self._files.replaced, dataset.filesystem, days, self._task.hidden)

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
