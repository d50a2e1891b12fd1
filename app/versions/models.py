"""The tables of the index of versions. They are derived, and so no part of the migrations."""

from sqlalchemy import BigInteger, LargeBinary
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class VersionsBase(DeclarativeBase):
    """Base class of the tables."""


class IndexedVersion(VersionsBase):
    """A version of a conversation, whether it was taken down since or not.

    The ids are bytes: see `app.versions.keys`. A version has one row for each content
    with which engines have stored it.
    """

    __tablename__ = "versions"

    conversation_id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    contribution_id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    sequence_number: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = ({"sqlite_with_rowid": False},)


class PreparedVersion(VersionsBase):
    """A version of an upload that isn't committed yet: see `app.versions.prepared`."""

    __tablename__ = "versions_prepared"

    entry_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    conversation_id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    contribution_id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)

    __table_args__ = ({"sqlite_with_rowid": False},)


class PreparedUpload(VersionsBase):
    """An upload with prepared versions.

    Attributes:
        entry_id: The id of the journal entry that has the upload.
        is_complete: Whether all of its versions are prepared.
    """

    __tablename__ = "versions_uploads"

    entry_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    is_complete: Mapped[bool] = mapped_column(default=False)


class Watermark(VersionsBase):
    """What the index has: two rows.

    One has the sequence number of the raw table up to which all versions are there. The other one
    counts how often the index was filled anew.
    """

    __tablename__ = "versions_watermark"

    name: Mapped[str] = mapped_column(primary_key=True)
    sequence_number: Mapped[int] = mapped_column(BigInteger)
