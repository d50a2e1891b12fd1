"""A record of each chunk of a stage: what its rows come from, and how many there are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, insert, select

from app.state.db import Database
from app.state.models import StageChunk
from catalog.stages.tables import ComputedStage

BUILD_LOCK: Final = "curation"
"""Name of the lock that a build of stages holds."""
_UNKNOWN: Final = ""
"""The digest of a chunk whose rows are being replaced. No computed digest equals it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRecord:
    """A chunk of a stage, as the tables of the stage have it.

    Attributes:
        digest: A digest of what the chunk was computed from, in hexadecimal.
        rows: Number of rows that the stage has of the chunk.
        dropped: Number of rows that the stage dropped, by reason.
    """

    digest: str
    rows: int
    dropped: Mapping[str, int]

    @property
    def is_known(self) -> bool:
        """False while the rows of the chunk are being replaced, or if that was never completed."""
        return self.digest != _UNKNOWN


class ChunkRecords:
    """The chunks of the stages by their starts, in the relational database.

    A chunk reaches to the start of the next one. It is marked as unknown before its rows are
    replaced, and recorded afterwards. So the next build computes again, or empties, the chunks of a
    build that ended in between.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, stage: ComputedStage) -> dict[datetime, ChunkRecord]:
        """Return the chunks of a stage with their records, oldest first."""
        query = (
            select(StageChunk.start, StageChunk.digest, StageChunk.rows, StageChunk.dropped)
            .where(StageChunk.stage == stage)
            .order_by(StageChunk.start)
        )
        with self._database.read() as connection:
            return {
                row.start: ChunkRecord(digest=row.digest, rows=row.rows, dropped=row.dropped)
                for row in connection.execute(query)
            }

    def changes(
        self, stage: ComputedStage, digests: Mapping[datetime, str]
    ) -> dict[datetime, str | None]:
        """Return the chunks of a stage that must be computed again, oldest first.

        Args:
            stage: The stage.
            digests: The digest of what each chunk is to be computed from.

        Returns:
            The digest of each chunk that is new or was recorded with another digest, and None for
            each recorded chunk that isn't one any more.
        """
        known = {start: record.digest for start, record in self.of(stage).items()}
        return {
            start: digests.get(start)
            for start in sorted(digests.keys() | known.keys())
            if digests.get(start) != known.get(start)
        }

    def mark(self, stage: ComputedStage, starts: Collection[datetime]) -> None:
        """Mark chunks as unknown, before their rows are replaced."""
        unknown = ChunkRecord(digest=_UNKNOWN, rows=0, dropped={})
        self.record(stage, starts, dict.fromkeys(starts, unknown))

    def record(
        self,
        stage: ComputedStage,
        starts: Collection[datetime],
        records: Mapping[datetime, ChunkRecord],
    ) -> None:
        """Replace the records of some chunks.

        Args:
            stage: The stage.
            starts: The starts of the chunks to replace.
            records: The new records of these chunks. A chunk without one is forgotten.
        """
        forget = delete(StageChunk).where(
            StageChunk.stage == stage, StageChunk.start == bindparam("of_start")
        )
        rows = [
            {
                "stage": stage,
                "start": start,
                "digest": record.digest,
                "rows": record.rows,
                "dropped": dict(record.dropped),
            }
            for start, record in records.items()
        ]
        with self._database.write() as connection:
            if starts:
                connection.execute(forget, [{"of_start": start} for start in starts])
            if rows:
                connection.execute(insert(StageChunk), rows)
