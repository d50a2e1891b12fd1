"""The tables of how the stages were computed."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.state.models.base import Base, UtcDateTime


class StageChunk(Base):
    """The input and the result of computing one chunk of a stage: a part of a day.

    While a chunk is being replaced its digest is empty, so that it is computed again if that fails.
    """

    __tablename__ = "stage_chunks"

    stage: Mapped[str] = mapped_column(String(16), primary_key=True)
    start: Mapped[datetime] = mapped_column(UtcDateTime(), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    rows: Mapped[int] = mapped_column(BigInteger)
    dropped: Mapped[dict[str, int]] = mapped_column(JSON)


class ThinnedBuildRecord(Base):
    """A build of a stage that was thinned: see `app.state.thinned_builds.ThinnedBuild`."""

    __tablename__ = "thinned_builds"

    snapshot_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    stage: Mapped[str] = mapped_column(String(16), index=True)
    sequence_number: Mapped[int] = mapped_column(BigInteger)
    source_number: Mapped[int] = mapped_column(BigInteger)
    built_at: Mapped[datetime] = mapped_column(UtcDateTime())


class EvaluationSetRecord(Base):
    """An evaluation set that the operator added, with its items as compressed JSON lines."""

    __tablename__ = "evaluation_sets"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    version: Mapped[str] = mapped_column(Text)
    licence: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    items: Mapped[int] = mapped_column(BigInteger)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    content_bytes: Mapped[int] = mapped_column(BigInteger)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime())
