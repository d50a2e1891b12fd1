"""The rows of a release before it filters them, and the tables of stages that carry its tag."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.manifest import ManifestEntry
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from app.curation.rules.interface import Reason
from app.curation.rules.reasons import HIDDEN
from app.releases.manifest import CheckedSet
from app.releases.rows.conversations import published_schema
from app.releases.rows.optional_fields import arrow_schema, without_empty
from app.releases.rows.order import raw_rows_in_order
from catalog.manifests.entries import entries_of
from catalog.manifests.filled import maybe_filled
from catalog.reading.membership import is_among, without
from catalog.reading.plans import plan
from catalog.schema import ID, SCHEMA
from catalog.snapshots import Snapshot, held, live_snapshot, remove_tags
from catalog.stages.builds import newest_build
from catalog.stages.reader import StageReader
from catalog.stages.tables import COMPUTED_STAGES, ComputedStage
from catalog.table import load_table

if TYPE_CHECKING:
    from app.curation.pipeline.stages import StageBuild


@dataclass(frozen=True, slots=True)
class ReleaseSource:
    """The rows of a release, before it filters them.

    Attributes:
        total: Number of rows; for raw rows, those that are left out are counted too.
        batches: The rows in the order of received_at and contribution_id.
        schema: Schema of the rows: that of their table, without the optional fields that no data
            file fills. Raw rows have lists in the place of maps.
        dropped: Number of rows that were left out so far, by reason; complete when all batches
            have been read.
        tables: The tables of stages that get the release's tag, each with the id of the tagged
            snapshot. Their rows are replaced by later builds, while those of the raw table stay, so
            a snapshot of that one needs no tag.
        rules: Versions of the rules that computed the rows; empty for raw rows.
        reasons: The reasons for which rows are left out so far, in the order in which they are
            applied.
        evaluation_sets: The evaluation sets that the rows were checked against, by name.
    """

    total: int
    batches: Iterator[pa.RecordBatch]
    schema: Schema
    dropped: dict[str, int]
    tables: list[tuple[Table, int]]
    rules: Mapping[str, str] = field(default_factory=dict)
    reasons: Sequence[Reason] = ()
    evaluation_sets: Sequence[CheckedSet] = ()


@contextmanager
def raw_source(table: Table, snapshot: Snapshot, hidden: pa.Array) -> Iterator[ReleaseSource]:
    """Yield every version in a snapshot of the raw table, and keep the files of it meanwhile.

    Args:
        table: The raw table.
        snapshot: Snapshot of the raw table, live or not.
        hidden: Ids of the contributions that are hidden from readers, ascending.
    """
    dropped: dict[str, int] = {}

    def drop_hidden(batch: pa.RecordBatch) -> pa.RecordBatch:
        kept = without(batch, hidden)
        if kept.num_rows < batch.num_rows:
            left_out = batch.num_rows - kept.num_rows
            dropped[HIDDEN.name] = dropped.get(HIDDEN.name, 0) + left_out
        return kept

    with held(table):
        files = plan(table, snapshot)
        newest = table.current_snapshot()
        entries = entries_of(table, newest, {file.path for file in files}) if newest else []
        # Before they are sorted: DuckDB returns maps that Arrow takes for broken.
        schema = published_schema("raw", _filled(SCHEMA, entries))
        batches = raw_rows_in_order(table, files, drop_hidden, arrow_schema(schema))
        yield ReleaseSource(snapshot.total_rows, batches, schema, dropped, [], reasons=[HIDDEN])


@contextmanager
def stage_source(
    catalog: Catalog, snapshot: Snapshot, stage: ComputedStage, built: "StageBuild"
) -> Iterator[ReleaseSource]:
    """Yield the rows of a computed stage, and keep the snapshots that tell of it live meanwhile.

    Args:
        catalog: The catalog with the tables.
        snapshot: Snapshot of the raw table that the stage was computed from.
        stage: The computed stage.
        built: Result of the stage's build.

    Raises:
        SnapshotNotLive: The stage's snapshot was thinned.
    """
    rows = load_table(catalog, COMPUTED_STAGES[stage].rows)
    tables = [(rows, built.snapshot_id)]
    for other in _explaining_tables(catalog, stage):
        snapshot_id = newest_build(other, snapshot.snapshot_id)
        if snapshot_id is not None:
            tables.append((other, snapshot_id))
    with ExitStack() as holds:
        for table, snapshot_id in tables:
            holds.enter_context(held(table, snapshot_id))
        reader, schema = _read_stage(rows, stage, built.snapshot_id)
        batches = reader.rows(arrow_schema(schema).names)
        if stage == "cleaned":
            # Its libraries take long to import, and a worker doesn't build releases.
            from app.releases.rows.grouped import with_prompt_groups  # noqa: PLC0415

            schema, batches = with_prompt_groups(reader, schema)
        dropped = dict(built.dropped)
        checked = [
            CheckedSet(**asdict(known), dropped=rows) for known, rows in built.contaminated.items()
        ]
        yield ReleaseSource(
            built.rows, batches, schema, dropped, tables, built.rules, built.reasons, checked
        )


def stage_contributions(
    catalog: Catalog, stage: ComputedStage, snapshot_id: int, ids: pa.Array
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a computed stage that a release has, in their order.

    Args:
        catalog: The catalog with the tables.
        stage: The computed stage.
        snapshot_id: The snapshot of the stage that the release was built from.
        ids: The contribution_ids, ascending.

    Raises:
        SnapshotNotFound: The stage's snapshot isn't live.
    """
    rows = load_table(catalog, COMPUTED_STAGES[stage].rows)
    reader, schema = _read_stage(rows, stage, snapshot_id)
    for batch in reader.rows(arrow_schema(schema).names):
        yield batch.filter(is_among(batch[ID], ids))


def tables_of_releases(catalog: Catalog) -> list[Table]:
    """Return every table that may carry the tag of a release; the raw one does in old lakes."""
    names = [name for stage in COMPUTED_STAGES.values() for name in (stage.rows, stage.dropped)]
    return [load_table(catalog), *(load_table(catalog, name) for name in names)]


def remove_release_tag(tables: Iterable[Table], name: str) -> None:
    """Remove the tag of a release from those of the tables that have it."""
    for table in tables:
        remove_tags(table, [name])


def _read_stage(rows: Table, stage: ComputedStage, snapshot_id: int) -> tuple[StageReader, Schema]:
    """Return a reader of a stage's snapshot, and the schema of the columns that it fills."""
    entries = entries_of(rows, live_snapshot(rows, snapshot_id))
    return StageReader(rows, snapshot_id), _filled(COMPUTED_STAGES[stage].schema, entries)


def _filled(schema: Schema, entries: Iterable[ManifestEntry]) -> Schema:
    """Return a table's schema without the optional fields that none of the files fills."""
    return without_empty(schema, maybe_filled(schema, (entry.data_file for entry in entries)))


def _explaining_tables(catalog: Catalog, stage: ComputedStage) -> Iterator[Table]:
    """Yield the tables that explain a stage: the rows it dropped, and the stages before it."""
    for name, tables in COMPUTED_STAGES.items():
        if name != stage:
            yield load_table(catalog, tables.rows)
        yield load_table(catalog, tables.dropped)
        if name == stage:
            return
