"""The index of versions: for each conversation its versions, in the relational state.

It answers who replaced whom when a batch is committed, and whether a submission repeats one that
the lake has. It is derived from the raw table and from what was taken down, and can be filled anew.
A watermark says up to which commit of the raw table it is complete. It may have some versions of
the commits after that, so adding is idempotent. Beside it stands how often the index was filled:
who adds versions while another process fills it anew can't tell which of them are left.

On SQLite it is a file of its own, see `Database.derived`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache, partial
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select, text

from app.state.db import Database, insert_missing
from app.state.derived import DerivedLost
from app.state.driver import MARKS, Rows
from app.state.parts import in_parts
from app.state.persistent import PersistentReader
from app.versions.keys import (
    VersionKey,
    contribution_id_of,
    contribution_key,
    conversation_key,
)
from app.versions.models import (
    IndexedVersion,
    PreparedUpload,
    PreparedVersion,
    VersionsBase,
    Watermark,
)
from catalog.errors import CommitConflict

KEYS_PER_QUERY: Final = 512
"""Databases bound the number of parameters of a statement, and a key has two."""
_ROWS_AT_ONCE: Final = 512
"""Versions that one transaction adds."""
_SQLITE_ROWS_AT_ONCE: Final = 100
"""The same on SQLite. In a large index each has two pages of its own, and what is done with them
later is cheap while they are in SQLite's memory and in the processor's caches."""
_WATERMARK: Final = "raw"
_FILLINGS: Final = "fillings"
_NUMBER_OF: Final = select(Watermark.sequence_number).where(Watermark.name == bindparam("name"))


class StoredVersion(NamedTuple):
    """A version that the index has; of two, the greater is the later one.

    Attributes:
        sequence_number: The sequence number of the commit that added it.
        contribution_id: The id of the contribution.
    """

    sequence_number: int
    contribution_id: str


IndexRow = tuple[bytes, bytes, bytes, int]
"""The columns of `IndexedVersion`, in their order."""


class VersionIndex:
    """The index of a lake's versions."""

    def __init__(self, database: Database) -> None:
        """Prepare to connect.

        Args:
            database: The database of the state, which on SQLite the index lies beside.
        """
        self.database = database.derived("versions")
        self._is_own = self.database is not database

    def create(self) -> None:
        """Create the index, empty, unless it is there."""
        self.database.create_derived(VersionsBase.metadata)
        with self.database.write() as connection:
            # There before it is counted up, so that `advance` has a row to lock.
            connection.execute(
                insert_missing(connection, Watermark), {"name": _FILLINGS, "sequence_number": 0}
            )

    def is_lost(self) -> bool:
        """Tell whether the index's own file is missing, empty, or too damaged to be opened."""
        if self._is_own:
            try:
                self.watermark()
            except DerivedLost:
                return True
        return False

    def fillings(self) -> int:
        """Return how often the index was emptied and filled anew."""
        with self.database.read() as connection:
            return connection.scalar(_NUMBER_OF, {"name": _FILLINGS}) or 0

    def watermark(self) -> int:
        """Return the sequence number of the raw table up to which all versions are there."""
        with self.database.read() as connection:
            return connection.scalar(_NUMBER_OF, {"name": _WATERMARK}) or 0

    def find(self, keys: Collection[VersionKey]) -> dict[VersionKey, StoredVersion]:
        """Return the latest version with each of some keys; keys without one are left out."""
        with closing(VersionFinder(self)) as finder:
            return finder.find(keys)

    def of(self, conversation_id: str, until: int) -> list[StoredVersion]:
        """Return the versions of a conversation that commits up to a number added, oldest first."""
        with self.database.read() as connection:
            key = conversation_key(conversation_id)
            versions = _of_conversations(connection, [key]).get(key, [])
        return [version for version in versions if version.sequence_number <= until]

    def shared(self, conversations: Sequence[bytes]) -> dict[bytes, list[StoredVersion]]:
        """Return all versions of those of some conversations that have several, in order."""
        found: dict[bytes, list[StoredVersion]] = {}
        with self.database.read() as connection:
            for some in in_parts(conversations, KEYS_PER_QUERY):
                several = _with_several(connection, some)
                if several:
                    found |= _of_conversations(connection, several)
        return found

    def add(self, rows: Sequence[IndexRow]) -> set[bytes]:
        """Add versions, some in each transaction; those that are there already stay as they are.

        Returns:
            The ids of those of their conversations that have several versions now.
        """
        shared: set[bytes] = set()
        rows_at_once = _SQLITE_ROWS_AT_ONCE if self.database.is_sqlite else _ROWS_AT_ONCE
        for some in in_parts(sorted(rows), rows_at_once):
            with self.writing() as connection:
                add_rows(connection, some)
                shared.update(_with_several(connection, [row[0] for row in some]))
        return shared

    def advance(self, until: int, fillings: int) -> None:
        """Move the watermark forward to a sequence number; a higher one stays.

        Args:
            until: The sequence number.
            fillings: What `fillings` returned before the versions up to it were added.

        Raises:
            CommitConflict: The index was filled anew since, maybe without some of these versions.
        """
        with self.writing() as connection:
            now = connection.scalar(_NUMBER_OF.with_for_update(), {"name": _FILLINGS}) or 0
            if now != fillings:
                raise CommitConflict(1)
            set_watermark(connection, until)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection in a transaction of which a power cut may take the commit."""
        with self.database.write() as connection:
            if not self.database.is_sqlite:
                connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            yield connection

    def dispose(self) -> None:
        """Close the connections, if they are the index's own."""
        if self._is_own:
            self.database.dispose()


