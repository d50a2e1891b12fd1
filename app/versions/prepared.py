"""Versions of uploads, prepared for the index of versions before they are committed.

The committer takes entries of the journal one after the other, so all that come after a large
upload wait for what the committer does with its rows. So the upload itself puts its versions beside
the index, in the index's order, before it is acknowledged. What is left to the committer are
statements of SQL, which cost a tenth for each row.

It is derived as the index is. An upload whose versions aren't all there is recorded from its data
files. Uploads are named by their entries in the journal, whose ids are never used again.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Final

from sqlalchemy import Connection, delete, insert, select, true, update

from app.state.db import Database
from app.state.derived import DerivedLost
from app.state.driver import MARKS
from app.versions.index import VersionIndex
from app.versions.models import PreparedUpload

PreparedRow = tuple[bytes, bytes, bytes]
"""The conversation_id, content_hash and contribution_id of a version: see `app.versions.keys`."""

_SLICES: Final = 16
"""Transactions in which an upload's versions are moved or removed, so that none is long."""
_BOUNDS: Final = tuple(
    pairwise([*(bytes([256 // _SLICES * number]) for number in range(_SLICES)), b"\xff" * 17])
)
"""The conversation_ids at which slices begin and end."""


class PreparedVersions:
    """The versions of uploads that the committer hasn't moved to the index yet."""

    def __init__(self, index: VersionIndex) -> None:
        """Use the database of an index.

        Args:
            index: The index of versions.
        """
        self._index = index

    @property
    def _database(self) -> Database:
        return self._index.database

    def prepare(self, entry_id: int, pieces: Iterable[Sequence[PreparedRow]]) -> bool:
        """Write all versions of an upload, each piece of them in a transaction.

        Args:
            entry_id: The upload's open entry in the journal.
            pieces: The versions, in order.

        Returns:
            Whether they are prepared; False if the index was lost or filled anew meanwhile.
        """
        with suppress(DerivedLost):
            with self._index.writing() as connection:
                connection.execute(insert(PreparedUpload), {"entry_id": entry_id})
            is_there = all(self._add(entry_id, piece) for piece in pieces)
            return is_there and self._complete(entry_id)
        return False

    def complete(self, entry_ids: Collection[int]) -> set[int]:
        """Return those of some entries all of whose versions are prepared."""
        if not entry_ids:
            return set()
        among = PreparedUpload.entry_id.in_(entry_ids)
        whole = select(PreparedUpload.entry_id).where(among, PreparedUpload.is_complete)
        with self._database.read() as connection:
            return set(connection.scalars(whole))

    def move(self, entry_id: int, number: int) -> None:
        """Add an upload's versions to the index; those that are there already stay as they are.

        Args:
            entry_id: The upload's entry, whose versions are prepared.
            number: The sequence number of the commit that added the upload.
        """
        for bounds in _BOUNDS:
            with self._index.writing() as connection:
                mark = MARKS[connection.dialect.name]
                connection.exec_driver_sql(
                    "INSERT INTO versions"  # noqa: S608  # ours
                    " (conversation_id, content_hash, contribution_id, sequence_number)"
                    f" SELECT conversation_id, content_hash, contribution_id, {number}"
                    f" FROM versions_prepared WHERE {_slice(mark)}"
                    " ORDER BY conversation_id, content_hash, contribution_id"
                    " ON CONFLICT DO NOTHING",
                    (entry_id, *bounds),
                )

    def shared(self, entry_id: int) -> Iterator[list[tuple[bytes, bytes]]]:
        """Yield those versions of an upload of whose conversations the index has others, in parts.

        Args:
            entry_id: The upload's entry, whose versions were moved.

        Yields:
            The conversation_ids and contribution_ids of versions, in the order of the former.
        """
        for bounds in _BOUNDS:
            with self._database.read() as connection:
                mark = MARKS[connection.dialect.name]
                found = connection.exec_driver_sql(
                    "SELECT conversation_id, contribution_id FROM versions_prepared"  # noqa: S608  # ours
                    f" WHERE {_slice(mark)} AND EXISTS (SELECT 1 FROM versions"
                    " WHERE versions.conversation_id = versions_prepared.conversation_id"
                    " AND versions.contribution_id <> versions_prepared.contribution_id)"
                    " ORDER BY conversation_id",
                    (entry_id, *bounds),
                )
                versions = [(bytes(conversation), bytes(each)) for conversation, each in found]
            yield versions

    def remove_unneeded(self, needed: Callable[[Collection[int]], Collection[int]]) -> None:
        """Remove the versions of uploads that were committed or given up.

        Args:
            needed: Returns those of some entries that are open or wait for their commit.
        """
        with suppress(DerivedLost):
            with self._database.read() as connection:
                entry_ids = connection.scalars(select(PreparedUpload.entry_id)).all()
            for entry_id in set(entry_ids) - {*needed(entry_ids)} if entry_ids else ():
                self._remove(entry_id)

    def _remove(self, entry_id: int) -> None:
        for bounds in _BOUNDS:
            with self._index.writing() as connection:
                mark = MARKS[connection.dialect.name]
                connection.exec_driver_sql(
                    f"DELETE FROM versions_prepared WHERE {_slice(mark)}",  # noqa: S608  # ours
                    (entry_id, *bounds),
                )
        # Last, so that what a killed process leaves is found again.
        with self._index.writing() as connection:
            connection.execute(delete(PreparedUpload).where(PreparedUpload.entry_id == entry_id))

    def _add(self, entry_id: int, rows: Sequence[PreparedRow]) -> bool:
        """Add versions; return whether the upload is still known."""
        with self._index.writing() as connection:
            is_known = _is_known(connection, entry_id)
            if is_known and rows:
                marks = ", ".join([MARKS[connection.dialect.name]] * 3)
                connection.exec_driver_sql(
                    "INSERT INTO versions_prepared"  # noqa: S608  # ours
                    " (entry_id, conversation_id, content_hash, contribution_id)"
                    f" VALUES ({entry_id}, {marks})",
                    list(rows),
                )
        return is_known

    def _complete(self, entry_id: int) -> bool:
        with self._index.writing() as connection:
            of_entry = update(PreparedUpload).where(PreparedUpload.entry_id == entry_id)
            return bool(connection.execute(of_entry.values(is_complete=true())).rowcount)


def _is_known(connection: Connection, entry_id: int) -> bool:
    """Tell whether an upload is still there, and keep it until the transaction ends."""
    of_entry = select(PreparedUpload.entry_id).where(PreparedUpload.entry_id == entry_id)
    return connection.scalar(of_entry.with_for_update()) is not None


def _slice(mark: str) -> str:
    """Return the condition on the versions of an upload in a slice."""
    return f"entry_id = {mark} AND conversation_id >= {mark} AND conversation_id < {mark}"
