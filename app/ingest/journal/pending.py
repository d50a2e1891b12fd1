"""Pending contributions: those that the journal holds, and the lake may not have yet."""

from collections.abc import Callable, Collection, Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.io import FileIO
from sqlalchemy import Connection, select, update

from app.ingest.journal.entries import IS_PENDING, decode_contributions, decode_files
from app.state.db import Database
from app.state.models import JournalEntry
from catalog.reading.scan import schema_of
from catalog.records import Contribution
from catalog.schema import ID
from catalog.writing.staging import StagedFile

PENDING_COLUMNS: Final = (ID, "conversation_id", "contributor_id", "content_hash")
"""The columns by which pending contributions are found."""
_SCHEMA: Final = schema_of(PENDING_COLUMNS)
ENTRY_ID: Final = "entry_id"
"""Name of the column that tells the entry of the journal."""
_SCHEMA_WITH_ENTRY: Final = _SCHEMA.append(pa.field(ENTRY_ID, pa.int64()))


class Pending:
    """Looks into the journal."""

    def __init__(self, database: Database, io: Callable[[], FileIO]) -> None:
        """Look into the journal.

        Args:
            database: The database that holds it.
            io: Returns what reads the data files of uploads.
        """
        self._database = database
        self._io = io

    def matching(self, column: str, values: Collection[str]) -> pa.Table:
        """Return the pending contributions with one of some values in a column.

        Args:
            column: One of `PENDING_COLUMNS`.
            values: The values to look for.

        Returns:
            A table of `PENDING_COLUMNS` and `entry_id`, in the order of the journal. Contributions
            of a batch that is being committed are among them; those of an upload under way aren't.
        """
        wanted = pa.array(values, _SCHEMA.field(column).type)
        found = [_SCHEMA_WITH_ENTRY.empty_table()]
        for entry_id, rows in self._entries():
            matching = rows.filter(pc.is_in(rows[column], wanted))
            if matching.num_rows:
                entry_ids = pa.array([entry_id] * matching.num_rows, pa.int64())
                found.append(matching.append_column(ENTRY_ID, entry_ids))
        return pa.concat_tables(found)

    def hurry(self, entry_ids: Collection[int]) -> set[int]:
        """Have entries committed soon, and return those that still hold their contributions.

        Args:
            entry_ids: Ids of entries.
        """
        left = set()
        for entry_id in sorted(entry_ids):
            of_entry = JournalEntry.entry_id == entry_id
            with self._database.write() as connection:
                connection.execute(
                    update(JournalEntry).where(of_entry, IS_PENDING).values(is_awaited=True)
                )
                if _holds_contributions(connection, entry_id):
                    left.add(entry_id)
        return left

    def _entries(self) -> Iterator[tuple[int, pa.Table]]:
        query = (
            select(JournalEntry.entry_id, JournalEntry.payload, JournalEntry.in_files)
            .where(JournalEntry.payload.is_not(None))
            .order_by(JournalEntry.entry_id)
        )
        with self._database.read() as connection:
            # One payload in memory at a time: each may be as large as a submission.
            for entry in connection.execution_options(yield_per=1).execute(query):
                if not entry.in_files:
                    yield entry.entry_id, _rows(decode_contributions(entry.payload))
                    continue
                for file in decode_files(entry.payload):
                    try:
                        rows = self._read(file)
                    except FileNotFoundError:
                        if self._is_held(entry.entry_id):
                            raise
                        # It was committed meanwhile, without rows that are taken down: those who
                        # left them out have removed the file that had them.
                        break
                    yield entry.entry_id, rows

    def _read(self, file: StagedFile) -> pa.Table:
        with self._io().new_input(file.path).open() as source:
            return pq.ParquetFile(source).read(list(PENDING_COLUMNS)).cast(_SCHEMA)

    def _is_held(self, entry_id: int) -> bool:
        # On a connection of its own, which sees what is committed by now.
        with self._database.read() as connection:
            return _holds_contributions(connection, entry_id)


def _holds_contributions(connection: Connection, entry_id: int) -> bool:
    holds = select(JournalEntry.entry_id).where(
        JournalEntry.entry_id == entry_id, JournalEntry.payload.is_not(None)
    )
    return connection.scalar(holds) is not None


def _rows(contributions: list[Contribution]) -> pa.Table:
    columns = [[getattr(each, name) for each in contributions] for name in PENDING_COLUMNS]
    return pa.table(columns, schema=_SCHEMA)
