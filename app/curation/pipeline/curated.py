"""Building `curated`: decided over all days at once, and written for the days that changed."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table

from app.curation.pipeline.days import RECEIPT_ORDER, days_of
from app.curation.pipeline.records import DayRecord
from app.curation.pipeline.writer import StageWriter
from app.curation.rules.interface import StageRules
from catalog.arrow import row_groups
from catalog.membership import without
from catalog.records import time_of
from catalog.schema import CONVERSATION, ID
from catalog.stage_tables import stage_rows
from catalog.stages import COMPUTED_STAGES, DROPPED_ARROW_SCHEMA

_COLUMNS: Final[Sequence[str]] = COMPUTED_STAGES["curated"].arrow_schema.names


def decide_dropped(cleaned: Table, snapshot_id: int, rules: StageRules) -> pa.Table:
    """Decide which rows of `cleaned` are dropped.

    The columns that the rules decide by are read into memory, for all rows.

    Args:
        cleaned: The table of the rows of `cleaned`.
        snapshot_id: A live snapshot of it.
        rules: The rules to decide by.

    Returns:
        The rows of `curated_dropped`, in the order of receipt.
    """
    schema = COMPUTED_STAGES["cleaned"].arrow_schema
    facts = pa.Table.from_batches(
        stage_rows(cleaned, snapshot_id, rules.facts),
        pa.schema([schema.field(name) for name in rules.facts]),
    )

    def read_texts(ids: Sequence[str]) -> Iterator[pa.RecordBatch]:
        days = {time_of(contribution_id).date() for contribution_id in ids}
        return stage_rows(cleaned, snapshot_id, [ID, CONVERSATION], days, ids)

    dropped = rules.decide(facts, read_texts).select(DROPPED_ARROW_SCHEMA.names)
    return dropped.cast(DROPPED_ARROW_SCHEMA).sort_by(RECEIPT_ORDER)


def curated_digests(cleaned: Mapping[date, DayRecord], dropped: pa.Table) -> dict[date, str]:
    """Return a digest for each day of what its rows of `curated` are made from.

    Args:
        cleaned: The days of `cleaned`.
        dropped: The rows that `curated` drops, of all days.
    """
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
    """Write the days that changed, and replace them in the tables of the stage.

    Args:
        writer: Writes days of `curated`.
        cleaned: The table of the rows of `cleaned`.
        cleaned_snapshot_id: A live snapshot of it.
        source_snapshot_id: The snapshot of the contributions that `cleaned` was computed from.
        days: All days of `cleaned`.
        changed: The days to write with their digests; None for a day that is no longer there.
        dropped: The rows that `curated` drops, of all days.
        progress: Called with each day that is done.

    Returns:
        The id of the newest snapshot of the table of the stage's rows.

    Raises:
        RowsMiscounted: A row is dropped twice, or a dropped row isn't in `cleaned`.
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
    dropped_ids = dropped[ID].combine_chunks().sort()
    batches = stage_rows(cleaned, snapshot_id, _COLUMNS, [day])
    for group in row_groups(without(batch, dropped_ids) for batch in batches):
        writer.write_rows(group)
    writer.write_dropped(dropped)


def _of_day(dropped: pa.Table, day: date) -> pa.Table:
    return dropped.filter(pc.equal(days_of(dropped), pa.scalar(day)))