class VersionFinder:
    """Asks the index again and again, in one thread at a time, on a connection that stays open."""

    def __init__(self, index: VersionIndex) -> None:
        self._reader = PersistentReader(index.database)

    def find(self, keys: Collection[VersionKey]) -> dict[VersionKey, StoredVersion]:
        """Return the latest version with each of some keys; keys without one are left out."""
        found: dict[VersionKey, StoredVersion] = {}
        for some in in_parts(sorted(keys), KEYS_PER_QUERY):
            for conversation, content, contribution, number in self._rows_of(some):
                key = VersionKey(bytes(conversation), bytes(content))
                version = StoredVersion(number, contribution_id_of(bytes(contribution)))
                found[key] = max(version, found.get(key, version))
        return found

    def close(self) -> None:
        """Give the connection back."""
        self._reader.close()

    def _rows_of(self, keys: Sequence[VersionKey]) -> Rows:
        # A statement for each power of two, so that few are made; the last key fills what is left.
        places = 1 << (len(keys) - 1).bit_length()
        values = [part for key in keys for part in key]
        values += keys[-1] * (places - len(keys))
        return self._reader.fetch(partial(_selection, places), values)


def to_row(key: VersionKey, contribution_id: str, sequence_number: int) -> IndexRow:
    """Return the row of a version."""
    return (*key, contribution_key(contribution_id), sequence_number)


def add_rows(connection: Connection, rows: Sequence[IndexRow]) -> None:
    """Add versions, at least one; those that are there already stay as they are."""
    # In one order everywhere: neighbours are on one page, and PostgreSQL's writers don't deadlock.
    connection.exec_driver_sql(_insertion(connection.dialect.name), sorted(rows))


def set_watermark(connection: Connection, until: int) -> None:
    """Move the watermark forward to a sequence number; a higher one stays."""
    connection.execute(
        text(
            "INSERT INTO versions_watermark (name, sequence_number) VALUES (:name, :until)"
            " ON CONFLICT (name) DO UPDATE SET sequence_number = excluded.sequence_number"
            " WHERE excluded.sequence_number > versions_watermark.sequence_number"
        ),
        {"name": _WATERMARK, "until": until},
    )


def clear(connection: Connection) -> None:
    """Remove everything, create what is missing, and count one more filling."""
    VersionsBase.metadata.create_all(connection)
    # First, since whoever advances the watermark waits for it.
    connection.execute(
        text(
            "INSERT INTO versions_watermark (name, sequence_number) VALUES (:name, 1)"
            " ON CONFLICT (name) DO UPDATE"
            " SET sequence_number = versions_watermark.sequence_number + 1"
        ),
        {"name": _FILLINGS},
    )
    connection.execute(delete(Watermark).where(Watermark.name == _WATERMARK))
    # Uploads first, since whoever prepares versions of one holds its row.
    for model in (PreparedUpload, PreparedVersion, IndexedVersion):
        connection.execute(delete(model))


def _with_several(connection: Connection, conversations: Sequence[bytes]) -> list[bytes]:
    """Return those of some conversations that have more than one version."""
    statement = (
        f"SELECT conversation_id FROM versions {_among(connection, conversations)}"  # noqa: S608  # ours
        " GROUP BY conversation_id HAVING count(*) > 1"
    )
    found = connection.exec_driver_sql(statement, tuple(conversations))
    return [bytes(row.conversation_id) for row in found]


def _of_conversations(
    connection: Connection, conversations: Sequence[bytes]
) -> dict[bytes, list[StoredVersion]]:
    """Return the versions of some conversations, each once, in order."""
    statement = (
        # An engine may have stored one again, with another content: it has its first place.
        "SELECT conversation_id, contribution_id, min(sequence_number)"  # noqa: S608  # ours
        f" FROM versions {_among(connection, conversations)}"
        " GROUP BY conversation_id, contribution_id"
    )
    found: defaultdict[bytes, list[StoredVersion]] = defaultdict(list)
    for conversation, contribution, number in connection.exec_driver_sql(
        statement, tuple(conversations)
    ):
        version = StoredVersion(number, contribution_id_of(bytes(contribution)))
        found[bytes(conversation)].append(version)
    return {conversation: sorted(versions) for conversation, versions in found.items()}


def _among(connection: Connection, conversations: Sequence[bytes]) -> str:
    marks = ", ".join([MARKS[connection.dialect.name]] * len(conversations))
    return f"WHERE conversation_id IN ({marks})"


@cache
def _selection(places: int, dialect: str) -> str:
    """Return the query for the rows of as many keys as there are places."""
    mark = MARKS[dialect]
    values = ", ".join([f"({mark}, {mark})"] * places)
    return (
        # A join, since SQLite doesn't look pairs up in an index for IN.
        f"WITH wanted (conversation_id, content_hash) AS (VALUES {values})"  # noqa: S608  # ours
        " SELECT versions.* FROM wanted JOIN versions"
        " ON versions.conversation_id = wanted.conversation_id"
        " AND versions.content_hash = wanted.content_hash"
    )


@cache
def _insertion(dialect: str) -> str:
    marks = ", ".join([MARKS[dialect]] * 4)
    return (
        "INSERT INTO versions (conversation_id, content_hash, contribution_id, sequence_number)"  # noqa: S608  # ours
        f" VALUES ({marks}) ON CONFLICT DO NOTHING"
    )
