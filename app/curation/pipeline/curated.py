"""Building `curated`: decided over all days at once, and written for the days that changed."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table

from app.curation.pipeline.days import RECEIVED_AT
from app.curation.pipeline.functions import StageFunctions
from app.curation.pipeline.records import DayRecord
from app.curation.pipeline.writer import StageWriter
from catalog.arrow import row_groups
from catalog.membership import ID, without
from catalog.records import time_of
from catalog.stage_tables import stage_rows
from catalog.stages import COMPUTED_STAGES, DROPPED_ARROW_SCHEMA

_CONVERSATION: Final = "conversation"
_ORDER: Final = [(RECEIVED_AT, "ascending"), (ID, "ascending")]
_COLUMNS: Final[Sequence[str]] = COMPUTED_STAGES["curated"].arrow_schema.names


def decide(cleaned: Table, snapshot_id: int, functions: StageFunctions) -> pa.Table:
    """Return which rows of `cleaned` are left out, in the order of receipt.

    The facts about all rows are in memory.
    """
    schema = COMPUTED_STAGES["cleaned"].arrow_schema
    facts = pa.Table.from_batches(
        stage_rows(cleaned, snapshot_id, functions.facts),
        pa.schema([schema.field(name) for name in functions.facts]),
    )

    def texts(ids: Sequence[str]) -> Iterator[pa.RecordBatch]:
        days = {time_of(each).date() for each in ids}
        return stage_rows(cleaned, snapshot_id, [ID, _CONVERSATION], days, ids)

    dropped = functions.decide(facts, texts).select(DROPPED_ARROW_SCHEMA.names)
    return dropped.cast(DROPPED_ARROW_SCHEMA).sort_by(_ORDER)


def digests_of(cleaned: Mapping[date, DayRecord], dropped: pa.Table) -> dict[date, str]:
    """Return the digests of days: of what `cleaned` has of them, and what is left out of that."""
    return {
        day: hashlib.sha256(
            f"{record.digest} {_of_day(dropped, day).to_pylist()}".encode()
        ).hexdigest()
        for day, record in cleaned.items()
    }


def build_curated(
    writer: StageWriter,
    cleaned: Table,
    cleaned_snapshot_id: int,
    source_snapshot_id: int,
    days: Mapping[date, DayRecord],
    changed: Mapping[date, str | None],
    dropped: pa.Table,
    progress: Callable[[date], None],
) -> int:
    """Write the days that changed, replace them, and return the id of the newest snapshot.

    Args:
        writer: Writes days of `curated`.
        cleaned: The table of the rows of `cleaned`.
        cleaned_snapshot_id: A live snapshot of it.
        source_snapshot_id: The snapshot of the contributions that it was computed from.
        days: Its days.
        changed: Those that must be written.
        dropped: What is left out, of all days.
        progress: Called with each day that is done with.

    Raises:
        RowsMiscounted: Something is left out twice, or wasn't there.
        CommitConflict: Another writer committed to a table of the stage.
    """
    for day in days:
        if day in changed:
            _write(writer, cleaned, cleaned_snapshot_id, day, _of_day(dropped, day))
        progress(day)
    expected = dict.fromkeys(changed, 0) | {day: record.rows for day, record in days.items()}
    return writer.commit(source_snapshot_id, changed, expected)


def _write(
    writer: StageWriter, cleaned: Table, snapshot_id: int, day: date, dropped: pa.Table
) -> None:
    left_out = dropped[ID].combine_chunks().sort()
    batches = stage_rows(cleaned, snapshot_id, _COLUMNS, [day])
    for group in row_groups(without(batch, left_out) for batch in batches):
        writer.write_rows(group)
    writer.write_dropped(dropped)


def _of_day(dropped: pa.Table, day: date) -> pa.Table:
    days = pc.cast(dropped[RECEIVED_AT], pa.date32(), safe=False)
    return dropped.filter(pc.equal(days, pa.scalar(day)))
