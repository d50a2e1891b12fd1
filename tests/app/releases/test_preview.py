from datetime import datetime
from pathlib import Path

import pytest

from app.releases import preview as module
from app.services import Services
from tests.app.releases.factories import PresetStages, make_recipe, make_row, releases_of
from tests.factories import commit_batch, make_received


@pytest.fixture
def services_with_rows(services: Services) -> Services:
    """Services of a lake with two contributions."""
    snapshot = commit_batch(services, make_received(0, "Hi", "Hello"), make_received(1))
    for name, forms in (("parquet", ("parquet",)), ("lines", ("jsonl",))):
        services.publishing.releases.build(
            make_recipe(name, formats=forms, test_percent=0), snapshot
        )
    return services


@pytest.mark.both
@pytest.mark.parametrize("name", ["parquet", "lines"])
def test_the_first_rows_come_in_order_and_no_more_than_asked(
    services_with_rows: Services, name: str
) -> None:
    found = services_with_rows.publishing.releases.preview(name, 1)
    assert len(found.rows) == 1
    both = services_with_rows.publishing.releases.preview(name, 9).rows
    assert [row["contribution_id"] for row in both] == sorted(
        row["contribution_id"] for row in both
    )
    assert both[0]["contribution_id"] == found.rows[0]["contribution_id"]


def test_footers_tell_nulls_and_bounds_and_the_manifest_different_values(
    services_with_rows: Services,
) -> None:
    columns = {
        column.name: column
        for column in services_with_rows.publishing.releases.preview("parquet", 1).columns
    }
    received = columns["received_at"]
    assert received.type == "timestamp"
    assert received.nulls == 0
    assert isinstance(received.least, datetime)
    assert isinstance(received.most, datetime)
    assert received.least < received.most
    assert columns["agent_id"].distinct == 1
    # The least of texts says nothing to people.
    assert columns["contribution_id"].least is None


def test_of_lines_only_the_manifest_tells(services_with_rows: Services) -> None:
    found = services_with_rows.publishing.releases.preview("lines", 1)
    assert found.read_rows == 0
    assert {column.nulls for column in found.columns} == {None}


@pytest.mark.slow
def test_structs_are_told_part_by_part(services: Services) -> None:
    snapshot = commit_batch(services, make_received())
    stages = PresetStages(services.catalog, [make_row(1), make_row(2)])
    releases_of(services, stages).build(make_recipe("first", "cleaned"), snapshot)
    columns = {
        column.name: column for column in services.publishing.releases.preview("first", 1).columns
    }
    assert columns["masked.email"].most == 0
    assert columns["masked.email"].median == 0
    assert columns["language"].median is None
    assert "masked" not in columns
    assert columns["language"].distinct == 1


def test_no_more_row_groups_are_read_than_the_limit(
    services_with_rows: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert services_with_rows.publishing.releases.preview("parquet", 1).read_rows == 2
    monkeypatch.setattr(module, "MAX_ROW_GROUPS", 0)
    assert services_with_rows.publishing.releases.preview("parquet", 1).read_rows == 0


def test_all_files_of_a_release_are_listed_with_size_and_sum(services_with_rows: Services) -> None:
    contents = {
        file.path: file for file in services_with_rows.publishing.releases.contents("parquet")
    }
    folder = Path(services_with_rows.settings.releases) / "parquet"
    on_disk = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert contents.keys() == on_disk
    assert all(file.size_bytes == (folder / path).stat().st_size for path, file in contents.items())
    assert contents["SHA256SUMS"].sha256 is None
    assert contents["parquet/train-00000.parquet"].rows == 2
