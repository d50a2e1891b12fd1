import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.releases.build import build_raw
from app.releases.errors import ReleaseNameInvalid, ReleaseNameTaken
from app.releases.manifest import MANIFEST_FILE, SUMS_FILE, Manifest, decode_sums
from app.releases.shelf import list_releases
from app.services import Services
from app.version import VERSION
from catalog.errors import SnapshotNotLive, TagNotFound
from catalog.maintenance.thinning import Retention, thin, thinnable
from catalog.scan import plan, read
from catalog.schema import ARROW_SCHEMA, ROW_GROUP_ROWS, SCHEMA
from catalog.snapshots import Snapshot, tag_snapshot, tagged_snapshot_id
from catalog.table import load_table
from tests.factories import commit_batch, make_received

LICENCE = "CC-BY-4.0"


def build(services: Services, snapshot: Snapshot, name: str) -> Manifest:
    table = load_table(services.catalog)
    return build_raw(table, snapshot, services.settings.releases, name, LICENCE)


def scan(services: Services, snapshot: Snapshot) -> pa.Table:
    table = load_table(services.catalog)
    return pa.Table.from_batches(read(table, plan(table, snapshot)), ARROW_SCHEMA)


def assert_no_trace(services: Services, name: str) -> None:
    """Check that there is neither a release nor a tag by this name, nor anything half-built."""
    shelf = services.settings.releases
    assert {path.name for path in shelf.iterdir()} <= {".lock"}
    assert list_releases(shelf) == []
    with pytest.raises(TagNotFound):
        tagged_snapshot_id(load_table(services.catalog), name)


def test_a_release_holds_exactly_the_rows_of_the_scan(
    services: Services, shelf: Path, snapshot: Snapshot
) -> None:
    manifest = build(services, snapshot, "first")
    commit_batch(services, make_received(9))
    tables = [pq.read_table(shelf / "first" / file.path) for file in manifest.files]
    released = pa.concat_tables(tables)
    assert released.schema == ARROW_SCHEMA
    assert released.equals(scan(services, snapshot))
    assert released.num_rows == 5


def test_a_release_of_an_older_snapshot_holds_the_rows_of_then(
    services: Services, shelf: Path
) -> None:
    older = commit_batch(services, make_received(0, "then"))
    commit_batch(services, make_received(0, "now"))
    manifest = build(services, older, "then")
    (row,) = pq.read_table(shelf / "then" / manifest.files[0].path).to_pylist()
    assert row["conversation"][0]["content"] == "then"
    assert tagged_snapshot_id(load_table(services.catalog), "then") == older.snapshot_id


def test_the_sums_are_those_that_sha256sum_checks(
    services: Services, shelf: Path, snapshot: Snapshot
) -> None:
    build(services, snapshot, "first")
    folder = shelf / "first"
    check = ["sha256sum", "--check", "--strict", SUMS_FILE]
    result = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert set(decode_sums((folder / SUMS_FILE).read_bytes())) == files - {SUMS_FILE}
    (folder / MANIFEST_FILE).write_bytes(b"changed")
    assert subprocess.run(check, cwd=folder, capture_output=True, check=False).returncode != 0


def test_the_manifest_says_what_a_release_is(
    services: Services, shelf: Path, snapshot: Snapshot
) -> None:
    manifest = build(services, snapshot, "first")
    written = json.loads((shelf / "first" / MANIFEST_FILE).read_bytes())
    assert written["name"] == "first"
    assert written["stage"] == "raw"
    assert written["snapshot_id"] == str(snapshot.snapshot_id)
    assert written["sequence_number"] == snapshot.sequence_number
    assert written["licence"] == LICENCE
    assert written["rows"] == snapshot.total_rows == 5
    assert written["schema"] == SCHEMA.model_dump(mode="json", by_alias=True)
    assert set(written["versions"]) == {"chatlake", "pyarrow", "pyiceberg"}
    assert written["versions"]["chatlake"] == VERSION
    assert manifest.committed_at == snapshot.committed_at
    assert list_releases(shelf) == [manifest]
    (file,) = written["files"]
    data = shelf / "first" / file["path"]
    assert file["bytes"] == data.stat().st_size
    assert file["rows"] == 5
    assert file["sha256"] == decode_sums((shelf / "first" / SUMS_FILE).read_bytes())[file["path"]]


def test_the_snapshot_carries_the_name_as_its_tag(services: Services, snapshot: Snapshot) -> None:
    build(services, snapshot, "first")
    assert tagged_snapshot_id(load_table(services.catalog), "first") == snapshot.snapshot_id


def test_two_releases_of_a_snapshot_differ_in_their_name_alone(
    services: Services, shelf: Path, snapshot: Snapshot
) -> None:
    first, second = build(services, snapshot, "first"), build(services, snapshot, "second")
    assert first.files == second.files
    for file in first.files:
        one, other = (shelf / name / file.path for name in ("first", "second"))
        assert one.read_bytes() == other.read_bytes()
    manifest = (shelf / "second" / MANIFEST_FILE).read_text()
    assert manifest.replace('"second"', '"first"') == (shelf / "first" / MANIFEST_FILE).read_text()
    sums = [decode_sums((shelf / name / SUMS_FILE).read_bytes()) for name in ("first", "second")]
    for each in sums:
        del each[MANIFEST_FILE]
    assert sums[0] == sums[1]


