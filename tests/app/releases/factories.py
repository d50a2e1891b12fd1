"""Releases, and stages with given rows: tests of releases need no computed stage."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog import Catalog

from app.access.hidden_watch import HiddenWatch
from app.curation.pipeline.stages import StageBuild, Stages
from app.curation.rules.curating import prompts
from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.reasons import all_reasons
from app.releases.manifest import MANIFEST_FILE, SUMS_FILE, Manifest, encode_sums
from app.releases.recipe import Recipe
from app.releases.rows.optional_fields import arrow_schema, without_empty
from app.releases.service import Releases
from app.releases.status import Step
from app.releases.stores.choice import open_store
from app.services import Services
from app.settings import Settings
from app.state.scratch import ScratchDatabase
from catalog.reading.plans import plan
from catalog.reading.scan import read
from catalog.schema import SCHEMA
from catalog.snapshots import Snapshot
from catalog.stages.builds import replace_files
from catalog.stages.tables import (
    COMPUTED_STAGES,
    DROPPED_ARROW_SCHEMA,
    MASK_KINDS,
    SOURCE_SNAPSHOT_PROPERTY,
    ComputedStage,
    Stage,
)
from catalog.table import load_table
from catalog.writing.staging import StagedFiles
from tests.factories import make_contribution_id

LICENCE = "CC-BY-4.0"
FIRST_SCHEMA: Final = arrow_schema(without_empty(SCHEMA, ()))
"""The schema of a raw release whose rows fill no optional field."""
NO_IDS = pa.array([], pa.large_string())
_SIGNALS = {
    field.name: field.type
    for field in COMPUTED_STAGES["curated"].arrow_schema.field("signals").type
}


def make_recipe(name: str = "first", stage: Stage = "raw", **fields: Any) -> Recipe:
    """Return the recipe of a release."""
    return Recipe(**{"name": name, "stage": stage, "licence": LICENCE, **fields})


def make_row(number: int, *contents: str, day: int = 0, **fields: Any) -> dict[str, Any]:
    """Return a row of a stage whose turns have these texts; other fields have a default."""
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
        "contributor_id": f"submitter-{number}",
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
        "prompt": {"hash": 1, "bands": list(range(prompts.BANDS))},
    }
    return {**row, **fields}


def make_turn(role: str, content: str = "", **fields: Any) -> dict[str, Any]:
    """Return a turn of a stage."""
    first = {"rating": None, "stopped": False, "edited_content": None}
    return {"role": role, "content": content, **first, **fields}


WEATHER_TOOL: Final = json.dumps([{"type": "function", "function": {"name": "weather"}}])


def make_tool_row(number: int, **fields: Any) -> dict[str, Any]:
    """Return a row of a stage in which a tool is called; every optional field is filled."""
    call = {"id": f"call-{number}", "name": "weather", "arguments": '{"city": "Bonn"}'}
    moment = datetime(2026, 2, 1, tzinfo=UTC)
    image = {
        "kind": "image",
        "media_type": "image/png",
        "name": "a.png",
        "bytes": 3,
        "sha256": "0" * 64,
        "text": "a cloud",
    }
    answer = make_turn("assistant", f"It is sunny {number}", rating="positive")
    other = make_turn("assistant", f"It is raining {number}", rating="negative", model="model-2")
    turns = [
        make_turn("user", f"How is it {number}?", attachments=[image], created_at=moment),
        make_turn("assistant", reasoning="I look it up.", tool_calls=[call], model="model-1"),
        make_turn("tool", "sunny", tool_call_id=call["id"], name="weather"),
        {**answer, "model": "model-1", "alternatives": [[other]]},
    ]
    return make_row(
        number,
        **{
            "conversation": turns,
            "created_at": moment,
            "title": "Weather",
            "client": {"name": "app", "version": "1"},
            "licence": "CC0-1.0",
            "tools": WEATHER_TOOL,
            "labels": [("topic", "weather")],
            **fields,
        },
    )


PRESET_RULES: Final = {"cleaning": "1", "curating": "1"}


@dataclass
class PresetStages(Stages):
    """Writes given rows to the tables of a stage, whatever the snapshot holds."""

    catalog: Catalog
    rows: Sequence[dict[str, Any]] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)

    def build(
        self,
        stage: ComputedStage,
        snapshot: Snapshot,
        progress: Callable[[int], None] = lambda _: None,
    ) -> StageBuild:
        """Write the rows to a stage and those before it, once for all snapshots."""
        properties = {SOURCE_SNAPSHOT_PROPERTY: str(snapshot.snapshot_id)}
        for name, tables in COMPUTED_STAGES.items():
            rows = load_table(self.catalog, tables.rows)
            if rows.current_snapshot() is None:
                # As the pipeline writes them; pyiceberg would write empty lists for nulls.
                in_order = sorted(self.rows, key=lambda row: row["contribution_id"])
                made = pa.Table.from_pylist(in_order, tables.arrow_schema)
                files = StagedFiles(rows, uuid4())
                files.write(made)
                replace_files(rows, lambda _: False, files.finish(), properties)
                dropped = load_table(self.catalog, tables.dropped)
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
            rules=PRESET_RULES,
            reasons=all_reasons(CuratingParameters()),
            computed_rows=0,
        )


def releases_of(
    services: Services,
    stages: Stages | None = None,
    settings: Settings | None = None,
) -> Releases:
    """Return the releases of a lake, with other stages or settings than its own."""
    chosen = settings or services.settings
    return Releases(
        services.database,
        lambda: services.catalog,
        open_store(chosen),
        stages=lambda: stages or PresetStages(services.catalog),
        hidden=services.access.hidden.ids,
        watch=partial(HiddenWatch, services.access.taken_down, services.access.hidden),
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


def make_manifest(**fields: Any) -> Manifest:
    """Return the manifest of a raw release without rows; other fields have a default."""
    made: dict[str, Any] = {
        "name": "first",
        "stage": "raw",
        "snapshot_id": "1",
        "sequence_number": 1,
        "committed_at": datetime(2026, 3, 1, tzinfo=UTC),
        "licence": LICENCE,
        "rows": 0,
        "file_count": 0,
        "files": [],
        "schema": {"fields": []},
        "versions": {},
    }
    return Manifest(**{**made, **fields})


class CallWhileWriting:
    """A progress reporter that calls a function while a build writes rows."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function

    def step(self, step: Step, total: int | None) -> None:
        """Do nothing."""

    def advance(self, rows: int) -> None:  # noqa: ARG002  # any number of rows will do
        """Call the function."""
        self._function()


