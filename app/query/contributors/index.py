"""The index of contributors, as the database keeps it.

A data file never changes, so neither does what the index has of it. A file that isn't in the index
is read. The totals are sums over the files that are marked as a part of them, and are changed in
one transaction with these marks.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa
from sqlalchemy import Connection, delete, insert, select, text, update

from app.query.contributors.buckets import BUCKETS, Bucket, Term, key_of, positions_in
from app.query.counts_models import ContributorFile, ContributorRows, ContributorTotals
from app.state.db import Database
from app.state.derived import DerivedLost
from app.state.parts import in_parts
from catalog.scan import NO_ROWS, CandidateRows

_FILES: Final = 1 << 40
"""More files than there will ever be."""
_BITS_BYTES: Final = len(BUCKETS) // 8 + 1
_EVERY_FILE: Final = select(
    ContributorFile.number,
    ContributorFile.path,
    ContributorFile.sign,
    ContributorFile.rows,
    ContributorFile.buckets,
    ContributorFile.is_complete,
    ContributorFile.is_in_totals,
)


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A data file that the index has.

    Attributes:
        number: Names the file within the index.
        path: URL of the file.
        sign: 1 for a file of the raw table, -1 for one of `replaced`.
        rows: How many contributions it has, or names.
        buckets: The buckets that it has something in, as bits of a number.
        is_complete: Whether all of its contributors are in the index; if not, none of them is.
        is_in_totals: Whether it is a part of the totals.
    """

    number: int
    path: str
    sign: int
    rows: int
    buckets: int
    is_complete: bool
    is_in_totals: bool

    def places(self, buckets: Iterable[int] = BUCKETS) -> Iterator[int]:
        """Yield the keys of what the file has in some buckets."""
        return (place_of(each, self.number) for each in buckets if self.buckets >> each & 1)


@dataclass(frozen=True, slots=True)
class Summand:
    """What of a file is added to a sum.

    Attributes:
        sign: 1 to add it, -1 to take it away.
        day: The day of the rows, in days since 1970; None for sums of all days.
        until: The sequence number of the last commit that counts, of a file of `replaced`; None if
            all of its contributions count.
    """

    sign: int
    day: int | None = None
    until: int | None = None


def place_of(bucket: int, number: int) -> int:
    """Return the key of what a file has in a bucket, which is beside what other files have."""
    return bucket * _FILES + number


