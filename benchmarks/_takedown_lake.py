"""A lake to take down from: its contributions, stages, releases and map."""

from datetime import UTC, datetime, timedelta
from itertools import cycle
from time import perf_counter
from typing import Final
from uuid import uuid4

import _contributions
import pyarrow as pa
import pyarrow.compute as pc
from _curate import curate
from msgspec.structs import replace
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from app.curation.pipeline.stages import StageBuild, Stages
from app.curation.pipeline.writer import RowProgress
from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.prompts import BANDS
from app.curation.rules.reasons import all_reasons
from app.maps.description import MapParameters
from app.maps.texts import LANGUAGE
from app.releases.recipe import Recipe
from app.services import Services
from app.state import ledger, ledger_changes
from catalog.reading.plans import plan
from catalog.reading.scan import read
from catalog.reading.size import size_of
from catalog.records import Contribution
from catalog.schema import CONVERSATION
from catalog.snapshots import Snapshot
from catalog.stages.builds import newest_build, replace_files
from catalog.stages.tables import (
    COMPUTED_STAGES,
    DROPPED_ARROW_SCHEMA,
    SOURCE_SNAPSHOT_PROPERTY,
    ComputedStage,
    Stage,
)
from catalog.table import append_batch, load_table
from catalog.writing.staging import StagedFiles
from tests.app.releases.factories import releases_of

_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_BATCHES_A_DAY = 3
_CONTRIBUTORS = 200
_TEXTS = 50_000
"""Texts that are made up; each serves several conversations, with a word of its own."""
_DROPPED_OF = 10
_REASON: Final = "near_duplicate"
_PROMPT: Final = "prompt"
_HASH_DIGITS: Final = 15
_RELEASED_LANGUAGE: Final = "de"
_RELEASED_OF: Final = 5
"""One of so many rows of a stage has the language that the stage's release holds."""


def fill(services: Services, rows: int, days: int, released: int) -> None:
    """Fill an empty lake batch by batch, and build a raw release and its map on the way.

    Args:
        services: The services of the lake.
        rows: Number of conversations.
        days: Number of days on which they were received.
        released: Number of conversations after which the release is built.
    """
    started = perf_counter()
    texts = [[turn.content for turn in made.conversation] for made in _contributions.make(_TEXTS)]
    batches = days * _BATCHES_A_DAY
    in_batch = rows // batches
    table = load_table(services.catalog)
    is_released = False
    for number in range(batches):
        since = _FIRST_DAY + timedelta(days=1) * number / _BATCHES_A_DAY
        made = [
            _received(texts, number * in_batch + row, since + row * timedelta(milliseconds=20))
            for row in range(in_batch)
        ]
        snapshot = append_batch(table, uuid4(), made)
        with services.database.write() as connection:
            ledger_changes.record(connection, [snapshot])
        if not is_released and snapshot.total_rows >= released:
            # Before maintenance thins the snapshot, which the release keeps.
            services.publishing.releases.build(_recipe("raw"), snapshot)
            is_released = True
        if number % _BATCHES_A_DAY == 0:
            services.jobs.maintenance().thinning.thin()
            table = load_table(services.catalog)
    print(f"{rows} conversations in {perf_counter() - started:.0f} s", flush=True)


def _received(texts: list[list[str]], number: int, moment: datetime) -> Contribution:
    first, *others = texts[number % len(texts)]
    made = _contributions.of_texts([f"{first} word{number}", *others], moment)
    return replace(made, contributor_id=f"contributor {number % _CONTRIBUTORS}")


def fill_stages(services: Services, stages: str) -> None:
    """Fill the tables of the stages: `copied` from the raw table, or `curated`."""
    started = perf_counter()
    if stages == "copied":
        copy_to_stages(services)
    elif stages == "curated":
        curate(services.settings.home)
    print(f"stages are {stages}, in {perf_counter() - started:.0f} s", flush=True)


def publish(services: Services) -> None:
    """Build a release of each stage, and a map of the raw one."""
    started = perf_counter()
    with services.database.read() as connection:
        newest = ledger.newest(connection)
    if newest is None:
        raise LookupError("the lake is empty")
    releases = releases_of(services, _CopiedStages(services.catalog))
    for stage in COMPUTED_STAGES:
        releases.build(_recipe(stage), newest)
    services.publishing.maps.build_of_release("raw", "raw", MapParameters())
    for each in releases.all():
        files = sum(file.bytes for file in each.files)
        print(f"release {each.name}: {each.rows} rows, {files / 1e6:.0f} MB")
    for described in services.publishing.maps.all():
        print(f"map {described.name}: {described.rows} points")
    print(f"published in {perf_counter() - started:.0f} s", flush=True)


