"""Building `cleaned`: the days that changed are computed, and the others stay as they are."""

import hashlib
from collections.abc import Mapping, Sequence
from contextvars import Context
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table

from app.curation.pipeline.days import RECEIVED_AT, ChunkSize, DayInput, Part, chunks
from app.curation.pipeline.engine import Engine
from app.curation.pipeline.functions import StageFunctions
from app.curation.pipeline.queries import cleaned_rows
from app.curation.pipeline.rows import REASON
from app.curation.pipeline.writer import Progress, StageWriter
from catalog.membership import ID
from catalog.snapshots import Snapshot
from catalog.stages import COMPUTED_STAGES, DROPPED_ARROW_SCHEMA

CHUNK: Final = ChunkSize(rows=100_000, size_bytes=64 * 1024 * 1024)
"""What one query computes: so much that the start of its processes, about a second, is little."""

_ORDER: Final = [(RECEIVED_AT, "ascending"), (ID, "ascending")]
_SCHEMA: Final = COMPUTED_STAGES["cleaned"].arrow_schema


def digests_of(days: Sequence[DayInput], functions: StageFunctions) -> dict[date, str]:
    """Return the digests of what days of `cleaned` are computed from: their rows and the rules."""
    # The signals and the bands, which curating judges by, are columns of `cleaned`.
    versions = f"{functions.cleaning_version} {functions.curating_version}"
    return {
        day.day: hashlib.sha256(f"{day.digest} {versions}".encode()).hexdigest() for day in days
    }


def build_cleaned(
    writer: StageWriter,
    table: Table,
    snapshot: Snapshot,
    days: Sequence[DayInput],
    changed: Mapping[date, str | None],
    functions: StageFunctions,
    engine: Engine,
    progress: Progress,
) -> int:
    """Compute the days that changed, replace them, and return the id of the newest snapshot.

    Args:
        writer: Writes days of `cleaned`.
        table: The raw table.
        snapshot: A live snapshot of it.
        days: The days of the snapshot, surveyed in parts of up to `CHUNK`.
        changed: Those that must be computed.
        functions: The rules.
        engine: Runs them.
        progress: Called with numbers of raw rows, those of days that didn't change at once.

    Raises:
        RowsMiscounted: The row functions gave more or fewer rows than they were given.
        CommitConflict: Another writer committed to a table of the stage.
    """
    progress(sum(day.raw_rows for day in days if day.day not in changed))
    for parts in chunks(days, set(changed), CHUNK):
        if any(part.rows for part in parts):
            _compute(writer, table, snapshot, parts, functions, engine)
        progress(sum(part.raw_rows for part in parts))
    expected = dict.fromkeys(changed, 0) | {
        day.day: sum(part.rows for part in day.parts) for day in days
    }
    return writer.commit(snapshot.snapshot_id, changed, expected)


def _compute(
    writer: StageWriter,
    table: Table,
    snapshot: Snapshot,
    parts: Sequence[Part],
    functions: StageFunctions,
    engine: Engine,
) -> None:
    # In an empty context: Daft keeps the one that it is called in, and all that hangs on it.
    ask = Context().run
    made = ask(cleaned_rows, table, snapshot.snapshot_id, parts, functions, engine)
    made = made.sort_by(_ORDER)
    is_kept = pc.is_null(made[REASON])
    writer.write_rows(made.filter(is_kept).select(_SCHEMA.names).cast(_SCHEMA))
    left_out = made.filter(pc.invert(is_kept))
    nothing = pa.nulls(left_out.num_rows)
    columns = [left_out[ID], left_out[RECEIVED_AT], left_out[REASON], nothing, nothing]
    dropped = pa.Table.from_arrays(columns, names=DROPPED_ARROW_SCHEMA.names)
    writer.write_dropped(dropped.cast(DROPPED_ARROW_SCHEMA))
