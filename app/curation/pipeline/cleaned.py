"""Building `cleaned`: the days that changed are computed, and the others stay as they are."""

import hashlib
from collections.abc import Mapping, Sequence
from contextvars import Context
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table

from app.curation.pipeline.daft_query import cleaned_rows
from app.curation.pipeline.days import (
    RECEIPT_ORDER,
    RECEIVED_AT,
    ChunkSize,
    DayInput,
    DayPart,
    chunks,
)
from app.curation.pipeline.runner import Runner
from app.curation.pipeline.writer import RowProgress, StageWriter
from app.curation.rules.interface import REASON, StageRules
from catalog.schema import ID
from catalog.snapshots import Snapshot
from catalog.stages import COMPUTED_STAGES, DROPPED_ARROW_SCHEMA

CHUNK: Final = ChunkSize(rows=100_000, size_bytes=64 * 1024 * 1024)
"""The most that one query computes: enough that the start of its processes, a second, is little."""

_SCHEMA: Final = COMPUTED_STAGES["cleaned"].arrow_schema


def cleaned_digests(days: Sequence[DayInput], rules: StageRules) -> dict[date, str]:
    """Return a digest for each day of what its rows of `cleaned` are computed from."""
    # With the version of curating, since it judges by signals and bands, columns of `cleaned`.
    versions = f"{rules.cleaning_version} {rules.curating_version}"
    return {
        day.day: hashlib.sha256(f"{day.digest} {versions}".encode()).hexdigest() for day in days
    }


def build_cleaned(
    writer: StageWriter,
    table: Table,
    snapshot: Snapshot,
    days: Sequence[DayInput],
    changed: Mapping[date, str | None],
    rules: StageRules,
    runner: Runner,
    progress: RowProgress,
) -> int:
    """Compute the days that changed, and replace them in the tables of the stage.

    Args:
        writer: Writes days of `cleaned`.
        table: The raw table.
        snapshot: A live snapshot of it.
        days: All days of the snapshot, cut into parts of at most `CHUNK`.
        changed: The days to compute with their digests; None for a day that is no longer there.
        rules: The rules to clean by.
        runner: The started runner of Daft.
        progress: Called with numbers of raw rows that are done, first with those of all days that
            didn't change.

    Returns:
        The id of the newest snapshot of the table of the stage's rows.

    Raises:
        RowsMiscounted: The rules returned more or fewer rows than they were given.
        CommitConflict: Another writer committed to a table of the stage.
    """
    progress(sum(day.raw_rows for day in days if day.day not in changed))
    for parts in chunks(days, set(changed), CHUNK):
        if any(part.rows for part in parts):
            _compute(writer, table, snapshot, parts, rules, runner)
        progress(sum(part.raw_rows for part in parts))
    expected = dict.fromkeys(changed, 0) | {
        day.day: sum(part.rows for part in day.parts) for day in days
    }
    return writer.commit(snapshot.snapshot_id, changed, expected)


def _compute(
    writer: StageWriter,
    table: Table,
    snapshot: Snapshot,
    parts: Sequence[DayPart],
    rules: StageRules,
    runner: Runner,
) -> None:
    # In an empty context: Daft keeps the one that it is called in, and all that hangs on it.
    run = Context().run
    computed = run(cleaned_rows, table, snapshot.snapshot_id, parts, rules, runner)
    computed = computed.sort_by(RECEIPT_ORDER)
    is_kept = pc.is_null(computed[REASON])
    writer.write_rows(computed.filter(is_kept).select(_SCHEMA.names).cast(_SCHEMA))
    dropped = computed.filter(pc.invert(is_kept))
    # Cleaning drops a row by itself: no other row was kept instead, and nothing was measured.
    nothing = pa.nulls(dropped.num_rows)
    columns = [dropped[ID], dropped[RECEIVED_AT], dropped[REASON], nothing, nothing]
    table_rows = pa.Table.from_arrays(columns, names=DROPPED_ARROW_SCHEMA.names)
    writer.write_dropped(table_rows.cast(DROPPED_ARROW_SCHEMA))
