import json
import subprocess
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.curation.rules.curating.prompts import prompt_hash
from app.releases.errors import FilterNeedsStage
from app.releases.files.folder import write_release
from app.releases.manifest import MANIFEST_FILE, SUMS_FILE, decode_sums
from app.releases.rows.optional_fields import without_empty
from app.releases.rows.splits import SPLITS, divide
from app.releases.service import Releases
from app.releases.source import ReleaseSource
from app.services import Services
from catalog.reading.fragments import BATCH_ROWS
from catalog.schema import ROW_GROUP_ROWS, SCHEMA
from catalog.snapshots import Snapshot, remove_tags
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from tests.app.releases.factories import (
    FIRST_SCHEMA,
    PRESET_RULES,
    STAGE_TABLES,
    PresetStages,
    files_in,
    make_recipe,
    make_row,
    read_release,
    read_snapshot,
    releases_of,
    tags_of,
)
from tests.batches import ROWS, cut, scan_in_batches, windows
from tests.factories import commit_batch, hide, make_received


@pytest.mark.slow
def test_both_forms_hold_the_same_rows(
    releases_folder: Path, snapshot: Snapshot, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.releases.files.data_files.ENCODE_ROWS", 3)
    manifest = releases.build(make_recipe(stage="curated"), snapshot)
    for split in SPLITS:
        lines = (
            (releases_folder / "first" / "jsonl" / f"{split}-00000.jsonl").read_text().splitlines()
        )
        rows = pq.read_table(
            releases_folder / "first" / "parquet" / f"{split}-00000.parquet"
        ).to_pylist()
        told = [json.loads(line) for line in lines]
        for row, line in zip(rows, told, strict=True):
            assert line.pop("received_at") == row.pop("received_at").isoformat().replace(
                "+00:00", "Z"
            )
            assert list(line) == [name for name in row if name != "received_at"]
            assert line == row
        assert len(rows) == manifest.splits[split] > 0


@pytest.mark.slow
def test_a_raw_release_omits_and_counts_hidden_rows(
    services: Services, releases_folder: Path, snapshot: Snapshot
) -> None:
    victim = read_snapshot(services, snapshot).to_pylist()[2]
    hide(services, victim["contribution_id"])
    releases = releases_of(services)
    manifest = releases.build(make_recipe(), snapshot)
    assert manifest.dropped == {"hidden": 1}
    assert manifest.rows == 4
    for content in files_in(releases_folder / "first").values():
        assert victim["contribution_id"].encode() not in content


@pytest.mark.slow
def test_rows_are_in_the_order_of_receipt_not_of_commit(
    services: Services, releases_folder: Path, releases: Releases
) -> None:
    rows = [make_received(day % 2, f"text {day}") for day in range(40)]
    Random(0).shuffle(rows)  # noqa: S311  # an order, not a secret
    for part in range(0, 40, 10):
        snapshot = commit_batch(services, *rows[part : part + 10])
    releases.build(make_recipe(formats=("parquet",), test_percent=50), snapshot)
    for split in SPLITS:
        table = pq.read_table(releases_folder / "first" / "parquet" / f"{split}-00000.parquet")
        keys = list(zip(table["received_at"], table["contribution_id"].to_pylist(), strict=True))
        assert [id_ for _, id_ in keys] == sorted(id_ for _, id_ in keys)
        assert len(keys) > 0


@pytest.mark.slow
def test_each_row_is_in_the_split_that_its_first_prompt_says(
    releases_folder: Path, snapshot: Snapshot, releases: Releases, stages: PresetStages
) -> None:
    releases.build(make_recipe(stage="curated", test_percent=30), snapshot)
    ids = [row["contribution_id"] for row in stages.rows]
    rows = pa.record_batch({"contribution_id": ids})
    prompts = [prompt_hash(row["conversation"][0]["content"]) for row in stages.rows]
    for split, expected in divide(rows, prompts, 30).items():
        table = pq.read_table(releases_folder / "first" / "parquet" / f"{split}-00000.parquet")
        assert set(table["contribution_id"].to_pylist()) == set(
            expected["contribution_id"].to_pylist()
        )
        assert table.num_rows > 0


@pytest.mark.slow
def test_a_curated_release_has_messages_and_feedback_and_no_contributor(
    releases_folder: Path, snapshot: Snapshot, releases: Releases, stages: PresetStages
) -> None:
    manifest = releases.build(make_recipe(stage="curated"), snapshot)
    rows = read_release(releases_folder / "first", manifest).to_pylist()
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
    for path, content in files_in(releases_folder / "first").items():
        assert b"submitter-" not in content, path


@pytest.mark.slow
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
def test_a_filtered_release_counts_dropped_rows_under_the_first_reason(
    shared_snapshot: Snapshot,
    shared_releases: Releases,
    asked: dict[str, Any],
    rows: int,
    dropped: dict[str, int],
) -> None:
    recipe = make_recipe(f"of-{rows}-rows", stage="cleaned", **asked)
    manifest = shared_releases.build(recipe, shared_snapshot)
    assert manifest.rows == rows
    assert manifest.dropped == {"superseded": 1, "near_duplicate": 2, **dropped}


@pytest.mark.parametrize("asked", [{"languages": ("de",)}, {"min_rating": "neutral"}])
def test_a_raw_release_is_not_filtered(
    shared_snapshot: Snapshot, shared_releases: Releases, asked: dict[str, Any]
) -> None:
    with pytest.raises(FilterNeedsStage):
        shared_releases.build(make_recipe(**asked), shared_snapshot)


@pytest.mark.slow
def test_any_number_of_rows_in_any_batches_is_released(tmp_path: Path, snapshot: Snapshot) -> None:
    """Rows of other languages and rows with bad ratings are dropped and counted."""
    rows = [
        make_row(
            number,
            *("question", f"answer {number}", "thanks")[: 1 + number % 3],
            language=("en", "de", "de")[number % 3],
            attribution=(None, "Ada")[number % 2],
            ratings=(None, "positive", "negative")[number % 5 :],
        )
        for number in range(ROWS)
    ]
    by_id = {row["contribution_id"]: row for row in rows}
    tables = COMPUTED_STAGES["cleaned"]
    batch = pa.RecordBatch.from_pylist(rows, tables.arrow_schema)
    recipe = make_recipe(
        stage="cleaned", formats=("parquet",), languages=("de",), min_rating="neutral"
    )
    for number, window in enumerate(windows(batch)):
        source = ReleaseSource(window.num_rows, iter(cut(window)), tables.schema, {}, [])
        folder = tmp_path / str(number)
        manifest = write_release(folder, recipe, snapshot, source, lambda _: None)
        given = [by_id[name] for name in window["contribution_id"].to_pylist()]
        spoken = [row for row in given if row["language"] == "de"]
        wanted = [row for row in spoken if net_rating(row) >= 0]
        assert [
            (row["contribution_id"], [turn["content"] for turn in row["messages"]])
            for row in read_release(folder, manifest).to_pylist()
        ] == [
            (row["contribution_id"], [turn["content"] for turn in row["conversation"]])
            for row in wanted
        ]
        left_out = {"language": len(given) - len(spoken), "rating": len(spoken) - len(wanted)}
        assert manifest.dropped == {reason: rows for reason, rows in left_out.items() if rows}
        assert manifest.anonymous == sum(row["attribution"] is None for row in wanted)
        assert manifest.languages == ({"de": len(wanted)} if wanted else {})


def net_rating(row: dict[str, Any]) -> int:
    """Return the number of positive ratings minus that of negative ones."""
    ratings = [turn["rating"] for turn in row["conversation"]]
    return ratings.count("positive") - ratings.count("negative")


@pytest.mark.slow
def test_the_sums_are_those_that_sha256sum_checks(
    releases_folder: Path, snapshot: Snapshot, releases: Releases
) -> None:
    releases.build(make_recipe(stage="curated"), snapshot)
    folder = releases_folder / "first"
    check = ["sha256sum", "--check", "--strict", SUMS_FILE]
    result = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    sums = decode_sums((folder / SUMS_FILE).read_bytes())
    assert sums.keys() == files_in(folder).keys() - {SUMS_FILE}
    assert sums.keys() == {
        *("README.md", "CREDITS.txt", "croissant.json", "manifest.json", "jsonl/README.md"),
        *("parquet/train-00000.parquet", "parquet/test-00000.parquet"),
        *("jsonl/train-00000.jsonl", "jsonl/test-00000.jsonl"),
    }
    (folder / MANIFEST_FILE).write_bytes(b"changed")
    assert subprocess.run(check, cwd=folder, capture_output=True, check=False).returncode != 0


@pytest.mark.slow
def test_the_manifest_describes_the_release(
    services: Services, releases_folder: Path, snapshot: Snapshot, releases: Releases
) -> None:
    manifest = releases.build(make_recipe(stage="curated", languages=("en",)), snapshot)
    written = json.loads((releases_folder / "first" / MANIFEST_FILE).read_bytes())
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
    newest = load_table(services.catalog, "chatlake.curated").current_snapshot()
    assert newest is not None
    assert written["stage_snapshots"]["chatlake.curated"] == str(newest.snapshot_id)
    assert written["stage_snapshots"].keys() == set(STAGE_TABLES)
    assert written["rules"] == PRESET_RULES
    assert releases.all() == [manifest] == [releases.find("first")]


@pytest.mark.slow
def test_the_manifest_of_a_raw_release_has_the_schema_of_the_table(
    snapshot: Snapshot, releases: Releases
) -> None:
    manifest = releases.build(make_recipe(), snapshot)
    schema = without_empty(SCHEMA, ())
    assert manifest.schema == schema.model_dump(mode="json", by_alias=True)
    assert len(schema.fields) < len(SCHEMA.fields)
    assert (manifest.stage_snapshots, manifest.languages, manifest.masked) == ({}, {}, {})
    assert manifest.rules == {}


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["raw", "curated"])
def test_a_release_has_the_same_bytes_wherever_and_whenever_it_is_built(
    services: Services,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    snapshot: Snapshot,
    stages: PresetStages,
    stage: str,
) -> None:
    """The batches that its rows come in don't matter either."""
    folders = []
    for home, batch_rows in (("one", BATCH_ROWS), ("another", 2)):
        scan_in_batches(monkeypatch, batch_rows)
        settings = replace(services.settings, home=tmp_path / home)
        releases_of(services, stages, settings).build(make_recipe(stage=stage), snapshot)  # type: ignore[arg-type]
        folders.append(settings.releases / "first")
        # Forget the first release: tag and record belong to the lake that both homes share.
        for name in tags_of(services, "first"):
            remove_tags(services.catalog.load_table(name), ["first"])
        with services.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM releases")
        commit_batch(services, make_received())
    one, another = (files_in(folder) for folder in folders)
    assert one.keys() == another.keys()
    for path, content in one.items():
        assert content == another[path], path


