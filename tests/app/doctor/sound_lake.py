"""A lake in which nothing is wrong."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import insert

from app.background.text_index import newest_files
from app.curation.pipeline.kept_outcomes import KeptOutcomes
from app.curation.rules.interface import OUTCOMES_SCHEMA
from app.maps.description import (
    MAP_FILE,
    MapDescription,
    MapParameters,
    MapSource,
    encode_description,
)
from app.maps.store import MAP_FILES
from app.releases.manifest import MANIFEST_FILE, SUMS_FILE, encode_manifest, encode_sums
from app.services import Services
from app.state.checksums import sha256_of
from app.state.models import ReleaseRecord
from catalog.table import load_table
from tests.app.doctor.planting import execute
from tests.app.releases.factories import make_manifest
from tests.factories import commit_batch, make_contribution, make_contribution_id, make_received

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=30)
FIRST_ID = make_contribution_id(1)
CHAT = {"contributor_id": "a" * 32, "conversation_id": "c" * 32}


def make_sound_lake(services: Services) -> None:
    """Fill a lake with five commits, a release, a map, and what is derived from them."""
    commit_batch(services, make_received(0), make_contribution(contribution_id=FIRST_ID))
    commit_batch(services, make_received(0))
    services.ingest.journal.append(make_contribution())
    services.jobs.committer().drain()
    for number in range(2):
        commit_batch(services, make_received(number, f"version {number}", **CHAT))
    services.reading.summary_job().step()
    _index_texts(services)
    _write_outcomes(services)
    _make_release(services)
    _make_map(services)
    disconnect(services)


def disconnect(services: Services) -> None:
    """Close what would go on reading files that are changed now."""
    services.database.dispose()
    services.catalog.engine.dispose()
    services.catalog._newest.clear()
    services.versions.index.dispose()
    services.reading.file_counts.dispose()


def _make_release(services: Services) -> None:
    folder = services.settings.releases / "first"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("A release.")
    (folder / MANIFEST_FILE).write_bytes(encode_manifest(make_manifest(name="first", files=())))
    sums = {"README.md": sha256_of(folder / "README.md")}
    (folder / SUMS_FILE).write_bytes(encode_sums(sums))
    _record_release(services, "first")


def _record_release(services: Services, name: str) -> None:
    values = {
        "name": name,
        "build_id": str(uuid4()),
        "stage": "raw",
        "state": "published",
        "step": "publish",
        "rows_done": 0,
        "started_at": NOW,
        "seen_at": NOW,
    }
    execute(services, insert(ReleaseRecord).values(values))


def _make_map(services: Services) -> None:
    folder = services.settings.maps / "a-map"
    folder.mkdir(parents=True)
    for name in MAP_FILES:
        (folder / name).touch()
    description = MapDescription(
        name="a-map",
        source=MapSource(stage="raw", snapshot_id="1", committed_at=NOW),
        parameters=MapParameters(),
        rows=0,
        found_rows=0,
        clusters=0,
        versions={},
    )
    (folder / MAP_FILE).write_bytes(encode_description(description))


def _index_texts(services: Services) -> None:
    table = load_table(services.catalog)
    for file in newest_files(table):
        assert services.reading.text_indexes.build(table, file, lambda: None, lambda: True)


def _write_outcomes(services: Services) -> None:
    KeptOutcomes(services.settings.outcomes).write("1", {"prompts": OUTCOMES_SCHEMA.empty_table()})