def test_a_large_release_rolls_over_to_more_files(services: Services, shelf: Path) -> None:
    random = Random(0)  # noqa: S311  # texts, not secrets
    rows = [make_received(0, random.randbytes(20).hex()) for _ in range(3 * ROW_GROUP_ROWS // 2)]
    snapshot = commit_batch(services, *rows)
    table = load_table(services.catalog)
    advances: list[int] = []
    manifest = build_raw(
        table, snapshot, shelf, "rolled", LICENCE, progress=advances.append, file_bytes=1000
    )
    assert [file.rows for file in manifest.files] == [ROW_GROUP_ROWS, ROW_GROUP_ROWS // 2]
    assert advances == [ROW_GROUP_ROWS, ROW_GROUP_ROWS // 2]
    assert [file.path for file in manifest.files] == [
        "data/contributions-00000.parquet",
        "data/contributions-00001.parquet",
    ]
    tables = [pq.read_table(shelf / "rolled" / file.path) for file in manifest.files]
    assert pa.concat_tables(tables).equals(scan(services, snapshot))


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "-x", "a/b", "../a", "a\n", "a b", "ä", "x" * 101, "a\x00"]
)
def test_a_name_that_cannot_be_a_folder_and_a_url_is_refused(
    services: Services, shelf: Path, snapshot: Snapshot, name: str
) -> None:
    with pytest.raises(ReleaseNameInvalid) as caught:
        build(services, snapshot, name)
    assert caught.value.name == name
    assert not shelf.exists()


def take_by_release(services: Services, snapshot: Snapshot) -> str:
    build(services, snapshot, "taken")
    return "taken"


def take_by_folder(services: Services, _snapshot: Snapshot) -> str:
    (services.settings.releases / "taken").mkdir(parents=True)
    return "taken"


def take_by_tag(services: Services, snapshot: Snapshot) -> str:
    tag_snapshot(load_table(services.catalog), "taken", snapshot.snapshot_id)
    return "taken"


def take_by_branch(_services: Services, _snapshot: Snapshot) -> str:
    return "main"


@pytest.mark.parametrize("take", [take_by_release, take_by_folder, take_by_tag, take_by_branch])
def test_a_name_is_used_once(
    services: Services,
    shelf: Path,
    snapshot: Snapshot,
    take: Callable[[Services, Snapshot], str],
) -> None:
    name = take(services, snapshot)
    before = sorted(shelf.rglob("*")) if shelf.exists() else [shelf / ".lock"]
    with pytest.raises(ReleaseNameTaken) as caught:
        build(services, snapshot, name)
    assert caught.value.name == name
    assert {*shelf.rglob("*")} == {*before, shelf / ".lock"}


def test_of_many_builds_of_one_name_exactly_one_wins(
    services: Services, shelf: Path, snapshot: Snapshot
) -> None:
    def attempt(_: int) -> Manifest | None:
        try:
            return build(services, snapshot, "contested")
        except ReleaseNameTaken:
            return None

    with ThreadPoolExecutor(4) as pool:
        manifests = [manifest for manifest in pool.map(attempt, range(8)) if manifest]
    assert len(manifests) == 1
    assert list_releases(shelf) == manifests


def test_builds_of_several_names_at_once_all_succeed(
    services: Services, shelf: Path, snapshot: Snapshot
) -> None:
    names = [f"release-{number}" for number in range(6)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda name: build(services, snapshot, name), names))
    assert [manifest.name for manifest in list_releases(shelf)] == names


def test_a_build_that_fails_in_the_middle_leaves_nothing_and_the_name_free(
    services: Services, shelf: Path, snapshot: Snapshot
) -> None:
    def fail(_rows: int) -> None:
        assert len(list(shelf.glob(".*.building/data"))) == 1
        raise KeyboardInterrupt

    table = load_table(services.catalog)
    with pytest.raises(KeyboardInterrupt):
        build_raw(table, snapshot, shelf, "first", LICENCE, progress=fail)
    assert_no_trace(services, "first")
    assert build(services, snapshot, "first").rows == 5


def test_a_snapshot_that_is_not_live_leaves_nothing(
    services: Services, shelf: Path, snapshot: Snapshot
) -> None:
    commit_batch(services, make_received())
    load_table(services.catalog).maintenance.expire_snapshots().by_id(snapshot.snapshot_id).commit()
    with pytest.raises(SnapshotNotLive) as caught:
        build(services, snapshot, "first")
    assert caught.value.snapshot_id == snapshot.snapshot_id
    assert shelf.exists()
    assert_no_trace(services, "first")


def test_a_snapshot_is_not_thinned_while_it_is_released(
    services: Services, shelf: Path, snapshot: Snapshot
) -> None:
    newest_alone = Retention(newest=1, hours=0, days=0, read_grace=timedelta(0))

    def thin_all(_rows: int) -> None:
        other = load_table(services.catalog)
        now = datetime.now(UTC)
        commit_batch(services, make_received())
        other.refresh()
        thin(other, thinnable(other, newest_alone, now), now)

    table = load_table(services.catalog)
    manifest = build_raw(table, snapshot, shelf, "first", LICENCE, progress=thin_all)
    newest = load_table(services.catalog)
    assert manifest.rows == 5
    assert tagged_snapshot_id(newest, "first") == snapshot.snapshot_id
    assert set(newest.metadata.refs) == {"main", "first"}


def test_a_folder_that_cannot_be_published_takes_its_tag_back(
    services: Services, shelf: Path, snapshot: Snapshot
) -> None:
    def occupy(_rows: int) -> None:
        # After the look whether the name is free, and before the folder is renamed to it.
        (shelf / "first").mkdir()
        (shelf / "first" / "file").touch()

    table = load_table(services.catalog)
    with pytest.raises(OSError, match="first"):
        build_raw(table, snapshot, shelf, "first", LICENCE, progress=occupy)
    with pytest.raises(TagNotFound):
        tagged_snapshot_id(load_table(services.catalog), "first")
    assert list_releases(shelf) == []
