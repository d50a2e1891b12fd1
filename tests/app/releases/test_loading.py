"""The libraries of researchers read a release as it is, also offline."""

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from app import create_app
from app.releases.descriptions.datasheet import CREATOR, QUESTIONS, template
from app.releases.manifest import identity_of
from app.releases.rows.splits import SPLITS
from app.releases.service import Releases
from app.services import Services, current_services
from app.settings import Settings
from catalog.snapshots import Snapshot
from tests.app.releases.factories import (
    WEATHER_TOOL,
    PresetStages,
    make_recipe,
    make_row,
    make_tool_row,
    releases_of,
)
from tests.factories import commit_batch, make_received

# datasets is offline by tests/conftest.py; mlcroissant logs recommendations.
datasets: Any
mlcroissant: Any


@pytest.fixture(scope="module")
def readers() -> None:
    """Import the libraries, which are too large to be imported for other tests."""
    global datasets, mlcroissant
    datasets, mlcroissant = (import_module(name) for name in ("datasets", "mlcroissant"))
    datasets.disable_progress_bars()


@pytest.fixture
def snapshot(services: Services) -> Snapshot:
    """A snapshot with enough rows that neither split is ever empty."""
    return commit_batch(services, *(make_received(day % 3, f"a text {day}") for day in range(40)))


def load(folder: Path, cache: Path) -> Any:
    """Load all splits of a folder with datasets."""
    return datasets.load_dataset(str(folder), cache_dir=str(cache))


@pytest.mark.slow
@pytest.mark.usefixtures("readers")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("stage", ["raw", "curated"])
def test_datasets_loads_all_splits_of_both_forms_with_the_same_types(
    tmp_path: Path, releases_folder: Path, releases: Releases, snapshot: Snapshot, stage: Any
) -> None:
    manifest = releases.build(make_recipe(stage=stage, test_percent=50), snapshot)
    columns = load(releases_folder / "first", tmp_path / "cache")
    lines = load(releases_folder / "first" / "jsonl", tmp_path / "cache")
    assert {split: rows.num_rows for split, rows in columns.items()} == manifest.splits
    for split in SPLITS:
        assert columns[split].features == lines[split].features
        assert columns[split].to_list() == lines[split].to_list()
        parquet = pq.read_table(releases_folder / "first" / "parquet" / f"{split}-00000.parquet")
        assert columns[split].to_list() == parquet.to_pylist()


@pytest.fixture
def other_lake(tmp_path: Path) -> Iterator[Services]:
    """A second lake, separate from the first."""
    app = create_app(Settings.at(tmp_path / "elsewhere"))
    assert app.test_cli_runner().invoke(args=["migrate"]).exit_code == 0
    with app.app_context():
        yield current_services()
        current_services().close()


@pytest.mark.slow
@pytest.mark.usefixtures("readers")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_each_release_loads_its_own_rows_after_other_releases(
    tmp_path: Path, services: Services, other_lake: Services
) -> None:
    releases = [(services, "2026-11"), (services, "2026-12"), (other_lake, "2026-12")]
    expected = {}
    for lake, name in releases:
        snapshot = commit_batch(
            lake, *(make_received(day % 3, f"{name} {day}") for day in range(20))
        )
        lake.publishing.releases.build(make_recipe(name, test_percent=50), snapshot)
        folder = lake.settings.releases / name
        for form in ("", "parquet", "jsonl"):
            expected[folder / form] = {
                split: pq.read_table(folder / "parquet" / f"{split}-00000.parquet").to_pylist()
                for split in SPLITS
            }
    # Twice with one cache: what was cached last must not be loaded for the others.
    for _ in range(2):
        for folder, rows in expected.items():
            loaded = load(folder, tmp_path / "cache")
            assert {split: each.to_list() for split, each in loaded.items()} == rows, folder


def merged_card(folder: Path, names: list[str]) -> str:
    """Return a card for a repository that holds several releases, as configurations of it."""
    merged: dict[str, list[Any]] = {"configs": [], "dataset_info": []}
    for name in names:
        _, text, _ = (folder / name / "README.md").read_text().split("---\n", 2)
        card = yaml.safe_load(text)
        for config in card["configs"]:
            files = [{**each, "path": f"{name}/{each['path']}"} for each in config["data_files"]]
            merged["configs"].append({**config, "default": False, "data_files": files})
        merged["dataset_info"] += card["dataset_info"]
    return f"---\n{yaml.safe_dump(merged)}---\n"


