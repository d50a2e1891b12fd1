"""The tables of the journal: what waits to be committed, and how repetitions are recognised."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from app.state.models.base import Base, RowId, UtcDateTime


class JournalEntry(Base):
    """A group of contributions that became durable in one transaction.

    An entry is in one of three states:

    - open, without payload and batch: it belongs to a running upload;
    - pending, with a payload and without a batch;
    - committed, with a batch and without a payload.

    The payload is the contributions themselves, or the paths of the staged files that hold them.
    An entry is awaited when a client waits until it can be read; it is committed soon then.
    Committed entries stay for the idempotency window, so that a repeated submission finds its
    snapshot.
    """

    __tablename__ = "journal"

    entry_id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime())
    contributions: Mapped[int] = mapped_column(Integer)
    payload: Mapped[bytes | None] = mapped_column(LargeBinary)
    payload_bytes: Mapped[int] = mapped_column(BigInteger)
    batch_id: Mapped[str | None] = mapped_column(String(36))
    in_files: Mapped[bool] = mapped_column(server_default=false())
    is_awaited: Mapped[bool] = mapped_column(server_default=false())

    __table_args__ = (
        Index(
            "journal_pending",
            "entry_id",
            "contributions",
            "payload_bytes",
            "in_files",
            "is_awaited",
            sqlite_where=text("batch_id IS NULL"),
            postgresql_where=text("batch_id IS NULL"),
        ),
        # Ids of deleted entries must not be used again, since ids order the batches.
        {"sqlite_autoincrement": True},
    )


class IdempotencyKey(Base):
    """The key by which a repeated submission is recognised while it is recent.

    Keys of an upload are written while its entry is open. They count once the entry has a payload.
    A key of ids that own something goes once the index of versions has answered in its place for a
    while. One of guessed ids, which the lake doesn't store, is kept as long as its journal entry.
    """

    __tablename__ = "idempotency_keys"

    key: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    contribution_id: Mapped[str] = mapped_column(String(36))
    entry_id: Mapped[int] = mapped_column(BigInteger)
    is_guessed: Mapped[bool] = mapped_column(server_default=true())

    __table_args__ = (
        Index("idempotency_keys_expiry", "is_guessed", "entry_id"),
        {"sqlite_with_rowid": False},
    )


class UploadRequest(Base):
    """An upload with the header Idempotency-Key, running or answered.

    One whose rows all repeat versions that the index has is answered with the number of the newest
    of their commits, and without an entry.
    """

    __tablename__ = "upload_requests"

    request_key: Mapped[str] = mapped_column(String(255), primary_key=True)
    entry_id: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime(), index=True)
    digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)
    sequence_number: Mapped[int | None] = mapped_column(BigInteger)


class Claim(Base):
    """The batch that is being committed to a table of the lake, and the entries of the batch.

    A table has one claim at most.
    """

    __tablename__ = "claims"

    table_name: Mapped[str] = mapped_column(String(64), primary_key=True)
    batch_id: Mapped[str] = mapped_column(String(36))
    entry_runs: Mapped[bytes] = mapped_column(LargeBinary)
    claimed_at: Mapped[datetime] = mapped_column(UtcDateTime())
