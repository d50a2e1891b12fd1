"""The builds of stages that were thinned, so that who asks for one is told that it was there."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, select

from app.state.db import insert_missing
from app.state.models import ThinnedBuildRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinnedBuild:
    """A build of a stage that can't be read any more.

    Attributes:
        snapshot_id: The snapshot of the stage's table.
        stage: The stage.
        sequence_number: The number of that snapshot, which later builds have a higher one than.
        source_number: The sequence number of the raw table's snapshot that it was computed from.
        built_at: When it was built, in UTC.
    """

    snapshot_id: int
    stage: str
    sequence_number: int
    source_number: int
    built_at: datetime


_COLUMNS: Final = tuple(ThinnedBuildRecord.__table__.c[each.name] for each in fields(ThinnedBuild))


def record(connection: Connection, builds: Collection[ThinnedBuild]) -> None:
    """Record builds, unless they are recorded."""
    if builds:
        rows = [asdict(build) for build in builds]
        connection.execute(insert_missing(connection, ThinnedBuildRecord), rows)


def by_id(connection: Connection, stage: str, snapshot_id: int) -> ThinnedBuild | None:
    """Return the thinned build of a stage whose snapshot has an id; None if there is none."""
    return _first(
        connection,
        ThinnedBuildRecord.stage == stage,
        ThinnedBuildRecord.snapshot_id == snapshot_id,
    )


def newest_as_of(connection: Connection, stage: str, number: int) -> ThinnedBuild | None:
    """Return the newest thinned build of a stage whose source a moment has.

    Args:
        connection: A connection to the database.
        stage: The stage.
        number: The sequence number of the moment's snapshot of the raw table.
    """
    return _first(
        connection, ThinnedBuildRecord.stage == stage, ThinnedBuildRecord.source_number <= number
    )


def _first(connection: Connection, *conditions: ColumnElement[bool]) -> ThinnedBuild | None:
    query = select(*_COLUMNS).where(*conditions)
    newest = query.order_by(ThinnedBuildRecord.sequence_number.desc()).limit(1)
    row = connection.execute(newest).mappings().first()
    return ThinnedBuild(**row) if row else None
