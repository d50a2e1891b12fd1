"""Where the rows of a release come from: a snapshot of the raw table, or of a stage's."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from app.releases.order import in_order
from catalog.errors import SnapshotNotFound, SnapshotNotLive
from catalog.membership import without
from catalog.scan import plan
from catalog.snapshots import Snapshot, held, live_snapshot, to_snapshot
from catalog.stage_tables import load_stage, source_of, stage_rows
from catalog.stages import COMPUTED_STAGES, ComputedStage

if TYPE_CHECKING:
    from app.curation.pipeline.stages import StageBuild

_SUPPRESSED: Final = "suppressed"


@dataclass(frozen=True, slots=True)
class ReleaseSource:
    """The rows of a release, before it filters them.

    Attributes:
        total: How many there are; of raw ones, those that are left out included.
        batches: The rows in the order of received_at and contribution_id, with the columns of
            their table.
        dropped: What was left out before, by reason. It is complete when the rows have been read.
        tables: The tables that get the release's tag, and which snapshot of each.
        rules: The versions of the rules that computed them; none for raw rows.
    """

    total: int
    batches: Iterator[pa.RecordBatch]
    dropped: dict[str, int]
    tables: list[tuple[Table, int]]
    rules: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def raw_source(table: Table, snapshot: Snapshot, suppressed: pa.Array) -> Iterator[ReleaseSource]:
    """Yield the rows of a snapshot of the raw table, every version, and keep it live meanwhile.

    Args:
        table: The raw table.
        snapshot: The snapshot.
        suppressed: Ids of contributions that are suppressed, ascending.

    Raises:
        SnapshotNotLive: It was thinned.
    """
    dropped: dict[str, int] = {}

    def wanted(batch: pa.RecordBatch) -> pa.RecordBatch:
        kept = without(batch, suppressed)
        if kept.num_rows < batch.num_rows:
            dropped[_SUPPRESSED] = dropped.get(_SUPPRESSED, 0) + batch.num_rows - kept.num_rows
        return kept

    with held(table, snapshot):
        batches = in_order(table, plan(table, snapshot), wanted)
        yield ReleaseSource(snapshot.total_rows, batches, dropped, [(table, snapshot.snapshot_id)])


@contextmanager
def stage_source(
    catalog: Catalog, table: Table, snapshot: Snapshot, stage: ComputedStage, built: "StageBuild"
) -> Iterator[ReleaseSource]:
    """Yield the rows of a stage that was computed, and keep its snapshot live meanwhile.

    Raises:
        SnapshotNotLive: The stage's snapshot was thinned.
    """
    rows = load_stage(catalog, COMPUTED_STAGES[stage].rows)
    with ExitStack() as stack:
        stack.enter_context(held(rows, _snapshot(rows, built.snapshot_id)))
        tables = [(table, snapshot.snapshot_id), (rows, built.snapshot_id)]
        for other in _beside(catalog, stage):
            found = _computed_from(other, snapshot)
            if found is not None:
                tables.append((other, found))
        batches = stage_rows(rows, built.snapshot_id)
        yield ReleaseSource(built.rows, batches, dict(built.dropped), tables, built.rules)


def stage_tables(catalog: Catalog) -> Iterator[Table]:
    """Yield all tables of stages."""
    for stage in COMPUTED_STAGES.values():
        yield load_stage(catalog, stage.rows)
        yield load_stage(catalog, stage.dropped)


def _beside(catalog: Catalog, stage: ComputedStage) -> Iterator[Table]:
    """Yield the tables that explain a stage: of what it left out, and of the stage before it."""
    for name, tables in COMPUTED_STAGES.items():
        if name != stage:
            yield load_stage(catalog, tables.rows)
        yield load_stage(catalog, tables.dropped)
        if name == stage:
            return


def _computed_from(table: Table, snapshot: Snapshot) -> int | None:
    """Return the newest snapshot of a stage's table that was computed from a snapshot."""
    live_ones = sorted(table.metadata.snapshots, key=lambda each: -(each.sequence_number or 0))
    ids = (each.snapshot_id for each in live_ones)
    return next((each for each in ids if source_of(table, each) == snapshot.snapshot_id), None)


def _snapshot(table: Table, snapshot_id: int) -> Snapshot:
    try:
        return to_snapshot(live_snapshot(table, snapshot_id))
    except SnapshotNotFound as error:
        raise SnapshotNotLive(snapshot_id) from error