def read_release(folder: Path, manifest: Manifest, form: str = "parquet") -> pa.Table:
    """Return the rows of all splits of a release, in order."""
    paths = [folder / file.path for file in manifest.files if file.format == form]
    return pa.concat_tables([pq.read_table(path) for path in paths]).sort_by(
        [("received_at", "ascending"), ("contribution_id", "ascending")]
    )


def read_snapshot(services: Services, snapshot: Snapshot) -> pa.Table:
    """Return the rows of a raw snapshot without optional fields, in the order of a release."""
    table = load_table(services.catalog)
    batches = read(table, plan(table, snapshot), FIRST_SCHEMA.names)
    rows = pa.Table.from_batches(batch.cast(FIRST_SCHEMA) for batch in batches)
    return rows.sort_by([("received_at", "ascending"), ("contribution_id", "ascending")])


def tags_of(services: Services, name: str) -> set[str]:
    """Return the names of the tables that have a tag."""
    tables = [load_table(services.catalog)]
    tables += [load_table(services.catalog, table) for table in STAGE_TABLES]
    return {".".join(table.name()) for table in tables if name in table.metadata.refs}


def make_old_release(releases_folder: Path, name: str) -> bytes:
    """Publish a release in the layout from before stages; return the bytes of its data file."""
    data = b"the bytes of a Parquet file"
    path = "data/contributions-00000.parquet"
    sha256 = hashlib.sha256(data).hexdigest()
    manifest = {
        "name": name,
        "stage": "raw",
        "snapshot_id": "5205699861694616229",
        "sequence_number": 3,
        "committed_at": "2026-11-23T08:33:43.249000Z",
        "licence": "CC-BY-4.0",
        "rows": 3000,
        "file_count": 1,
        "files": [{"path": path, "rows": 3000, "bytes": len(data), "sha256": sha256}],
        "schema": {"type": "struct", "fields": []},
        "versions": {"chatlake": "0.1.0"},
    }
    content = json.dumps(manifest, indent=2).encode()
    folder = releases_folder / name
    (folder / "data").mkdir(parents=True)
    (folder / path).write_bytes(data)
    (folder / MANIFEST_FILE).write_bytes(content)
    sums = {path: sha256, MANIFEST_FILE: hashlib.sha256(content).hexdigest()}
    (folder / SUMS_FILE).write_bytes(encode_sums(sums))
    return data
