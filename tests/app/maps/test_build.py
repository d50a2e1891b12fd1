import json
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.maps.build import build_map
from app.maps.clusters.levels import LEVELS
from app.maps.description import MAP_FILE, METADATA_FILE, PICTURE_FILE, POINTS_FILE, MapParameters
from app.maps.errors import MapNameTaken, NothingToMap
from app.maps.files.folder import MAP_SCHEMA
from app.maps.store import MAP_FILES, MapStore
from app.state.published_folder import NameInvalid
from tests.app.maps.rows import SOURCE, TOPICS, about_topics, batch, turn
from tests.batches import FEW_ROWS, SIZES, cut

QUICK = MapParameters(embedding="tfidf")


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_a_map_has_a_point_for_every_row_and_all_files_of_the_viewer(tmp_path: Path) -> None:
    """One test for UMAP, clusters and rows outside the sample: UMAP takes seconds to compile."""
    parameters = MapParameters(fit_rows=90)
    read: list[int] = []
    made = build_map(
        MapStore(tmp_path), "first", SOURCE, about_topics(120), parameters, read.append
    )
    assert contents(tmp_path / "first").keys() == MAP_FILES
    assert read == [60, 60]
    assert (made.rows, made.found_rows) == (120, 120)
    assert MapStore(tmp_path).find("first") == made

    points = pq.read_table(tmp_path / "first" / POINTS_FILE)
    assert points.schema == MAP_SCHEMA
    assert points["id"].to_pylist() == [f"id-{number:05}" for number in range(120)]
    clusters = {level.column: points[level.column].to_pylist() for level in LEVELS}
    for names in clusters.values():
        for number, topic in enumerate(TOPICS):
            words = {word for name in names[number::3] for word in name.replace(",", "").split()}
            assert words <= set(topic.split())

    metadata = json.loads((tmp_path / "first" / METADATA_FILE).read_bytes())
    labels = {label["content"] for label in metadata["props"]["embeddingViewLabels"]}
    assert labels == {name for names in clusters.values() for name in names}

    again = tmp_path / "again"
    build_map(MapStore(again), "first", SOURCE, about_topics(120), parameters)
    assert contents(again / "first") == contents(tmp_path / "first")


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 3, 10])
def test_a_few_rows_make_a_map(tmp_path: Path, rows: int) -> None:
    made = build_map(MapStore(tmp_path), "few", SOURCE, about_topics(rows), MapParameters())
    assert (made.rows, made.clusters) == (rows, 0)
    points = pq.read_table(tmp_path / "few" / POINTS_FILE)
    assert points["cluster"].null_count == points.num_rows == rows


@pytest.mark.slow
@pytest.mark.parametrize("batch_rows", FEW_ROWS)
def test_a_map_does_not_depend_on_the_batches_of_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    """Some batches have no text of the sample, and some have no other text."""
    parameters = MapParameters(embedding="tfidf", max_points=31, fit_rows=9)
    rows = pa.Table.from_batches(about_topics(45)).combine_chunks().to_batches()[0]

    def made(name: str, batches: Iterable[pa.RecordBatch]) -> pa.Table:
        build_map(MapStore(tmp_path), name, SOURCE, batches, parameters)
        return pq.read_table(tmp_path / name / POINTS_FILE)

    whole = made("whole", [rows])
    assert made("cut", cut(rows, batch_rows)) == whole
    monkeypatch.setattr("app.maps.build.READ_BATCH_ROWS", batch_rows)
    monkeypatch.setattr("app.maps.arrangement.EMBED_BATCH_ROWS", batch_rows)
    placed = made("placed", cut(rows, batch_rows))
    assert placed.drop_columns(["x", "y"]) == whole.drop_columns(["x", "y"])
    for axis in ("x", "y"):
        assert placed[axis].to_pylist() == pytest.approx(whole[axis].to_pylist(), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("rows", SIZES[1:])
def test_any_number_of_rows_makes_a_map(tmp_path: Path, rows: int) -> None:
    parameters = MapParameters(embedding="tfidf", fit_rows=9)
    batches = [each for half in about_topics(rows) for each in cut(half)]
    made = build_map(MapStore(tmp_path), "any", SOURCE, batches, parameters)
    assert made.rows == rows
    points = pq.read_table(tmp_path / "any" / POINTS_FILE)
    assert points["id"].to_pylist() == [f"id-{number:05}" for number in range(rows)]


def test_no_row_makes_no_map_and_leaves_nothing(tmp_path: Path) -> None:
    for rows in ([], [batch()], [batch([turn(" ")])]):
        with pytest.raises(NothingToMap):
            build_map(MapStore(tmp_path), "none", SOURCE, rows, QUICK)
    assert {path.name for path in tmp_path.iterdir()} == {".lock"}


def test_a_map_has_at_most_max_points(tmp_path: Path) -> None:
    parameters = MapParameters(embedding="tfidf", max_points=10)
    made = build_map(MapStore(tmp_path), "part", SOURCE, about_topics(30), parameters)
    assert (made.rows, made.found_rows) == (10, 30)
    ids = pq.read_table(tmp_path / "part" / POINTS_FILE)["id"].to_pylist()
    assert ids == [f"id-{number:05}" for number in range(0, 30, 3)]


def test_a_name_is_taken_until_its_map_is_removed(tmp_path: Path) -> None:
    build_map(MapStore(tmp_path), "one", SOURCE, about_topics(3), QUICK)
    with pytest.raises(MapNameTaken):
        build_map(MapStore(tmp_path), "one", SOURCE, about_topics(3), QUICK)
    MapStore(tmp_path).remove("one")
    assert MapStore(tmp_path).all() == []
    build_map(MapStore(tmp_path), "one", SOURCE, about_topics(3), QUICK)
    assert [each.name for each in MapStore(tmp_path).all()] == ["one"]


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "a\n", "a" * 121])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(NameInvalid):
        build_map(MapStore(tmp_path), name, SOURCE, about_topics(3), QUICK)


def test_a_build_that_fails_leaves_nothing_and_removes_what_a_killed_one_left(
    tmp_path: Path,
) -> None:
    left = tmp_path / ".0.building"
    left.mkdir()
    (left / "found.parquet").touch()

    def fail(_rows: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        build_map(MapStore(tmp_path), "one", SOURCE, about_topics(3), QUICK, fail)
    assert {path.name for path in tmp_path.iterdir()} == {".lock"}


def test_the_files_of_a_map_describe_how_it_was_built(tmp_path: Path) -> None:
    build_map(MapStore(tmp_path), "one", SOURCE, about_topics(3), QUICK)
    told = json.loads(MapStore(tmp_path).file("one", MAP_FILE).read_bytes())
    assert told["source"]["snapshot_id"] == "7"
    assert told["parameters"]["embedding"] == "tfidf"
    assert {"chatlake", "umap-learn", "scikit-learn"} <= told["versions"].keys()
    assert MapStore(tmp_path).file("one", PICTURE_FILE).read_bytes().startswith(b"\x89PNG")
