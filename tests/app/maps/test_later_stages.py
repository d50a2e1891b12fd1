from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest

from app.maps.later_stages import later_stages
from app.services import Services
from catalog.stages.builds import replace_files
from catalog.stages.tables import (
    COMPUTED_STAGES,
    DROPPED_ARROW_SCHEMA,
    SOURCE_SNAPSHOT_PROPERTY,
    ComputedStage,
    Stage,
)
from catalog.table import load_table
from catalog.writing.staging import StagedFiles
from tests.app.releases.factories import make_row
from tests.batches import cut

ROWS = [make_row(number) for number in range(5)]
IDS = [row["contribution_id"] for row in ROWS]
DROPPED: Mapping[ComputedStage, Mapping[int, str]] = {
    "cleaned": {0: "no_exchange"},
    "curated": {1: "refusal", 3: "near_duplicate"},
}


def build(services: Services, stage: ComputedStage, source_id: int) -> None:
    """Write a build of a stage, which drops what `DROPPED` tells."""
    reasons = DROPPED[stage]
    tables = COMPUTED_STAGES[stage]
    kept = [row for row in ROWS if row["contribution_id"] not in {IDS[place] for place in reasons}]
    dropped = [
        {"contribution_id": IDS[place], "received_at": datetime(2026, 3, 1, 12, tzinfo=UTC)}
        | {"reason": reason}
        for place, reason in reasons.items()
    ]
    write(services, tables.rows, pa.Table.from_pylist(kept, tables.arrow_schema), source_id)
    told = pa.Table.from_pylist(dropped, DROPPED_ARROW_SCHEMA)
    write(services, tables.dropped, told, source_id)


def write(services: Services, identifier: str, rows: pa.Table, source_id: int) -> None:
    """Write rows in the place of those that a table of a stage has."""
    table = load_table(services.catalog, identifier)
    files = StagedFiles(table, uuid4())
    files.write(rows)
    properties = {SOURCE_SNAPSHOT_PROPERTY: str(source_id)}
    replace_files(table, lambda _: True, files.finish(), properties)


def told(services: Services, stage: Stage, rows: Sequence[int] = range(5)) -> dict[str, Any]:
    """Return the columns that rows of snapshot 7 get, without their ids."""
    batch = pa.record_batch({"contribution_id": [IDS[row] for row in rows]})
    with later_stages(services.catalog, stage, source_id=7) as later:
        found = pa.Table.from_batches(later.add_to(part) for part in cut(batch, 2))
    columns: dict[str, Any] = found.drop_columns(["contribution_id"]).to_pydict()
    return columns


@pytest.fixture
def built(services: Services) -> Services:
    """A lake whose stages were built of snapshot 7."""
    for stage in COMPUTED_STAGES:
        build(services, stage, source_id=7)
    return services


def test_raw_rows_have_their_outcome_in_all_stages_and_their_language(built: Services) -> None:
    assert told(built, "raw") == {
        "outcome": ["no_exchange", "refusal", "kept", "near_duplicate", "kept"],
        "language": [None, "en", "en", "en", "en"],
    }


def test_cleaned_rows_have_their_outcome_in_curation(built: Services) -> None:
    assert told(built, "cleaned", range(1, 5)) == {
        "outcome": ["refusal", "kept", "near_duplicate", "kept"]
    }


def test_curated_rows_have_no_outcome(built: Services) -> None:
    assert told(built, "curated") == {}


@pytest.mark.slow
def test_builds_of_other_snapshots_tell_nothing(services: Services) -> None:
    assert told(services, "raw") == {}
    build(services, "cleaned", source_id=7)
    build(services, "curated", source_id=8)
    assert told(services, "raw")["outcome"] == ["no_exchange", *["kept"] * 4]
    assert told(services, "cleaned") == {}


@pytest.mark.slow
def test_a_later_build_of_another_snapshot_hides_none(built: Services) -> None:
    before = told(built, "raw")
    build(built, "curated", source_id=8)
    assert told(built, "raw") == before
