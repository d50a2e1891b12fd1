"""The index of rows, as the database keeps it.

What it has of a data file is divided into buckets, and beside that of other files in the same one.
So a contributor or a content is found by reading one bucket of each file.

A data file never changes, so neither does what the index has of it. A file that isn't in the index
is read. The totals of contributors are sums over the files that are marked as a part of them, and
are changed in one transaction with these marks.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
from sqlalchemy import Connection, TextClause, delete, insert, select, text, update

from app.query.counts.models import (
    ContentRows,
    ContributorRows,
    ContributorTotals,
    RowIndexFile,
)
from app.query.row_index import contributors, positions
from app.query.row_index.contributors import BUCKETS, Bucket, Term
from app.state.db import Database
from app.state.derived import DerivedLost
from app.state.parts import in_parts
from catalog.reading.scan import NO_ROWS, CandidateRows

_FILES: Final = 1 << 40
"""More files than there will ever be."""
_PLACES_AT_ONCE: Final = 2_000
"""What files have in a bucket, of so many together in one statement."""
_BITS_BYTES: Final = len(BUCKETS) // 8 + 1
_EVERY_FILE: Final = select(
    RowIndexFile.number,
    RowIndexFile.path,
    RowIndexFile.sign,
    RowIndexFile.rows,
    RowIndexFile.buckets,
    RowIndexFile.is_complete,
    RowIndexFile.is_in_totals,
)


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A data file that the index has.

    Attributes:
        number: Names the file within the index.
        path: URL of the file.
        sign: 1 for a file of the raw table, -1 for one of `replaced`.
        rows: How many contributions it has, or names.
        buckets: The buckets of contributors that it has something in, as bits of a number.
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
        """Yield the keys of what the file has in some buckets of contributors."""
        return (place_of(each, self.number) for each in buckets if self.buckets >> each & 1)


@dataclass(frozen=True, slots=True)
class IndexedRows:
    """What the index has of the rows of a data file.

    Attributes:
        contributors: The contributors, by buckets; None if they can't be indexed.
        contents: The contents, by buckets; none of a file of `replaced`.
    """

    contributors: Mapping[int, Bucket] | None
    contents: Mapping[int, bytes] = field(default_factory=dict)


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


class RowIndex:
    """Tells the rows of contributors and contents in the data files of the raw table."""

    def __init__(self, database: Database) -> None:
        """Use a database.

        Args:
            database: The database of counts, see `FileCounts`.
        """
        self._database = database

    def of_contributor(self, contributor_id: str) -> CandidateRows:
        """Return what tells in which rows of a data file a contributor may be."""
        key = contributors.key_of(contributor_id)
        if key is None:
            # Another engine made it, and a file with such a one isn't complete.
            return self._candidates(_WITH_CONTRIBUTORS, 0, lambda *_: NO_ROWS)
        return self._candidates(
            _WITH_CONTRIBUTORS,
            key[0],
            lambda sums, positions: contributors.positions_in(Bucket(sums, positions), key),
        )

    def of_content(self, content_hash: str) -> CandidateRows:
        """Return what tells in which rows of a data file a content may be."""
        return self._candidates(
            _WITH_CONTENTS,
            positions.bucket_of(content_hash),
            lambda entries: positions.positions_in(entries, content_hash),
        )

    def _candidates(
        self, query: TextClause, bucket: int, positions_in: Callable[..., pa.Array]
    ) -> CandidateRows:
        """Return what tells the positions that files have in a bucket.

        Args:
            query: Selects the files, and what each has in the bucket.
            bucket: The bucket.
            positions_in: Returns the positions by what a file has in the bucket.
        """
        known: dict[str, pa.Array] = {}
        with suppress(DerivedLost), self._database.read() as connection:
            for path, *columns in connection.execute(query, {"first": place_of(bucket, 0)}):
                known[path] = NO_ROWS if columns[0] is None else positions_in(*columns)
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
                table = RowIndexFile.__tablename__
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
        connection: A connection of `RowIndex.reading` or `writing`.
        buckets: The buckets.
        files: The files, each with what is added of it.
    """
    summands = {file.number: summand for file, summand in files.items()}
    every_place = (place for file in files for place in file.places(buckets))
    for places in in_parts(every_place, _PLACES_AT_ONCE):
        # As numbers in the statement: to bind so many takes as long as to read what they name.
        listed = ", ".join(map(str, places))
        query = f"SELECT place, sums, commits FROM contributor_rows WHERE place IN ({listed})"  # noqa: S608  # numbers of ours
        for place, sums, commits in connection.exec_driver_sql(query).all():
            bucket, number = divmod(place, _FILES)
            summand = summands[number]
            if summand.until is None:
                yield Term(bucket, sums, summand.sign, summand.day)
            else:
                yield Term(bucket, sums, summand.sign, summand.day, commits, summand.until)