@pytest.mark.slow
@pytest.mark.usefixtures("readers")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_releases_with_and_without_optional_fields_load_from_one_folder(
    tmp_path: Path, services: Services
) -> None:
    """Each by its own card, and all as configurations of one repository."""
    plain = [make_row(number, f"Hi {number}") for number in range(20)]
    marks: dict[str, Any] = {"irregular": ["late_system"], "turn_languages": ["de", "en"]}
    rows = [*plain, *(make_tool_row(number, **marks) for number in range(20, 40))]
    releases = releases_of(services, PresetStages(services.catalog, rows))
    snapshot = commit_batch(services, *(make_received(day % 3, f"Hi {day}") for day in range(20)))
    recipes: dict[str, dict[str, Any]] = {
        "plain": {"has_tools": False},
        "tools": {"has_tools": True},
        "all": {},
        "pairs": {"form": "preference"},
        "answers": {"form": "unpaired"},
        "raw": {"stage": "raw"},
    }
    for name, recipe in recipes.items():
        made = make_recipe(name, **{"stage": "curated", "test_percent": 50, **recipe})
        releases.build(made, snapshot)
    folder = services.settings.releases
    (folder / "README.md").write_text(merged_card(folder, list(recipes)))
    names = {name: identity_of(releases.find(name)) for name in recipes}
    for name in recipes:
        columns = load(folder / name, tmp_path / "cache")
        lines = load(folder / name / "jsonl", tmp_path / "cache")
        together = datasets.load_dataset(
            str(folder), names[name], cache_dir=str(tmp_path / "cache")
        )
        for split in SPLITS:
            parquet = pq.read_table(folder / name / "parquet" / f"{split}-00000.parquet")
            expected = parquet.to_pylist()
            assert columns[split].features == lines[split].features
            assert columns[split].to_list() == expected, name
            assert lines[split].to_list() == expected, name
            assert together[split].to_list() == expected, name
    tools = load(folder / "tools", tmp_path / "cache")["train"]
    assert tools[0]["messages"][1]["tool_calls"][0]["function"]["name"] == "weather"
    assert tools[0]["labels"] == [{"key": "topic", "value": "weather"}]
    assert "tools" not in load(folder / "plain", tmp_path / "cache")["train"].column_names


@pytest.mark.slow
@pytest.mark.usefixtures("readers")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("test_percent", [0, 100])
def test_a_release_with_an_empty_split_loads_the_other_split(
    tmp_path: Path, releases_folder: Path, releases: Releases, snapshot: Snapshot, test_percent: int
) -> None:
    manifest = releases.build(make_recipe(test_percent=test_percent), snapshot)
    for folder in (releases_folder / "first", releases_folder / "first" / "jsonl"):
        loaded = load(folder, tmp_path / "cache")
        found = {split: rows.num_rows for split, rows in loaded.items()}
        assert found == {split: rows for split, rows in manifest.splits.items() if rows}
    assert len(found) == 1
    card = (releases_folder / "first" / "README.md").read_text()
    assert "so it has no file" in card


@pytest.mark.slow
@pytest.mark.usefixtures("readers")
@pytest.mark.parametrize("form", ["conversations", "preference", "unpaired"])
def test_a_release_without_any_row_has_files_with_its_columns(
    releases_folder: Path, releases: Releases, snapshot: Snapshot, form: Any
) -> None:
    manifest = releases.build(make_recipe(stage="curated", form=form, languages=("xx",)), snapshot)
    assert [file.path for file in manifest.files] == [
        "jsonl/train-00000.jsonl",
        "parquet/train-00000.parquet",
    ]
    table = pq.read_table(releases_folder / "first" / "parquet" / "train-00000.parquet")
    assert table.num_rows == 0
    for folder in (releases_folder / "first", releases_folder / "first" / "jsonl"):
        # Without streaming, `datasets` refuses every split that has no row.
        streamed = datasets.load_dataset(str(folder), streaming=True)["train"]
        assert list(streamed) == []
        assert list(streamed.features) == table.column_names
        assert streamed.features["received_at"].dtype == "timestamp[us, tz=UTC]"
    card = (releases_folder / "first" / "README.md").read_text()
    assert "fell into the split `test`, so it has no file" in card
    assert releases.diff("first", "first", 1).total == 0


