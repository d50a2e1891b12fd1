import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.releases.errors import FilterNeedsStage, ReleaseNameInvalid, ReleaseNameTaken
from app.releases.manifest import MANIFEST_FILE, SUMS_FILE, Manifest, decode_sums
from app.releases.registry import Nobody
from app.releases.service import Releases
from app.releases.splits import SPLITS, divide
from app.services import Services
from catalog.errors import SnapshotNotLive, TagNotFound
from catalog.maintenance.thinning import Retention, thin, thinnable
from catalog.scan import plan, read
from catalog.schema import ARROW_SCHEMA, ROW_GROUP_ROWS, SCHEMA
from catalog.snapshots import Snapshot, remove_tag, tag_snapshot, tagged_snapshot_id
from catalog.stage_tables import load_stage
from catalog.stages import STAGES
from catalog.table import load_table
from tests.app.releases.made import MadeStages, files_in, make_recipe, releases_of
from tests.factories import commit_batch, make_received

STAGE_TABLES = [name for tables in STAGES.values() for name in (tables.rows, tables.dropped)]


class Watch(Nobody):
    """Does something once rows are being written."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then

    def advance(self, rows: int) -> None:
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


def assert_no_trace(services: Services, name: str) -> None:
    """Check that there is neither a release nor a tag by this name, nor anything half-built."""
    shelf = services.settings.releases
    assert {path.name for path in shelf.iterdir()} <= {".lock"}
    assert services.releases.all() == []
    assert tags_of(services, name) == set()
    assert services.releases.status(name).state == "failed"


def test_a_raw_release_holds_exactly_the_rows_of_the_scan(
    services: Services, shelf: Path, snapshot: Snapshot, releases: Releases
) -> None:
    manifest = releases.build(make_recipe(), snapshot)
    commit_batch(services, make_received(9))
    rows = released(shelf / "first", manifest)
    assert rows.cast(ARROW_SCHEMA).equals(scan(services, snapshot))
    assert rows.num_rows == manifest.rows == 5


def test_both_forms_hold_the_same_rows(shelf: Path, snapshot: Snapshot, releases: Releases) -> None:
    manifest = releases.build(make_recipe(stage="curated"), snapshot)
    for split in SPLITS:
        lines = (shelf / "first" / "jsonl" / f"{split}-00000.jsonl").read_text().splitlines()
        rows = pq.read_table(shelf / "first" / "parquet" / f"{split}-00000.parquet").to_pylist()
        told = [json.loads(line) for line in lines]
        for row, line in zip(rows, told, strict=True):
            assert line.pop("received_at") == row.pop("received_at").isoformat().replace(
                "+00:00", "Z"
            )
            assert list(line) == [name for name in row if name != "received_at"]
            assert line == row
        assert len(rows) == manifest.splits[split] > 0


def test_a_raw_release_leaves_out_what_is_suppressed_and_counts_it(
    services: Services, shelf: Path, snapshot: Snapshot
) -> None:
    victim = scan(services, snapshot).to_pylist()[2]
    left_out = pa.array([victim["contribution_id"]], pa.large_string())
    releases = releases_of(services, left_out=left_out)
    manifest = releases.build(make_recipe(), snapshot)
    assert manifest.dropped == {"suppressed": 1}
    assert manifest.rows == 4
    for content in files_in(shelf / "first").values():
        assert victim["contribution_id"].encode() not in content


def test_a_release_of_an_older_snapshot_holds_the_rows_of_then(
    services: Services, shelf: Path, releases: Releases
) -> None:
    older = commit_batch(services, make_received(0, "then"))
    commit_batch(services, make_received(0, "now"))
    manifest = releases.build(make_recipe("then"), older)
    (row,) = released(shelf / "then", manifest).to_pylist()
    assert row["conversation"][0]["content"] == "then"
    assert tagged_snapshot_id(load_table(services.catalog), "then") == older.snapshot_id


def test_rows_are_in_the_order_of_receipt_whatever_order_they_were_committed_in(
    services: Services, shelf: Path, releases: Releases
) -> None:
    rows = [make_received(day % 2, f"text {day}") for day in range(40)]
    Random(0).shuffle(rows)  # noqa: S311  # an order, not a secret
    for part in range(0, 40, 10):
        snapshot = commit_batch(services, *rows[part : part + 10])
    releases.build(make_recipe(formats=("parquet",)), snapshot)
    for split in SPLITS:
        table = pq.read_table(shelf / "first" / "parquet" / f"{split}-00000.parquet")
        keys = list(zip(table["received_at"], table["contribution_id"].to_pylist(), strict=True))
        assert [id_ for _, id_ in keys] == sorted(id_ for _, id_ in keys)
        assert len(keys) > 0


def test_each_row_is_in_the_split_that_its_id_says(
    shelf: Path, snapshot: Snapshot, releases: Releases, stages: MadeStages
) -> None:
    releases.build(make_recipe(stage="curated", test_percent=30), snapshot)
    ids = pa.record_batch({"contribution_id": [row["contribution_id"] for row in stages.rows]})
    for split, expected in divide(ids, 30).items():
        table = pq.read_table(shelf / "first" / "parquet" / f"{split}-00000.parquet")
        assert set(table["contribution_id"].to_pylist()) == set(
            expected["contribution_id"].to_pylist()
        )
        assert table.num_rows > 0


def test_a_curated_release_is_in_the_form_that_trainers_read_and_tells_nobody_who(
    shelf: Path, snapshot: Snapshot, releases: Releases, stages: MadeStages
) -> None:
    manifest = releases.build(make_recipe(stage="curated"), snapshot)
    rows = released(shelf / "first", manifest).to_pylist()
    expected = {row["contribution_id"]: row for row in stages.rows}
    assert rows[0].keys() == {
        *("contribution_id", "received_at", "source", "agent_id", "messages", "feedback"),
        *("language", "language_confidence", "masked", "signals", "content_hash"),
    }
    for row in rows:
        turns = expected[row["contribution_id"]]["conversation"]
        assert row["messages"] == [
            {key: turn[key] for key in ("role", "content")} for turn in turns
        ]
        assert row["feedback"] == [
            {key: turn[key] for key in ("rating", "edited_content", "stopped")} for turn in turns
        ]
    for path, content in files_in(shelf / "first").items():
        assert b"submitter-" not in content, path


@pytest.mark.parametrize(
    ("asked", "rows", "dropped"),
    [
        ({"languages": ("de", "fr")}, 20, {"language": 20}),
        ({"min_rating": "positive"}, 13, {"rating": 27}),
        ({"min_rating": "neutral"}, 27, {"rating": 13}),
        ({"languages": ("de",), "min_rating": "positive"}, 4, {"language": 30, "rating": 6}),
        ({"languages": ("xx",)}, 0, {"language": 40}),
    ],
)
def test_a_release_is_filtered_and_counts_what_it_left_out_under_the_first_reason(
    snapshot: Snapshot, releases: Releases, asked: dict[str, object], rows: int, dropped: object
) -> None:
    manifest = releases.build(make_recipe(stage="cleaned", **asked), snapshot)
    assert manifest.rows == rows
    assert manifest.dropped == {"superseded": 1, "near_duplicate": 2, **dropped}  # type: ignore[dict-item]


@pytest.mark.parametrize("asked", [{"languages": ("de",)}, {"min_rating": "neutral"}])
def test_a_raw_release_is_not_filtered(
    snapshot: Snapshot, releases: Releases, asked: dict[str, object]
) -> None:
    with pytest.raises(FilterNeedsStage):
        releases.build(make_recipe(**asked), snapshot)


def test_the_sums_are_those_that_sha256sum_checks(
    shelf: Path, snapshot: Snapshot, releases: Releases
) -> None:
    releases.build(make_recipe(stage="curated"), snapshot)
    folder = shelf / "first"
    check = ["sha256sum", "--check", "--strict", SUMS_FILE]
    result = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    sums = decode_sums((folder / SUMS_FILE).read_bytes())
    assert sums.keys() == files_in(folder).keys() - {SUMS_FILE}
    assert sums.keys() == {
        *("README.md", "CREDITS.md", "croissant.json", "manifest.json", "jsonl/README.md"),
        *("parquet/train-00000.parquet", "parquet/test-00000.parquet"),
        *("jsonl/train-00000.jsonl", "jsonl/test-00000.jsonl"),
    }
    (folder / MANIFEST_FILE).write_bytes(b"changed")
    assert subprocess.run(check, cwd=folder, capture_output=True, check=False).returncode != 0


def test_the_manifest_says_what_a_release_is(
    services: Services, shelf: Path, snapshot: Snapshot, releases: Releases
) -> None:
    manifest = releases.build(make_recipe(stage="curated", languages=("en",)), snapshot)
    written = json.loads((shelf / "first" / MANIFEST_FILE).read_bytes())
    assert written["name"] == "first"
    assert written["stage"] == "curated"
    assert written["snapshot_id"] == str(snapshot.snapshot_id)
    assert written["licence"] == "CC-BY-4.0"
    assert written["rows"] == sum(written["splits"].values()) == 20
    assert written["parameters"] == {
        "formats": ["parquet", "jsonl"],
        "languages": ["en"],
        "min_rating": None,
        "test_percent": 5,
    }
    assert written["languages"] == {"en": 20}
    assert set(written["masked"].values()) == {0}
    assert (written["credited"], written["anonymous"]) == (1, 10)
    newest = load_stage(services.catalog, "chatlake.curated").current_snapshot()
    assert newest is not None
    assert written["stage_snapshots"]["chatlake.curated"] == str(newest.snapshot_id)
    assert written["stage_snapshots"].keys() == set(STAGE_TABLES)
    assert releases.all() == [manifest] == [releases.find("first")]


def test_the_manifest_of_a_raw_release_has_the_schema_of_the_table(
    snapshot: Snapshot, releases: Releases
) -> None:
    manifest = releases.build(make_recipe(), snapshot)
    assert manifest.schema == SCHEMA.model_dump(mode="json", by_alias=True)
    assert manifest.stage_snapshots == manifest.languages == manifest.masked == {}


@pytest.mark.parametrize(
    ("stage", "tables"),
    [
        ("raw", ["chatlake.contributions"]),
        ("cleaned", ["chatlake.contributions", "chatlake.cleaned", "chatlake.cleaned_dropped"]),
        ("curated", ["chatlake.contributions", *STAGE_TABLES]),
    ],
)
def test_the_snapshots_that_a_release_comes_from_carry_its_name(
    services: Services, snapshot: Snapshot, releases: Releases, stage: str, tables: list[str]
) -> None:
    releases.build(make_recipe(stage=stage), snapshot)  # type: ignore[arg-type]
    assert tags_of(services, "first") == set(tables)
    assert tagged_snapshot_id(load_table(services.catalog), "first") == snapshot.snapshot_id


@pytest.mark.parametrize("stage", ["raw", "curated"])
def test_a_release_has_the_same_bytes_wherever_and_whenever_it_is_built(
    services: Services, tmp_path: Path, snapshot: Snapshot, stages: MadeStages, stage: str
) -> None:
    folders = []
    for home in ("one", "another"):
        settings = replace(services.settings, home=tmp_path / home)
        releases_of(services, stages, settings).build(make_recipe(stage=stage), snapshot)  # type: ignore[arg-type]
        folders.append(settings.releases / "first")
        # As if it had never been: the tag and the record are the lake's, not the home's.
        for name in tags_of(services, "first"):
            remove_tag(services.catalog.load_table(name), "first")
        with services.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM releases")
        commit_batch(services, make_received())
    one, another = (files_in(folder) for folder in folders)
    assert one.keys() == another.keys()
    for path, content in one.items():
        assert content == another[path], path


def test_two_releases_of_a_snapshot_differ_in_their_name_alone(
    shelf: Path, snapshot: Snapshot, releases: Releases
) -> None:
    first = releases.build(make_recipe("first-name"), snapshot)
    other = releases.build(make_recipe("other-name"), snapshot)
    assert first.files == other.files
    one, another = (files_in(shelf / name) for name in ("first-name", "other-name"))
    for path, content in one.items():
        if path != SUMS_FILE:
            assert content.replace(b"first-name", b"other-name") == another[path], path


def test_a_large_release_rolls_over_to_more_files(services: Services, shelf: Path) -> None:
    random = Random(0)  # noqa: S311  # texts, not secrets
    rows = [make_received(0, random.randbytes(20).hex()) for _ in range(2 * ROW_GROUP_ROWS)]
    snapshot = commit_batch(services, *rows)
    recipe = make_recipe("rolled", formats=("parquet",), test_percent=0)
    manifest = releases_of(services).build(recipe, snapshot, file_bytes=1000)
    assert [(file.path, file.rows) for file in manifest.files] == [
        ("parquet/train-00000.parquet", ROW_GROUP_ROWS),
        ("parquet/train-00001.parquet", ROW_GROUP_ROWS),
    ]
    rows_read = released(shelf / "rolled", manifest)
    assert rows_read.cast(ARROW_SCHEMA).equals(scan(services, snapshot))


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "-x", "a/b", "../a", "a\n", "a b", "ä", "x" * 101, "a\x00"]
)
def test_a_name_that_cannot_be_a_folder_and_a_url_is_refused(
    shelf: Path, snapshot: Snapshot, releases: Releases, name: str
) -> None:
    with pytest.raises(ReleaseNameInvalid) as caught:
        releases.build(make_recipe(name), snapshot)
    assert caught.value.name == name
    assert not shelf.exists()


def take_by_release(services: Services, snapshot: Snapshot) -> str:
    services.releases.build(make_recipe("taken"), snapshot)
    return "taken"


def take_by_folder(services: Services, _snapshot: Snapshot) -> str:
    (services.settings.releases / "taken").mkdir(parents=True)
    return "taken"


def take_by_tag(services: Services, snapshot: Snapshot) -> str:
    tag_snapshot(load_table(services.catalog), "taken", snapshot.snapshot_id)
    return "taken"


def take_by_branch(_services: Services, _snapshot: Snapshot) -> str:
    return "main"


def take_by_removal(services: Services, snapshot: Snapshot) -> str:
    services.releases.build(make_recipe("taken"), snapshot)
    services.releases.remove("taken")
    return "taken"


@pytest.mark.parametrize(
    "take", [take_by_release, take_by_folder, take_by_tag, take_by_branch, take_by_removal]
)
def test_a_name_is_used_once(
    services: Services,
    shelf: Path,
    snapshot: Snapshot,
    take: Callable[[Services, Snapshot], str],
) -> None:
    name = take(services, snapshot)
    before = {path for path in shelf.rglob("*") if path.name != ".lock"}
    with pytest.raises(ReleaseNameTaken) as caught:
        services.releases.build(make_recipe(name), snapshot)
    assert caught.value.name == name
    assert {path for path in shelf.rglob("*") if path.name != ".lock"} == before


def test_of_many_builds_of_one_name_exactly_one_wins(
    services: Services, snapshot: Snapshot
) -> None:
    def attempt(_: int) -> Manifest | None:
        try:
            return services.releases.build(make_recipe("contested"), snapshot)
        except ReleaseNameTaken:
            return None

    with ThreadPoolExecutor(4) as pool:
        manifests = [manifest for manifest in pool.map(attempt, range(8)) if manifest]
    assert len(manifests) == 1
    assert services.releases.all() == manifests


def test_builds_of_several_names_at_once_all_succeed(
    services: Services, snapshot: Snapshot
) -> None:
    names = [f"release-{number}" for number in range(4)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda name: services.releases.build(make_recipe(name), snapshot), names))
    assert [manifest.name for manifest in services.releases.all()] == names


def test_a_build_that_fails_in_the_middle_leaves_nothing_and_the_name_free(
    services: Services, shelf: Path, snapshot: Snapshot
) -> None:
    def fail() -> None:
        assert len(list(shelf.glob(".*.building"))) == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        services.releases.build(make_recipe(), snapshot, Watch(fail))
    assert_no_trace(services, "first")
    assert services.releases.build(make_recipe(), snapshot).rows == 5


def test_a_snapshot_that_is_not_live_leaves_nothing(
    services: Services, shelf: Path, snapshot: Snapshot
) -> None:
    commit_batch(services, make_received())
    load_table(services.catalog).maintenance.expire_snapshots().by_id(snapshot.snapshot_id).commit()
    with pytest.raises(SnapshotNotLive) as caught:
        services.releases.build(make_recipe(), snapshot)
    assert caught.value.snapshot_id == snapshot.snapshot_id
    assert shelf.exists()
    assert_no_trace(services, "first")


def test_a_snapshot_is_not_thinned_while_it_is_released(
    services: Services, snapshot: Snapshot
) -> None:
    newest_alone = Retention(newest=1, hours=0, days=0, read_grace=timedelta(0))

    def thin_all() -> None:
        other = load_table(services.catalog)
        now = datetime.now(UTC)
        commit_batch(services, make_received())
        other.refresh()
        thin(other, thinnable(other, newest_alone, now), now)

    manifest = services.releases.build(make_recipe(), snapshot, Watch(thin_all))
    newest = load_table(services.catalog)
    assert manifest.rows == 5
    assert tagged_snapshot_id(newest, "first") == snapshot.snapshot_id
    assert set(newest.metadata.refs) == {"main", "first"}


def test_a_folder_that_cannot_be_published_takes_its_tags_back(
    services: Services, shelf: Path, snapshot: Snapshot, releases: Releases
) -> None:
    def occupy() -> None:
        # After the look whether the name is free, and before the folder is renamed to it.
        (shelf / "first").mkdir(exist_ok=True, parents=True)
        (shelf / "first" / "file").touch()

    with pytest.raises(OSError, match="first"):
        releases.build(make_recipe(stage="curated"), snapshot, Watch(occupy))
    with pytest.raises(TagNotFound):
        tagged_snapshot_id(load_table(services.catalog), "first")
    assert tags_of(services, "first") == set()
    assert releases.all() == []
    assert "log" in (releases.status("first").reason or "")
