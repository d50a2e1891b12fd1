"""The tables of reports, decisions and bans."""

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.state.models.base import Base, RowId, UtcDateTime


class ReportRecord(Base):
    """What a reader has against a contribution. Of one reporter, the first report stays.

    The reporter is a keyed hash of the network that the report came from.
    """

    __tablename__ = "reports"

    report_id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    contribution_id: Mapped[str] = mapped_column(String(36))
    reporter: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(String(16))
    comment: Mapped[str | None] = mapped_column(Text)
    reported_at: Mapped[datetime] = mapped_column(UtcDateTime())

    __table_args__ = (
        Index("reports_once", "contribution_id", "reporter", unique=True),
        Index("reports_by_reporter", "reporter", "reported_at"),
    )


class QuarantineRecord(Base):
    """A contribution that is hidden until a moderator decides, for each cause that it has."""

    __tablename__ = "quarantine"

    contribution_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    cause: Mapped[str] = mapped_column(String(16), primary_key=True)
    reason: Mapped[str | None] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(120))
    quarantined_at: Mapped[datetime] = mapped_column(UtcDateTime())


class QuarantinedVersion(Base):
    """A version that is hidden with a contribution in quarantine: itself, or an earlier one."""

    __tablename__ = "quarantined_versions"

    contribution_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    version_id: Mapped[str] = mapped_column(String(36), primary_key=True, index=True)


class ApprovalRecord(Base):
    """What a moderator found no fault in: a reason of reports, or scores, for a contribution."""

    __tablename__ = "approvals"

    contribution_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    approved_at: Mapped[datetime] = mapped_column(UtcDateTime())


class ModerationLogEntry(Base):
    """A decision of moderation. Triggers of the database keep entries from being changed."""

    __tablename__ = "moderation_log"

    entry_id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime())
    actor: Mapped[str] = mapped_column(String(120))
    action: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(16))
    identifier: Mapped[str] = mapped_column(String(512), index=True)
    reason: Mapped[str | None] = mapped_column(Text)

    __table_args__ = ({"sqlite_autoincrement": True},)


class BanRecord(Base):
    """A contributor of whom nothing is taken, and whose contributions are hidden.

    The state says whether their contributions are still being hidden, are all hidden, or are shown
    again since the ban was lifted; the record goes when that is done. `takedown_by` is who asked
    for all of it to be erased; null if nobody did.
    """

    __tablename__ = "bans"

    contributor_id: Mapped[str] = mapped_column(String(512), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    banned_by: Mapped[str] = mapped_column(String(120))
    banned_at: Mapped[datetime] = mapped_column(UtcDateTime())
    takedown_by: Mapped[str | None] = mapped_column(String(120))


class BannedContribution(Base):
    """A contribution that is hidden because its contributor is banned."""

    __tablename__ = "banned_contributions"

    contribution_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    contributor_id: Mapped[str] = mapped_column(String(512), index=True)