class ContributorIndex:
    """Tells the rows of contributors in data files, and how many there are in each and in all."""

    def __init__(self, database: Database) -> None:
        """Use a database.

        Args:
            database: The database of counts, see `FileCounts`.
        """
        self._database = database

    def candidates(self, contributor_id: str) -> CandidateRows:
        """Return what tells in which rows of a data file a contributor may be."""
        known: dict[str, pa.Array] = {}
        with suppress(DerivedLost), self._database.read() as connection:
            known = dict(_positions(connection, key_of(contributor_id)))
        return lambda file: known.get(file.path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that sees the index as it is at one moment.

        Raises:
            DerivedLost: The database is missing or damaged.
        """
        with self._database.read() as connection:
            if not self._database.is_sqlite:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection in a transaction whose changes are erased from SQLite's pages.

        Others can't write to the index meanwhile.

        Raises:
            DerivedLost: The database is missing or damaged.
        """
        with self._database.write_erasing() as connection:
            if not self._database.is_sqlite:
                table = ContributorFile.__tablename__
                connection.exec_driver_sql(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
            yield connection


def files_of(connection: Connection) -> dict[str, IndexedFile]:
    """Return the files of the index by their paths."""
    files = {}
    for number, path, sign, rows, buckets, *flags in connection.execute(_EVERY_FILE):
        has = int.from_bytes(buckets, "big")
        files[path] = IndexedFile(number, path, sign, rows, has, *flags)
    return files


def terms_of(
    connection: Connection, buckets: range, files: Mapping[IndexedFile, Summand]
) -> Iterator[Term]:
    """Yield what some files have of the contributors of some buckets.

    Args:
        connection: A connection of `ContributorIndex.reading` or `writing`.
        buckets: The buckets.
        files: The files, each with what is added of it.
    """
    summands = {file.number: summand for file, summand in files.items()}
    rows = select(ContributorRows.place, ContributorRows.sums, ContributorRows.commits)
    for places in in_parts(place for file in files for place in file.places(buckets)):
        found = connection.execute(rows.where(ContributorRows.place.in_(places)))
        for place, sums, commits in found:
            bucket, number = divmod(place, _FILES)
            summand = summands[number]
            term = Term(bucket, sums, summand.sign, summand.day)
            if summand.until is not None:
                term = replace(term, commits=commits, until=summand.until)
            yield term


def totals_of(connection: Connection, buckets: range) -> Iterator[Term]:
    """Yield what all files in the totals together have of the contributors of some buckets."""
    totals = select(ContributorTotals.bucket, ContributorTotals.sums)
    of_buckets = ContributorTotals.bucket.in_(buckets)
    for bucket, sums in connection.execute(totals.where(of_buckets)):
        yield Term(bucket, sums, 1)


def buckets_of(connection: Connection, file: IndexedFile) -> dict[int, Bucket]:
    """Return all that the index has of a file, by buckets."""
    places = list(file.places())
    rows = select(
        ContributorRows.place,
        ContributorRows.sums,
        ContributorRows.positions,
        ContributorRows.commits,
    )
    found = connection.execute(rows.where(ContributorRows.place.in_(places)))
    return {place // _FILES: Bucket(*columns) for place, *columns in found}


def add_file(
    connection: Connection,
    path: str,
    sign: int,
    rows: int,
    buckets: Mapping[int, Bucket] | None,
    *,
    is_in_totals: bool = False,
) -> None:
    """Add a file, unless it is there.

    Args:
        connection: A connection of `ContributorIndex.writing`.
        path: URL of the file.
        sign: 1 for a file of the raw table, -1 for one of `replaced`.
        rows: How many contributions it has, or names.
        buckets: The contributors of the file; None if they can't be indexed.
        is_in_totals: Whether the totals have it already.
    """
    if connection.scalar(select(ContributorFile.number).where(ContributorFile.path == path)):
        return
    inserted = connection.execute(
        insert(ContributorFile).returning(ContributorFile.number),
        {
            "path": path,
            "sign": sign,
            "rows": rows,
            "buckets": sum(1 << bucket for bucket in buckets or ()).to_bytes(_BITS_BYTES, "big"),
            "is_complete": buckets is not None,
            "is_in_totals": is_in_totals,
        },
    )
    number = inserted.scalar_one()
    places = [
        {
            "place": place_of(bucket, number),
            "sums": found.sums,
            "positions": found.positions,
            "commits": found.commits,
        }
        for bucket, found in (buckets or {}).items()
    ]
    if places:
        connection.execute(insert(ContributorRows), places)


def remove_files(connection: Connection, files: Iterable[IndexedFile]) -> None:
    """Remove files that aren't in the totals."""
    for file in files:
        places = list(file.places())
        connection.execute(delete(ContributorRows).where(ContributorRows.place.in_(places)))
        number = ContributorFile.number == file.number
        connection.execute(delete(ContributorFile).where(number))


def set_totals(
    connection: Connection, totals: Iterable[tuple[int, bytes]], numbers: Collection[int]
) -> None:
    """Replace the totals.

    Args:
        connection: A connection of `ContributorIndex.writing`.
        totals: Buckets with the sums of their contributors.
        numbers: The files that are in the totals now.
    """
    for bucket, sums in totals:
        of_bucket = ContributorTotals.bucket == bucket
        connection.execute(delete(ContributorTotals).where(of_bucket))
        values = {"bucket": bucket, "sums": sums}
        connection.execute(insert(ContributorTotals), values)
    connection.execute(update(ContributorFile).values(is_in_totals=False))
    for some in in_parts(numbers):
        files = update(ContributorFile).where(ContributorFile.number.in_(some))
        connection.execute(files.values(is_in_totals=True))


def take_out_of_totals(connection: Connection, numbers: Collection[int]) -> None:
    """Mark files as no part of the totals, which have what they had by another file now."""
    for some in in_parts(numbers):
        files = update(ContributorFile).where(ContributorFile.number.in_(some))
        connection.execute(files.values(is_in_totals=False))


def clear(connection: Connection) -> None:
    """Remove everything."""
    for model in (ContributorTotals, ContributorRows, ContributorFile):
        connection.execute(delete(model))


_OF_BUCKET: Final = text(
    "SELECT path, sums, positions FROM contributor_files LEFT JOIN contributor_rows"
    " ON place = :first + number WHERE sign > 0 AND is_complete"
)
_COMPLETE: Final = select(ContributorFile.path).where(
    ContributorFile.sign > 0, ContributorFile.is_complete
)


def _positions(connection: Connection, key: bytes | None) -> Iterator[tuple[str, pa.Array]]:
    """Yield the files of the raw table that are indexed, each with the rows of a contributor."""
    if key is None:
        # Another engine made it, and a file with such a one isn't complete.
        for path in connection.scalars(_COMPLETE):
            yield path, NO_ROWS
        return
    found = connection.execute(_OF_BUCKET, {"first": place_of(key[0], 0)})
    for path, sums, positions in found:
        is_there = sums is not None and key in sums
        yield path, positions_in(Bucket(sums, positions), key) if is_there else NO_ROWS