@pytest.mark.slow
@pytest.mark.usefixtures("readers")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rows", ["conversations", "preference"])
@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_croissant_describes_rows_with_optional_fields(
    services: Services, caplog: pytest.LogCaptureFixture, rows: Any, form: Any
) -> None:
    marks: dict[str, Any] = {
        "irregular": ["ends_with_user"],
        "turn_languages": ["de", "en"],
        "scores": [{"scorer": "s", "version": "1", "category": "hate", "score": 0.5}],
        "flags": [{"turn": 1, "category": "hate"}],
    }
    marked = [make_row(number, **marks) for number in range(10)]
    made = [*marked, *map(make_tool_row, range(10, 30))]
    releases = releases_of(services, PresetStages(services.catalog, made))
    recipe = make_recipe(stage="curated", form=rows, formats=(form,), test_percent=50)
    manifest = releases.build(recipe, commit_batch(services, make_received()))
    with caplog.at_level(logging.WARNING):
        path = services.settings.releases / "first" / "croissant.json"
        described = mlcroissant.Dataset(jsonld=str(path))
    assert caplog.records == []
    turns = "messages" if rows == "conversations" else "prompt"
    reasons: list[Any] = []
    for split in SPLITS:
        records = list(described.records(split))
        assert len(records) == manifest.splits[split] > 0
        assert records[0][f"{split}/{turns}"][0][f"{split}/{turns}/role"] == b"user"
        assert any(record[f"{split}/tools"] == WEATHER_TOOL.encode() for record in records)
        reasons += [record.get(f"{split}/irregular") for record in records]
    told = [list(each) for each in reasons if each is not None]
    assert told == [[b"ends_with_user"]] * (10 if rows == "conversations" else 0)


@pytest.mark.slow
@pytest.mark.usefixtures("readers")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stage", ["raw", "curated"])
@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_croissant_is_valid_and_its_records_are_the_rows(
    releases_folder: Path,
    releases: Releases,
    snapshot: Snapshot,
    caplog: pytest.LogCaptureFixture,
    stage: Any,
    form: Any,
) -> None:
    manifest = releases.build(make_recipe(stage=stage, formats=(form,), test_percent=50), snapshot)
    with caplog.at_level(logging.WARNING):
        # `mlcroissant validate` does the same.
        described = mlcroissant.Dataset(jsonld=str(releases_folder / "first" / "croissant.json"))
    assert caplog.records == []
    turns = "conversation" if stage == "raw" else "messages"
    for split in SPLITS:
        records = list(described.records(split))
        assert len(records) == manifest.splits[split] > 0
        (turn, *_) = records[0][f"{split}/{turns}"]
        assert turn[f"{split}/{turns}/role"] == b"user"
        assert records[0][f"{split}/received_at"].tzinfo is not None


@pytest.mark.slow
@pytest.mark.usefixtures("readers")
@pytest.mark.filterwarnings("ignore")
def test_croissant_has_every_answer_of_the_datasheet_under_a_term_that_is_known(
    services: Services, tmp_path: Path, snapshot: Snapshot, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "datasheet.md"
    path.write_text(template().replace("?\n", "?\nSo it is.\n"))
    releases = Services(Settings.at(services.settings.home, datasheet=path)).publishing.releases
    releases.build(make_recipe(), snapshot)
    with caplog.at_level(logging.WARNING):
        described = mlcroissant.Dataset(
            jsonld=str(services.settings.releases / "first" / "croissant.json")
        ).metadata
    assert caplog.records == []
    terms = [each.term for asked in QUESTIONS.values() for each in asked if each.term]
    assert len(set(terms)) == 11
    for term in {*terms} - {CREATOR}:
        name = re.sub("([A-Z])", r"_\1", term).lower()
        assert "So it is." in str(getattr(described, name)), term
    assert [creator.name for creator in described.creators] == ["So it is."]
    assert described.url == "./"


def test_the_name_that_programs_cache_by_follows_from_the_rows(
    releases_folder: Path, releases: Releases, snapshot: Snapshot
) -> None:
    manifest = releases.build(make_recipe(), snapshot)
    identity = identity_of(manifest)
    assert identity.startswith("first-")
    file, *others = manifest.files
    for other in (replace(file, sha256="0" * 64), replace(file, path="parquet/test-00000.parquet")):
        assert identity_of(replace(manifest, files=[other, *others])) != identity
    described = json.loads((releases_folder / "first" / "croissant.json").read_bytes())
    assert described["name"] == identity


@pytest.mark.slow
def test_croissant_names_every_data_file_with_its_sum(
    releases_folder: Path, releases: Releases, snapshot: Snapshot
) -> None:
    manifest = releases.build(make_recipe(), snapshot)
    described = json.loads((releases_folder / "first" / "croissant.json").read_bytes())
    files = {
        each["contentUrl"]: each["sha256"]
        for each in described["distribution"]
        if each["@type"] == "cr:FileObject"
    }
    assert files == {file.path: file.sha256 for file in manifest.files}
    assert described["license"] == "https://spdx.org/licenses/CC-BY-4.0.html"
