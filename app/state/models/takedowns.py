"""The tables of what is hidden, taken down, or held back."""

from datetime import datetime

from sqlalchemy import BigInteger, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from app.state.models.base import Base, RowId, UtcDateTime


class HiddenContribution(Base):
    """A contribution that no reader sees, for as long as any cause is left."""

    __tablename__ = "hidden_contributions"

    contribution_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    cause: Mapped[str] = mapped_column(String(16), primary_key=True)
    hidden_at: Mapped[datetime] = mapped_column(UtcDateTime())


class ShownAgain(Base):
    """A contribution that was hidden, and the version of the list of those that showed it again."""

    __tablename__ = "shown_again"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    contribution_id: Mapped[str] = mapped_column(String(36), primary_key=True, index=True)
    shown_at: Mapped[datetime] = mapped_column(UtcDateTime())


class TakedownRecord(Base):
    """What was asked to be taken down: a contribution, a conversation or a contributor.

    Takedowns are recorded one at a time, so that their ids become visible in order. One that is
    counted is no longer in the ledger's numbers of rows.
    """

    __tablename__ = "takedowns"

    takedown_id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(16))
    identifier: Mapped[str] = mapped_column(String(512))
    reason: Mapped[str | None] = mapped_column(Text)
    requested_by: Mapped[str] = mapped_column(String(120))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime())
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    is_counted: Mapped[bool] = mapped_column(server_default=false())

    __table_args__ = ({"sqlite_autoincrement": True},)


class TakenDownContribution(Base):
    """What stays of a contribution that was taken down: enough to know it again, and no text."""

    __tablename__ = "taken_down_contributions"

    contribution_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    takedown_id: Mapped[int] = mapped_column(BigInteger, index=True)
    conversation_id: Mapped[str] = mapped_column(String(64), index=True)
    content_hash: Mapped[str] = mapped_column(String(64), index=True)
    sequence_number: Mapped[int | None] = mapped_column(BigInteger, index=True)


class HeldBackFor(Base):
    """A release or a map that nobody gets until a contribution is taken out of it."""

    __tablename__ = "held_back"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    contribution_id: Mapped[str] = mapped_column(String(36), primary_key=True)
