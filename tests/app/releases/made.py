"""Stages with made rows, for tests of releases, which know nothing of how stages are computed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog import Catalog

from app.curation.pipeline.stages import StageBuild, Stages
from app.query.scratch import ScratchDatabase
from app.releases.manifest import Manifest
from app.releases.recipe import Recipe
from app.releases.registry import Nobody
from app.releases.service import Releases
from app.services import Services
from app.settings import Settings
from catalog.scan import plan, read
from catalog.schema import ARROW_SCHEMA
from catalog.snapshots import Snapshot
from catalog.stage_tables import load_stage
from catalog.stages import (
    COMPUTED_STAGES,
    DROPPED_ARROW_SCHEMA,
    MASK_KINDS,
    SOURCE_SNAPSHOT_PROPERTY,
    ComputedStage,
    Stage,
)
from catalog.table import load_table
from tests.factories import make_contribution_id

LICENCE = "CC-BY-4.0"
NO_IDS = pa.array([], pa.large_string())
_SIGNALS = {
    field.name: field.type
    for field in COMPUTED_STAGES["curated"].arrow_schema.field("signals").type
}


def make_recipe(name: str = "first", stage: Stage = "raw", **fields: Any) -> Recipe:
    """Return what a release is asked to be."""
    return Recipe(**{"name": name, "stage": stage, "licence": LICENCE, **fields})


def make_row(number: int, *contents: str, day: int = 0, **fields: Any) -> dict[str, Any]:
    """Return a row of a stage whose turns have these texts; the rest is made up or given."""
    contribution_id = make_contribution_id(day, number)
    ratings = fields.pop("ratings", ())
    turns = [
        {
            "role": ("user", "assistant")[position % 2],
            "content": content,
            "rating": ratings[position] if position < len(ratings) else None,
            "stopped": False,
            "edited_content": None,
        }
        for position, content in enumerate(contents or ("Hi", "Hello"))
    ]
    row = {
        "contribution_id": contribution_id,
        "received_at": datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(days=day),
        "source": "app",
        "agent_id": "test-agent",
        "submitter_id": f"submitter-{number}",
        "attribution": None,
        "conversation": turns,
        "content_hash": f"hash of {contents}",
        "language": "en",
        "language_confidence": 0.5,
        "masked": dict.fromkeys(MASK_KINDS, 0),
        "signals": {
            name: False if pa.types.is_boolean(kind) else 0 for name, kind in _SIGNALS.items()
        },
        "bands": [1, 2],
    }
    return {**row, **fields}


MADE_RULES: Final = {"cleaning": "1", "curating": "1"}


@dataclass
class MadeStages(Stages):
    """Writes made rows to the tables of a stage, whatever the snapshot holds."""

    catalog: Catalog
    rows: Sequence[dict[str, Any]] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)

    def build(
        self,
        stage: ComputedStage,
        snapshot: Snapshot,
        progress: Callable[[int], None] = lambda _: None,
    ) -> StageBuild:
        """Bring a stage and those before it to a snapshot."""
        properties = {SOURCE_SNAPSHOT_PROPERTY: str(snapshot.snapshot_id)}
        for name, tables in COMPUTED_STAGES.items():
            rows = load_stage(self.catalog, tables.rows)
            if rows.current_snapshot() is None:
                in_order = sorted(self.rows, key=lambda row: row["contribution_id"])
                made = pa.Table.from_pylist(in_order, tables.arrow_schema)
                rows.append(made, snapshot_properties=properties)
                dropped = load_stage(self.catalog, tables.dropped)
                nothing = pa.Table.from_pylist([], DROPPED_ARROW_SCHEMA)
                dropped.append(nothing, snapshot_properties=properties)
            progress(snapshot.total_rows)
            if name == stage:
                break
        newest = rows.current_snapshot()
        assert newest is not None
        return StageBuild(
            stage=stage,
            source_snapshot_id=snapshot.snapshot_id,
            snapshot_id=newest.snapshot_id,
            rows=len(self.rows),
            dropped=self.dropped,
            rules=MADE_RULES,
            computed_days=(),
        )


def releases_of(
    services: Services,
    stages: Stages | None = None,
    settings: Settings | None = None,
) -> Releases:
    """Return the releases of a lake, with stages and settings of a test's own."""
    return Releases(
        services.database,
        lambda: services.catalog,
        settings or services.settings,
        stages=lambda: stages or MadeStages(services.catalog),
        suppressions=services.suppressions,
        scratch=ScratchDatabase(services.settings.query_memory_mib),
    )


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder, by its path in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


STAGE_TABLES = [
    name for tables in COMPUTED_STAGES.values() for name in (tables.rows, tables.dropped)
]


class Watch(Nobody):
    """Does something once rows are being written."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then

    def advance(self, rows: int) -> None:  # noqa: ARG002  # what it does is the same for all
        """Do it."""
        self._then()


def released(folder: Path, manifest: Manifest, form: str = "parquet") -> pa.Table:
    """Return the rows of a release, in order again."""
    paths = [folder / file.path for file in manifest.files if file.format == form]
    return pa.concat_tables([pq.read_table(path) for path in paths]).sort_by(
        [("received_at", "ascending"), ("contribution_id", "ascending")]
    )


def scan(services: Services, snapshot: Snapshot) -> pa.Table:
    table = load_table(services.catalog)
    rows = pa.Table.from_batches(read(table, plan(table, snapshot)), ARROW_SCHEMA)
    return rows.sort_by([("received_at", "ascending"), ("contribution_id", "ascending")])


def tags_of(services: Services, name: str) -> set[str]:
    """Return the tables that have a tag."""
    tables = [load_table(services.catalog)]
    tables += [load_stage(services.catalog, each) for each in STAGE_TABLES]
    return {".".join(table.name()) for table in tables if name in table.metadata.refs}