def totals_of(connection: Connection, buckets: range) -> Iterator[Term]:
    """Yield what all files in the totals together have of the contributors of some buckets."""
    totals = select(ContributorTotals.bucket, ContributorTotals.sums)
    of_buckets = ContributorTotals.bucket.in_(buckets)
    for bucket, sums in connection.execute(totals.where(of_buckets)):
        yield Term(bucket, sums, 1)


def rows_of(connection: Connection, file: IndexedFile) -> IndexedRows:
    """Return all that the index has of a file."""
    of_contributors = select(
        ContributorRows.place,
        ContributorRows.sums,
        ContributorRows.positions,
        ContributorRows.commits,
    ).where(ContributorRows.place.in_(list(file.places())))
    of_contents = select(ContentRows.place, ContentRows.entries).where(
        ContentRows.place.in_(_content_places(file.number))
    )
    return IndexedRows(
        {
            place // _FILES: Bucket(*columns)
            for place, *columns in connection.execute(of_contributors)
        }
        if file.is_complete
        else None,
        {place // _FILES: entries for place, entries in connection.execute(of_contents)},
    )


def add_file(
    connection: Connection,
    path: str,
    sign: int,
    rows: int,
    indexed: IndexedRows,
    *,
    is_in_totals: bool = False,
) -> None:
    """Add a file, unless it is there.

    Args:
        connection: A connection of `RowIndex.writing`.
        path: URL of the file.
        sign: 1 for a file of the raw table, -1 for one of `replaced`.
        rows: How many contributions it has, or names.
        indexed: What the index has of its rows.
        is_in_totals: Whether the totals have it already.
    """
    if connection.scalar(select(RowIndexFile.number).where(RowIndexFile.path == path)):
        return
    buckets = indexed.contributors or {}
    inserted = connection.execute(
        insert(RowIndexFile).returning(RowIndexFile.number),
        {
            "path": path,
            "sign": sign,
            "rows": rows,
            "buckets": sum(1 << bucket for bucket in buckets).to_bytes(_BITS_BYTES, "big"),
            "is_complete": indexed.contributors is not None,
            "is_in_totals": is_in_totals,
        },
    )
    number = inserted.scalar_one()
    of_contributors = [
        {
            "place": place_of(bucket, number),
            "sums": found.sums,
            "positions": found.positions,
            "commits": found.commits,
        }
        for bucket, found in buckets.items()
    ]
    of_contents = [
        {"place": place_of(bucket, number), "entries": entries}
        for bucket, entries in indexed.contents.items()
    ]
    for model, found in ((ContributorRows, of_contributors), (ContentRows, of_contents)):
        if found:
            connection.execute(insert(model), found)


def remove_files(connection: Connection, files: Iterable[IndexedFile]) -> None:
    """Remove files that aren't in the totals."""
    for file in files:
        places = list(file.places())
        connection.execute(delete(ContributorRows).where(ContributorRows.place.in_(places)))
        of_contents = ContentRows.place.in_(_content_places(file.number))
        connection.execute(delete(ContentRows).where(of_contents))
        number = RowIndexFile.number == file.number
        connection.execute(delete(RowIndexFile).where(number))


def set_totals(
    connection: Connection, totals: Iterable[tuple[int, bytes]], numbers: Collection[int]
) -> None:
    """Replace the totals.

    Args:
        connection: A connection of `RowIndex.writing`.
        totals: Buckets with the sums of their contributors.
        numbers: The files that are in the totals now.
    """
    for bucket, sums in totals:
        of_bucket = ContributorTotals.bucket == bucket
        connection.execute(delete(ContributorTotals).where(of_bucket))
        values = {"bucket": bucket, "sums": sums}
        connection.execute(insert(ContributorTotals), values)
    connection.execute(update(RowIndexFile).values(is_in_totals=False))
    for some in in_parts(numbers):
        files = update(RowIndexFile).where(RowIndexFile.number.in_(some))
        connection.execute(files.values(is_in_totals=True))


def take_out_of_totals(connection: Connection, numbers: Collection[int]) -> None:
    """Mark files as no part of the totals, which have what they had by another file now."""
    for some in in_parts(numbers):
        files = update(RowIndexFile).where(RowIndexFile.number.in_(some))
        connection.execute(files.values(is_in_totals=False))


def clear(connection: Connection) -> None:
    """Remove everything."""
    for model in (ContributorTotals, ContributorRows, ContentRows, RowIndexFile):
        connection.execute(delete(model))


def _content_places(number: int) -> list[int]:
    return [place_of(bucket, number) for bucket in positions.BUCKETS]


_WITH_CONTRIBUTORS: Final = text(
    "SELECT path, sums, positions FROM row_index_files LEFT JOIN contributor_rows"
    " ON place = :first + number WHERE sign > 0 AND is_complete"
)
_WITH_CONTENTS: Final = text(
    "SELECT path, entries FROM row_index_files LEFT JOIN content_rows"
    " ON place = :first + number WHERE sign > 0"
)
