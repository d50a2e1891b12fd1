"""Where the rows of a release come from: a snapshot of the raw table, or of a stage's."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from app.releases.order import in_order
from catalog.errors import SnapshotNotFound, SnapshotNotLive
from catalog.scan import plan
from catalog.snapshots import Snapshot, describe, held, live_snapshot
from catalog.stage_tables import load_stage, source_of, stage_rows
from catalog.stages import STAGES, StageName

_SUPPRESSED: Final = "suppressed"


class StageBuild(Protocol):
    """What came of computing a stage."""

    @property
    def snapshot_id(self) -> int:
        """The snapshot of the table of its rows."""

    @property
    def rows(self) -> int:
        """How many it holds."""

    @property
    def dropped(self) -> Mapping[str, int]:
        """How many contributions were left out on the way from raw, by reason."""

    @property
    def rules(self) -> Mapping[str, str]:
        """The versions of the rules that it was computed by, by what they do."""


class Stages(Protocol):
    """Computes stages of a snapshot."""

    def build(
        self, stage: StageName, snapshot: Snapshot, progress: Callable[[int], None]
    ) -> StageBuild:
        """Compute a stage as far as it isn't computed, and those before it."""

    def total_rows(self, stage: StageName, snapshot: Snapshot) -> int:
        """Return what the numbers come to that `build` calls `progress` with."""


@dataclass(frozen=True, slots=True)
class Source:
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
def raw_source(table: Table, snapshot: Snapshot, left_out: pa.Array) -> Iterator[Source]:
    """Yield the rows of a snapshot of the raw table, every version, and keep it live meanwhile.

    Args:
        table: The raw table.
        snapshot: The snapshot.
        left_out: Ids of contributions that are suppressed.

    Raises:
        SnapshotNotLive: It was thinned.
    """
    dropped: dict[str, int] = {}

    def wanted(batch: pa.RecordBatch) -> pa.RecordBatch:
        is_out = pc.is_in(batch["contribution_id"], value_set=left_out)
        kept = batch.filter(pc.invert(is_out))
        if kept.num_rows < batch.num_rows:
            dropped[_SUPPRESSED] = dropped.get(_SUPPRESSED, 0) + batch.num_rows - kept.num_rows
        return kept

    with live(table, snapshot):
        batches = in_order(table, plan(table, snapshot), wanted)
        yield Source(snapshot.total_rows, batches, dropped, [(table, snapshot.snapshot_id)])


@contextmanager
def stage_source(
    catalog: Catalog, table: Table, snapshot: Snapshot, stage: StageName, built: StageBuild
) -> Iterator[Source]:
    """Yield the rows of a stage that was computed, and keep its snapshot live meanwhile.

    Raises:
        SnapshotNotLive: The stage's snapshot was thinned.
    """
    rows = load_stage(catalog, STAGES[stage].rows)
    with ExitStack() as stack:
        stack.enter_context(live(rows, _snapshot(rows, built.snapshot_id)))
        tables = [(table, snapshot.snapshot_id), (rows, built.snapshot_id)]
        for other in _beside(catalog, stage):
            found = _computed_from(other, snapshot)
            if found is not None:
                tables.append((other, found))
        batches = stage_rows(rows, built.snapshot_id)
        yield Source(built.rows, batches, dict(built.dropped), tables, built.rules)


@contextmanager
def live(table: Table, snapshot: Snapshot) -> Iterator[None]:
    """Keep a snapshot live until it is tagged.

    Raises:
        SnapshotNotLive: It was thinned.
    """
    try:
        with held(table, snapshot):
            yield
    except SnapshotNotFound as error:
        raise SnapshotNotLive(snapshot.snapshot_id) from error


def stage_tables(catalog: Catalog) -> Iterator[Table]:
    """Yield all tables of stages."""
    for stage in STAGES.values():
        yield load_stage(catalog, stage.rows)
        yield load_stage(catalog, stage.dropped)


def _beside(catalog: Catalog, stage: StageName) -> Iterator[Table]:
    """Yield the tables that explain a stage: of what it left out, and of the stage before it."""
    for name, tables in STAGES.items():
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
        return describe(live_snapshot(table, snapshot_id))
    except SnapshotNotFound as error:
        raise SnapshotNotLive(snapshot_id) from error
