"""The table of the ledger."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.state.models.base import Base, UtcDateTime


class LedgerEntry(Base):
    """A snapshot that was ever committed, whether it is still live or not.

    `as_of_from` is the earliest time of commit of this snapshot and all later ones: the moment from
    which "as of" means this snapshot or a later one. Unlike `committed_at`, it never falls from one
    snapshot to the next, though clocks are set back.
    """

    __tablename__ = "ledger"

    snapshot_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    sequence_number: Mapped[int] = mapped_column(BigInteger, unique=True)
    committed_at: Mapped[datetime] = mapped_column(UtcDateTime(), index=True)
    operation: Mapped[str] = mapped_column(String(16))
    batch_id: Mapped[str | None] = mapped_column(String(36), unique=True)
    added_rows: Mapped[int] = mapped_column(BigInteger)
    total_rows: Mapped[int] = mapped_column(BigInteger)
    added_files: Mapped[int] = mapped_column(BigInteger)
    added_bytes: Mapped[int] = mapped_column(BigInteger)
    as_of_from: Mapped[datetime] = mapped_column(UtcDateTime())

    __table_args__ = (Index("ledger_as_of", "as_of_from", "sequence_number"),)
