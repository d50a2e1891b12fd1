"""The tables of counts of files, and of the indexes of rows.

They are derived, and so no part of the migrations. On SQLite they are in a file of their own, see
`Database.derived`.
"""

from typing import Final

from sqlalchemy import BigInteger, Integer, LargeBinary, SmallInteger, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_Number = BigInteger().with_variant(Integer, "sqlite")
"""The type of a key that SQLite stores rows by."""


class CountsBase(DeclarativeBase):
    """Base class of the tables."""


class CountedFile(CountsBase):
    """A data file that was counted.

    Attributes:
        path: URL of the file.
        folder: URL of the folder that the file is in.
        counts: The counts of its rows, as MessagePack.
        replaced: The contributions that a file of `replaced` names, see
            `app.query.counts.replaced_rows`; None for other files.
    """

    __tablename__ = "file_counts"

    path: Mapped[str] = mapped_column(Text, primary_key=True)
    folder: Mapped[str] = mapped_column(Text, index=True)
    counts: Mapped[bytes] = mapped_column(LargeBinary)
    replaced: Mapped[bytes | None] = mapped_column(LargeBinary)

    __table_args__ = ({"sqlite_with_rowid": False},)


class RowIndexFile(CountsBase):
    """A data file in the index of rows.

    Attributes:
        number: Names the file in `ContributorRows` and `ContentRows`.
        path: URL of the file.
        sign: 1 for a file of the raw table; -1 for one of `replaced`, whose contributions are taken
            away.
        rows: How many contributions it has, or names.
        buckets: The buckets of contributors that it has something in, as bits of a number, the
            highest byte first.
        is_complete: Whether all of its contributor_ids could be indexed.
        is_in_totals: Whether it is a part of `ContributorTotals`.
    """

    __tablename__ = "row_index_files"

    number: Mapped[int] = mapped_column(_Number, primary_key=True)
    path: Mapped[str] = mapped_column(Text, unique=True)
    sign: Mapped[int] = mapped_column(SmallInteger)
    rows: Mapped[int] = mapped_column(BigInteger)
    buckets: Mapped[bytes] = mapped_column(LargeBinary)
    is_complete: Mapped[bool]
    is_in_totals: Mapped[bool]


class ContributorRows(CountsBase):
    """What a data file has of the contributors of a bucket: see `app.query.row_index.contributors`.

    Attributes:
        place: The bucket and the file, see `app.query.row_index.index.place_of`.
        sums: The contributors with their numbers of contributions and of turns.
        positions: The positions of their rows in the file; empty for a file of `replaced`.
        commits: What replaced each contribution that a file of `replaced` names; else empty.
    """

    __tablename__ = "contributor_rows"

    place: Mapped[int] = mapped_column(_Number, primary_key=True, autoincrement=False)
    sums: Mapped[bytes] = mapped_column(LargeBinary)
    positions: Mapped[bytes] = mapped_column(LargeBinary)
    commits: Mapped[bytes] = mapped_column(LargeBinary)


class ContributorTotals(CountsBase):
    """What all files together that are in the totals have of the contributors of a bucket."""

    __tablename__ = "contributor_totals"

    bucket: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sums: Mapped[bytes] = mapped_column(LargeBinary)


class ContentRows(CountsBase):
    """What a data file has of the contents of a bucket: see `app.query.row_index.positions`.

    Attributes:
        place: The bucket and the file, see `app.query.row_index.index.place_of`.
        entries: The contents with the positions of their rows in the file.
    """

    __tablename__ = "content_rows"

    place: Mapped[int] = mapped_column(_Number, primary_key=True, autoincrement=False)
    entries: Mapped[bytes] = mapped_column(LargeBinary)


class StageIndexFile(CountsBase):
    """A data file of a stage whose rows are in `StageRows`.

    Attributes:
        number: Names the file in `StageRows`.
        path: URL of the file.
    """

    __tablename__ = "stage_index_files"

    number: Mapped[int] = mapped_column(_Number, primary_key=True)
    path: Mapped[str] = mapped_column(Text, unique=True)


class StageRows(CountsBase):
    """The positions of values in a data file of a stage: see `app.query.row_index.positions`.

    Attributes:
        place: The column, the bucket and the file, see `app.query.row_index.stages`.
        entries: The values with the positions of their rows in the file.
    """

    __tablename__ = "stage_rows"

    place: Mapped[int] = mapped_column(_Number, primary_key=True, autoincrement=False)
    entries: Mapped[bytes] = mapped_column(LargeBinary)


EVERY_TABLE: Final[tuple[type[CountsBase], ...]] = (
    CountedFile,
    RowIndexFile,
    ContributorRows,
    ContributorTotals,
    ContentRows,
    StageIndexFile,
    StageRows,
)
"""All of the tables."""