class _CopiedStages(Stages):
    """The stages as they were copied: none of them is computed for a release."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def build(
        self, stage: ComputedStage, snapshot: Snapshot, progress: RowProgress = lambda _: None
    ) -> StageBuild:
        """Return what the tables of a stage have."""
        progress(self.total_rows(stage, snapshot))
        rows, dropped = _tables_of(self._catalog, stage)
        built = newest_build(rows)
        if built is None:
            raise LookupError(f"{stage} is empty")
        return StageBuild(
            stage=stage,
            source_snapshot_id=snapshot.snapshot_id,
            snapshot_id=built,
            rows=size_of(rows).rows,
            dropped={_REASON: size_of(dropped).rows},
            rules=dict.fromkeys(("cleaning", "curating"), "none"),
            reasons=all_reasons(CuratingParameters()),
            computed_rows=0,
        )


def _recipe(stage: Stage) -> Recipe:
    languages = () if stage == "raw" else (_RELEASED_LANGUAGE,)
    return Recipe(name=stage, stage=stage, licence="CC0-1.0", languages=languages)


def _tables_of(catalog: Catalog, stage: ComputedStage) -> tuple[Table, Table]:
    names = COMPUTED_STAGES[stage]
    return load_table(catalog, names.rows), load_table(catalog, names.dropped)


def copy_to_stages(services: Services) -> None:
    """Fill the tables of the stages file by file; every tenth row is dropped for the one before."""
    raw = load_table(services.catalog)
    with services.database.read() as connection:
        newest = ledger.newest(connection)
    if newest is None:
        raise LookupError("the lake is empty")
    files = plan(raw, newest)
    source = {SOURCE_SNAPSHOT_PROPERTY: str(newest.snapshot_id)}
    for stage, names in COMPUTED_STAGES.items():
        rows, dropped = _tables_of(services.catalog, stage)
        kept_files, dropped_files = (StagedFiles(table, uuid4()) for table in (rows, dropped))
        schema = names.arrow_schema
        for file in files:
            read_rows = pa.Table.from_batches(read(raw, [file])).combine_chunks()
            is_dropped = pa.array(
                place % _DROPPED_OF == _DROPPED_OF - 1 for place in range(read_rows.num_rows)
            )
            kept_files.write(_measured(read_rows.filter(pc.invert(is_dropped)), schema))
            kept_files.end_file()
            dropped_files.write(_dropped(read_rows, is_dropped))
            dropped_files.end_file()
        for table, staged in ((rows, kept_files), (dropped, dropped_files)):
            replace_files(table, lambda _: True, staged.finish(), source)


def _measured(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return rows of a stage: what the raw table has, and zeros for what is measured."""
    return pa.table([_column(rows, field) for field in schema], schema=schema)


def _column(rows: pa.Table, field: pa.Field) -> pa.Array:
    if field.name == CONVERSATION:
        turns = rows[field.name].combine_chunks()
        values = turns.flatten()
        given = {each.name for each in values.type}
        fields = [
            values.field(each.name).cast(each.type)
            if each.name in given and each.name != "alternatives"
            else pa.nulls(len(values), each.type)
            for each in field.type.value_type
        ]
        structs = pa.StructArray.from_arrays(fields, fields=list(field.type.value_type))
        return pa.LargeListArray.from_arrays(turns.offsets, structs, type=field.type)
    if field.name in rows.column_names:
        return rows[field.name].combine_chunks().cast(field.type)
    if field.name == LANGUAGE:
        every = zip(range(rows.num_rows), cycle((_RELEASED_LANGUAGE, *["en"] * (_RELEASED_OF - 1))))
        return pa.array([language for _, language in every], field.type)
    if field.name == _PROMPT:
        # Rows of one prompt would be one group, and in one split.
        hashes = [int(each[:_HASH_DIGITS], 16) for each in rows["content_hash"].to_pylist()]
        # Nor may they share a band, by which similar prompts are found.
        prompts = [{"hash": each, "bands": [each + n for n in range(BANDS)]} for each in hashes]
        return pa.array(prompts, field.type)
    if field.nullable:
        return pa.nulls(rows.num_rows, field.type)
    return pa.array([_nothing(field.type)] * rows.num_rows, field.type)


def _nothing(kind: pa.DataType) -> object:
    if pa.types.is_struct(kind):
        return {field.name: _nothing(field.type) for field in kind}
    if pa.types.is_large_list(kind) or pa.types.is_list(kind):
        return []
    return "und" if pa.types.is_large_string(kind) else 0


def _dropped(rows: pa.Table, is_dropped: pa.Array) -> pa.Table:
    ids = rows["contribution_id"].combine_chunks()
    dropped = rows.filter(is_dropped)
    kept = ids.filter(pa.array(place % _DROPPED_OF == _DROPPED_OF - 2 for place in range(len(ids))))
    kept = kept.slice(0, dropped.num_rows)
    columns = {
        "contribution_id": dropped["contribution_id"],
        "received_at": dropped["received_at"],
        "reason": pa.array([_REASON] * dropped.num_rows, pa.large_string()),
        "kept_id": kept,
    }
    return pa.table(
        [
            columns.get(field.name, pa.nulls(dropped.num_rows, field.type))
            for field in DROPPED_ARROW_SCHEMA
        ],
        schema=DROPPED_ARROW_SCHEMA,
    )
