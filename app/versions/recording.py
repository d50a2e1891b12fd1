"""Recording versions: what a commit of the raw table added and replaced becomes data.

The committer records a batch after it has appended it and before the ledger has it, so that nobody
reads the snapshot without what it replaced. The steps are

1. add the versions to the index, which tells whose conversations have several by then;
2. find, in the index, the version before each of those: that one was replaced;
3. append these to the table `replaced`, unless it has them already;
4. move the index's watermark forward.

What an upload has prepared (`app.versions.prepared`) is moved to the index by the first step, and
not read from its files again.

Each may be cut off and repeated with the same result, by any process. What another engine commits,
and what a killed committer left, is read from the raw table and recorded in the same way.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Final, Protocol

import pyarrow as pa
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation

from app.state import ledger
from app.state.db import Database
from app.state.parts import in_parts
from app.versions.index import IndexRow, StoredVersion, VersionIndex, to_row
from app.versions.keys import (
    CONTENT_HASH,
    CONVERSATION_ID,
    contribution_id_of,
    only_versions,
    version_keys,
)
from app.versions.prepared import PreparedVersions
from catalog.connection import LockingCatalog
from catalog.errors import CommitConflict
from catalog.reading.plans import plan
from catalog.reading.scan import read, schema_of
from catalog.records import time_of
from catalog.replaced import (
    REPLACED_ARROW_SCHEMA,
    REPLACED_BY,
    REPLACED_IDENTIFIER,
    ReplacedWriter,
    replaced_until,
)
from catalog.schema import ID, SEQUENCE_NUMBER
from catalog.snapshots import Snapshot, live_snapshots, to_snapshot
from catalog.table import load_table

VERSION_COLUMNS: Final = (ID, CONVERSATION_ID, CONTENT_HASH, SEQUENCE_NUMBER)
"""The columns of the raw table from which versions are recorded."""
VERSION_SCHEMA: Final = schema_of(VERSION_COLUMNS)

_ATTEMPTS: Final = 5

ReadVersions = Callable[[], Iterable[pa.RecordBatch]]
"""Returns record batches with `VERSION_SCHEMA`, the same each time."""
ReadBatch = Callable[[Collection[int]], Iterable[pa.RecordBatch]]
"""Returns record batches with `VERSION_SCHEMA`, but for the rows of some entries of uploads."""


class ErasedVersions(Protocol):
    """Knows the versions that were taken down, whether the table still has them or not."""

    def committed(self, after: int, until: int) -> pa.Table:
        """Return those that were added by the commits in a range of sequence numbers.

        Args:
            after: The sequence number before the first commit of the range.
            until: The sequence number of the last commit of the range.

        Returns:
            A table with `VERSION_SCHEMA`, in any order.
        """

    def among(self, contribution_ids: Collection[str]) -> set[str]:
        """Return those of some contributions that were taken down."""


class VersionRecorder:
    """Keeps the index of versions and the table `replaced` up to the raw table."""

    def __init__(
        self,
        index: VersionIndex,
        database: Database,
        catalog: Callable[[], LockingCatalog],
        erased: ErasedVersions,
    ) -> None:
        """Prepare to record.

        Args:
            index: The index of versions.
            database: The database of the ledger, which tells when commits were made.
            catalog: Returns the catalog of the tables.
            erased: Knows what was taken down.
        """
        self._index = index
        self._prepared = PreparedVersions(index)
        self._database = database
        self._catalog = catalog
        self._erased = erased

    def is_lost(self) -> bool:
        """Tell whether the index is lost, and has to be filled anew before anything else."""
        return self._index.is_lost()

    def catch_up(self, table: Table | None = None) -> None:
        """Record the versions of all commits up to a table's newest, where that isn't done.

        Args:
            table: The raw table as of the newest of the commits; None for the newest table.

        Raises:
            CommitConflict: Other processes kept recording at the same time.
        """
        table = table or load_table(self._catalog())
        newest = table.current_snapshot()
        if newest is None:
            return
        for _ in range(_ATTEMPTS):
            # Another process that records the same at the same time has done it by the next try.
            with suppress(CommitConflict):
                fillings = self._index.fillings()
                known = self._index.watermark()
                self._record_from_table(table, to_snapshot(newest), known, fillings)
                return
        raise CommitConflict(_ATTEMPTS)

    def record(
        self,
        table: Table,
        snapshot: Snapshot,
        read_batch: ReadBatch,
        uploads: Collection[int] = (),
    ) -> None:
        """Record the versions of a batch that this process has just appended.

        Args:
            table: The raw table with the batch.
            snapshot: The snapshot that added the batch.
            read_batch: Returns the batch's rows, without their sequence number.
            uploads: The entries of the batch's uploads, as far as these are whole.

        Raises:
            CommitConflict: Another process recorded versions at the same time; try again.
        """
        # In this order: a filling in between shows when the watermark is moved.
        fillings = self._index.fillings()
        known, number = self._index.watermark(), snapshot.sequence_number
        prepared = self._prepared.complete(uploads)
        if adds_nothing_between(table, known, number):
            times = {number: snapshot.committed_at}
            self._record(number, times, partial(read_batch, prepared), fillings, prepared)
        else:
            self._record_from_table(table, snapshot, known, fillings)

    def _record_from_table(
        self, table: Table, snapshot: Snapshot, known: int, fillings: int
    ) -> None:
        number = snapshot.sequence_number
        if adds_nothing_between(table, known, number + 1):
            return
        files = plan(table, snapshot, after=known)
        # After the table was loaded: whatever it lacks by then is in the list of those.
        erased = self._erased.committed(known, number)

        def read_all() -> Iterator[pa.RecordBatch]:
            yield from read(table, files, VERSION_COLUMNS)
            yield from erased.to_batches()

        times = {each.sequence_number: each.committed_at for each in live_snapshots(table)}
        self._record(number, times, read_all, fillings)

    def _record(
        self,
        until: int,
        times: Mapping[int, datetime],
        read_rows: ReadVersions,
        fillings: int,
        prepared: Collection[int] = (),
    ) -> None:
        """Record the versions that commits after the watermark added.

        Args:
            until: The sequence number of the last of the commits.
            times: When commits were made, by their sequence numbers.
            read_rows: Returns the versions.
            fillings: How often the index had been filled when its watermark was read.
            prepared: Entries of uploads of the last commit, whose versions are prepared.
        """
        for entry_id in prepared:
            self._prepared.move(entry_id, until)
        # After those that were prepared, so that whichever version of a conversation comes last
        # finds all others.
        shared: set[bytes] = set()
        for batch in read_rows():
            shared |= self._index.add(index_rows(batch, until))
        writer, recorded = None, 0
        for found in self._all_replaced_by(until, read_rows, shared, prepared):
            if found and writer is None:
                table = load_table(self._catalog(), REPLACED_IDENTIFIER)
                writer, recorded = ReplacedWriter(table), replaced_until(table)
            if writer is not None:
                writer.add(self._to_table(found, times, recorded))
        if writer is not None:
            writer.append(until)
        self._index.advance(until, fillings)

    def _all_replaced_by(
        self,
        until: int,
        read_rows: ReadVersions,
        shared: Collection[bytes],
        prepared: Collection[int],
    ) -> Iterator[dict[str, StoredVersion]]:
        """Yield what the versions of a commit replaced: the one before each, with its successor.

        Args:
            until: The sequence number of the commit.
            read_rows: Returns the versions that weren't prepared.
            shared: The conversations of these that have several versions.
            prepared: Entries of uploads whose versions are prepared.
        """
        for batch in read_rows() if shared else ():
            rows = index_rows(batch, until)
            yield self._replaced([(row[0], row[2]) for row in rows if row[0] in shared])
        for entry_id in prepared:
            yield from map(self._replaced, self._prepared.shared(entry_id))

    def _replaced(self, added: Sequence[tuple[bytes, bytes]]) -> dict[str, StoredVersion]:
        """Return what some versions replaced.

        Args:
            added: The conversation_ids and contribution_ids of the versions.
        """
        shared = self._index.shared(sorted({conversation for conversation, _ in added}))
        if not shared:
            return {}
        ids = {contribution_id_of(each) for conversation, each in added if conversation in shared}
        found = {
            before.contribution_id: version
            for versions in shared.values()
            for before, version in pairwise(versions)
            if version.contribution_id in ids
        }
        # What was taken down is in no file any more, and comes into none again.
        erased = self._erased.among(found)
        return {each: version for each, version in found.items() if each not in erased}

    def _to_table(
        self, found: Mapping[str, StoredVersion], times: Mapping[int, datetime], recorded: int
    ) -> pa.Table:
        """Return what was replaced by commits after `recorded`, with `REPLACED_ARROW_SCHEMA`."""
        fresh = {each: by for each, by in found.items() if by.sequence_number > recorded}
        unknown = {by.sequence_number for by in fresh.values()} - times.keys()
        known = {**times, **commit_times(self._database, unknown)}
        return replaced_table(fresh, known, self._erased)


def replaced_table(
    found: Mapping[str, StoredVersion], times: Mapping[int, datetime], erased: ErasedVersions
) -> pa.Table:
    """Return rows of the table `replaced`, with `REPLACED_ARROW_SCHEMA`.

    Args:
        found: The version that replaced each contribution.
        times: When commits were made, by their sequence numbers.
        erased: Knows what was taken down, which isn't named as what replaced others.
    """
    gone = erased.among([version.contribution_id for version in found.values()])
    numbers = [version.sequence_number for version in found.values()]
    columns = {
        ID: list(found),
        "received_at": list(map(time_of, found)),
        REPLACED_BY: [
            None if version.contribution_id in gone else version.contribution_id
            for version in found.values()
        ],
        "replaced_at": [times.get(number) for number in numbers],
        SEQUENCE_NUMBER: numbers,
    }
    return pa.table(columns, schema=REPLACED_ARROW_SCHEMA)


def commit_times(database: Database, numbers: Collection[int]) -> dict[int, datetime]:
    """Return when commits with some sequence numbers were made, as far as the ledger knows."""
    times: dict[int, datetime] = {}
    if numbers:
        with database.read() as connection:
            for some in in_parts(sorted(numbers)):
                made = ledger.by_sequence_numbers(connection, some)
                times.update((number, each.committed_at) for number, each in made.items())
    return times


def index_rows(batch: pa.RecordBatch, number: int) -> list[IndexRow]:
    """Return the rows of the index for rows of the raw table.

    Args:
        batch: Rows with `VERSION_SCHEMA`.
        number: The sequence number of the rows that state none: they are a batch's.
    """
    versions = only_versions(batch)
    keys = version_keys(versions)
    ids = versions[ID].to_pylist()
    numbers = versions[SEQUENCE_NUMBER].fill_null(number).to_pylist()
    return list(map(to_row, keys, ids, numbers))


def adds_nothing_between(table: Table, after: int, until: int) -> bool:
    """Tell whether no commit between two sequence numbers, both excluded, added rows."""
    operations = {
        snapshot.sequence_number: snapshot.summary.operation
        for snapshot in table.metadata.snapshots
        if snapshot.summary
    }
    between = range(after + 1, until)
    return all(operations.get(number) is Operation.REPLACE for number in between)
