"""What a reader selects: conditions that Iceberg can push down, and those it can't."""

from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import (
    AlwaysTrue,
    And,
    BooleanExpression,
    EqualTo,
    GreaterThanOrEqual,
    LessThan,
)

from catalog.records import Rating
from catalog.scan import day_bounds

FIRST_DAY = date(1970, 1, 1)
LAST_DAY = date(9998, 12, 31)
"""The last day whose next day is in the calendar with certainty, whatever the zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The contributions to select; None selects all.

    Attributes:
        day_from: Received on this day (UTC) or later.
        day_to: Received on this day or earlier.
        source: From this source.
        submitter_id: By this contributor.
        agent_id: With this agent.
        rating: With a turn that is rated so.
        all_versions: Also versions that their contributor has replaced.
    """

    day_from: date | None = None
    day_to: date | None = None
    source: str | None = None
    submitter_id: str | None = None
    agent_id: str | None = None
    rating: Rating | None = None
    all_versions: bool = False

    def pushed_down(self) -> BooleanExpression:
        """Return the conditions on columns: Iceberg prunes files by them, Parquet row groups."""
        condition: BooleanExpression = AlwaysTrue()
        for column in ("source", "submitter_id", "agent_id"):
            value = getattr(self, column)
            if value is not None:
                condition = And(condition, EqualTo(column, value))
        if self.day_from or self.day_to:
            last = min(self.day_to or LAST_DAY, LAST_DAY)
            bounds = day_bounds(self.day_from or FIRST_DAY, last)
            condition = And(condition, received_between(*bounds))
        return condition

    def select(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Apply the condition on turns, which Iceberg can't express: it reaches into a list."""
        if self.rating is None:
            return batch
        conversations = batch.column("conversation")
        ratings = pc.struct_field(pc.list_flatten(conversations), "rating")
        rows = pc.list_parent_indices(conversations).filter(pc.equal(ratings, self.rating))
        return batch.take(rows.unique())


def received_between(start: datetime, end: datetime) -> BooleanExpression:
    """Return the condition that a contribution was received from `start` to just before `end`."""
    return And(
        GreaterThanOrEqual("received_at", start.isoformat()),
        LessThan("received_at", end.isoformat()),
    )
