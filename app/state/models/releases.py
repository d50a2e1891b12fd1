"""The tables of releases: what was built, what is due, and what the Hub has."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.state.models.base import Base, UtcDateTime


class ReleaseRecord(Base):
    """A release that is being built, was published, failed, or was removed.

    A running build updates `seen_at` regularly, so that a killed one is recognised.
    """

    __tablename__ = "releases"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    build_id: Mapped[str] = mapped_column(String(36))
    stage: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    step: Mapped[str] = mapped_column(String(16))
    rows_done: Mapped[int] = mapped_column(BigInteger)
    rows_total: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str | None] = mapped_column(Text)
    sequence_number: Mapped[int | None] = mapped_column(BigInteger)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime())
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime())
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class ReleaseSchedule(Base):
    """The state of a stage's release schedule: the last settled period, and the next attempt."""

    __tablename__ = "release_schedules"

    stage: Mapped[str] = mapped_column(String(16), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime())
    settled: Mapped[str | None] = mapped_column(String(16))
    sequence_number: Mapped[int] = mapped_column(BigInteger)
    try_after: Mapped[datetime | None] = mapped_column(UtcDateTime())


class HubPublicationRecord(Base):
    """A release in a repository of the Hugging Face Hub; a repository holds one release.

    `required_revision` is set by takedowns: earlier revisions have to leave the Hub.
    """

    __tablename__ = "hub_publications"

    repository: Mapped[str] = mapped_column(String(200), primary_key=True)
    release_name: Mapped[str] = mapped_column(String(100))
    hub_url: Mapped[str] = mapped_column(Text)
    access: Mapped[str] = mapped_column(String(16))
    revision: Mapped[int | None] = mapped_column(Integer)
    commit_id: Mapped[str | None] = mapped_column(String(64))
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    required_revision: Mapped[int | None] = mapped_column(Integer)
    remains: Mapped[list[str]] = mapped_column(JSON)