@pytest.mark.slow
def test_two_releases_of_a_snapshot_differ_in_their_name_alone(
    releases_folder: Path, snapshot: Snapshot, releases: Releases
) -> None:
    first = releases.build(make_recipe("first-name"), snapshot)
    other = releases.build(make_recipe("other-name"), snapshot)
    assert first.files == other.files
    one, another = (files_in(releases_folder / name) for name in ("first-name", "other-name"))
    for path, content in one.items():
        if path != SUMS_FILE:
            assert content.replace(b"first-name", b"other-name") == another[path], path


@pytest.mark.slow
def test_a_large_release_rolls_over_to_more_files(
    services: Services, releases_folder: Path
) -> None:
    random = Random(0)  # noqa: S311  # texts, not secrets
    rows = [make_received(0, random.randbytes(20).hex()) for _ in range(2 * ROW_GROUP_ROWS)]
    snapshot = commit_batch(services, *rows)
    recipe = make_recipe("rolled", formats=("parquet",), test_percent=0)
    manifest = releases_of(services).build(recipe, snapshot, file_bytes=1000)
    assert [(file.path, file.rows) for file in manifest.files] == [
        ("parquet/train-00000.parquet", ROW_GROUP_ROWS),
        ("parquet/train-00001.parquet", ROW_GROUP_ROWS),
    ]
    rows_read = read_release(releases_folder / "rolled", manifest)
    assert rows_read.cast(FIRST_SCHEMA).equals(read_snapshot(services, snapshot))
