"""Maintenance by a clock of the test, and what there is before and after it."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
from pyiceberg.table import Table

from app.background.maintenance.service import Maintenance
from app.services import Services
from catalog.stages.builds import replace_files
from catalog.stages.reader import stage_rows
from catalog.stages.tables import COMPUTED_STAGES, DROPPED_ARROW_SCHEMA, SOURCE_SNAPSHOT_PROPERTY
from catalog.table import load_table
from catalog.writing.staging import StagedFiles
from tests.factories import FIRST_DAY
from tests.factories import make_received as make

STAGE = COMPUTED_STAGES["cleaned"].dropped


def maintenance(services: Services, now: datetime | None = None, **given: object) -> Maintenance:
    """Return maintenance whose clock is at `now`, by default three hours after the last commits."""
    moment = now or datetime.now(UTC) + timedelta(hours=3)
    settings = replace(services.settings, **given)  # type: ignore[arg-type]
    return Maintenance(
        services.database,
        services.ingest.claims,
        services.catalog,
        services.versions.recorder,
        settings,
        clock=lambda: moment,
    )


def live(services: Services) -> list[int]:
    """Return the sequence numbers of the live snapshots."""
    metadata = load_table(services.catalog).metadata
    return sorted(snapshot.sequence_number or 0 for snapshot in metadata.snapshots)


def data_files(services: Services) -> int:
    table = load_table(services.catalog)
    return len(list(Path(table.location().removeprefix("file://")).rglob("*.parquet")))


def make_old(table: Table) -> None:
    moment = datetime.now(UTC).timestamp() - 30 * 86_400
    for path in Path(table.location().removeprefix("file://")).rglob("*"):
        os.utime(path, (moment, moment))


def build_stage(services: Services, *rows: int) -> int:
    """Replace what a table of a stage has, as a build does, and return the snapshot's id."""
    table = load_table(services.catalog, STAGE)
    files = StagedFiles(table, uuid4())
    reasons = [
        {"contribution_id": make().contribution_id, "received_at": FIRST_DAY, "reason": str(row)}
        for row in rows
    ]
    files.write(pa.Table.from_pylist(reasons, DROPPED_ARROW_SCHEMA))
    return replace_files(table, lambda _: True, files.finish(), {SOURCE_SNAPSHOT_PROPERTY: "7"})


def live_of_stage(services: Services) -> list[int]:
    """Return the ids of the live snapshots of the stage's table, oldest first."""
    snapshots = load_table(services.catalog, STAGE).metadata.snapshots
    by_number = sorted(snapshots, key=lambda snapshot: snapshot.sequence_number or 0)
    return [snapshot.snapshot_id for snapshot in by_number]


def reasons_in(services: Services, snapshot_id: int) -> list[str]:
    batches = stage_rows(load_table(services.catalog, STAGE), snapshot_id, ["reason"])
    return [reason for batch in batches for reason in batch["reason"].to_pylist()]
