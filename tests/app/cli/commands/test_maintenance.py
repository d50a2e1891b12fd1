import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskCliRunner

from app.services import Services
from app.settings import Settings
from catalog.table import load_table
from tests.factories import commit_batch, make_received
from tests.lakes import LakeTemplate


@pytest.fixture
def settings(tmp_path: Path, lake_template: LakeTemplate) -> Settings:
    """Settings of a lake that keeps only the newest snapshot."""
    return lake_template.copy(
        tmp_path / "home", keep_snapshots=1, keep_hourly_snapshots=0, keep_daily_snapshots=0
    )


@pytest.fixture
def small_commits(services: Services) -> None:
    """Three commits of a closed day."""
    for _ in range(3):
        commit_batch(services, make_received())


def run(runner: FlaskCliRunner, *arguments: str) -> list[str]:
    result = runner.invoke(args=["maintenance", *arguments])
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def snapshots(services: Services) -> int:
    return len(load_table(services.catalog).metadata.snapshots)


@pytest.mark.usefixtures("small_commits")
def test_a_dry_run_of_thinning_predicts_the_run(runner: FlaskCliRunner, services: Services) -> None:
    told = "thinned 2 snapshots of contributions, 1 live"
    assert run(runner, "thin", "--dry-run") == [f"dry run: {told}"]
    assert snapshots(services) == 3
    assert run(runner, "thin") == [told]
    assert snapshots(services) == 1


@pytest.mark.usefixtures("small_commits")
def test_a_dry_run_of_compaction_predicts_the_run(
    runner: FlaskCliRunner, services: Services
) -> None:
    (line,) = run(runner, "compact", "--dry-run")
    assert line.startswith("dry run: 2026-03-01: 3 files of ")
    assert line.endswith(" to compact, 3 rows")
    assert snapshots(services) == 3
    (line,) = run(runner, "compact")
    assert line.startswith("compacted 2026-03-01: 3 files of ")
    assert snapshots(services) == 4
    assert run(runner, "compact") == []


@pytest.mark.usefixtures("small_commits")
@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_orphans_are_listed_and_only_removed_on_demand(
    runner: FlaskCliRunner, services: Services, options: list[str]
) -> None:
    table = load_table(services.catalog)
    orphan = Path(table.location().removeprefix("file://")) / "data" / "left.parquet"
    orphan.write_bytes(b"left")
    long_ago = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    os.utime(orphan, (long_ago, long_ago))
    # No snapshot is old enough yet to be sure that no reader uses it.
    assert run(runner, "remove-orphans", *options) == ["dry run: found 0 orphans of 0 bytes"]
    assert run(runner, "remove-orphans", "--delete") == ["removed 0 orphans of 0 bytes"]
    assert orphan.exists()
