from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.query.snapshots import Reference
from app.releases.errors import ReleaseNameTaken
from app.releases.manifest import Manifest
from app.releases.service import Releases
from app.services import Services
from app.state.published_folder import NameInvalid
from catalog.errors import TagNotFound
from catalog.maintenance.thinning import Retention, thin, thinnable
from catalog.snapshots import Snapshot, tag_snapshot
from catalog.table import load_table
from tests.app.releases.factories import (
    FIRST_SCHEMA,
    STAGE_TABLES,
    CallWhileWriting,
    make_recipe,
    read_release,
    read_snapshot,
    tags_of,
)
from tests.factories import commit_batch, make_received


def assert_no_trace(services: Services, name: str) -> None:
    """Check that no release, tag or unfinished build has this name."""
    releases_folder = services.settings.releases
    assert {path.name for path in releases_folder.iterdir()} <= {".lock"}
    assert services.publishing.releases.all() == []
    assert tags_of(services, name) == set()
    assert services.publishing.releases.status(name).state == "failed"


@pytest.mark.slow
@pytest.mark.both
def test_a_raw_release_holds_exactly_the_rows_of_the_scan(
    services: Services, releases_folder: Path, snapshot: Snapshot, releases: Releases
) -> None:
    manifest = releases.build(make_recipe(), snapshot)
    commit_batch(services, make_received(9))
    rows = read_release(releases_folder / "first", manifest)
    assert rows.cast(FIRST_SCHEMA).equals(read_snapshot(services, snapshot))
    assert rows.num_rows == manifest.rows == 5


@pytest.mark.slow
@pytest.mark.both
def test_a_release_of_an_older_snapshot_holds_the_rows_of_then(
    services: Services, releases_folder: Path, releases: Releases
) -> None:
    older = commit_batch(services, make_received(0, "then"))
    commit_batch(services, make_received(0, "now"))
    manifest = releases.build(make_recipe("then"), older)
    (row,) = read_release(releases_folder / "then", manifest).to_pylist()
    assert row["conversation"][0]["content"] == "then"
    assert services.reading.snapshots.find(Reference(tag="then")) == older


@pytest.mark.slow
@pytest.mark.both
@pytest.mark.parametrize(
    ("stage", "tables"),
    [
        ("raw", []),
        ("cleaned", ["chatlake.cleaned", "chatlake.cleaned_dropped"]),
        ("curated", STAGE_TABLES),
    ],
)
def test_a_release_is_a_name_of_its_snapshot_and_tags_those_of_stages(
    services: Services, snapshot: Snapshot, releases: Releases, stage: str, tables: list[str]
) -> None:
    releases.build(make_recipe(stage=stage), snapshot)  # type: ignore[arg-type]
    assert tags_of(services, "first") == set(tables)
    commit_batch(services, make_received(9))
    assert services.reading.snapshots.find(Reference(tag="first")) == snapshot
    services.publishing.releases.remove("first")
    assert tags_of(services, "first") == set()
    with pytest.raises(TagNotFound):
        services.reading.snapshots.find(Reference(tag="first"))


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "-x", "a/b", "../a", "a\n", "a b", "ä", "x" * 101, "a\x00"]
)
def test_a_name_that_cannot_be_a_folder_and_a_url_is_refused(
    shared_services: Services, shared_snapshot: Snapshot, shared_releases: Releases, name: str
) -> None:
    with pytest.raises(NameInvalid) as caught:
        shared_releases.build(make_recipe(name), shared_snapshot)
    assert caught.value.name == name
    assert not shared_services.settings.releases.exists()


def take_by_release(services: Services, snapshot: Snapshot) -> str:
    services.publishing.releases.build(make_recipe("taken"), snapshot)
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
    services.publishing.releases.build(make_recipe("taken"), snapshot)
    services.publishing.releases.remove("taken")
    return "taken"


@pytest.mark.both
@pytest.mark.parametrize(
    "take", [take_by_release, take_by_folder, take_by_tag, take_by_branch, take_by_removal]
)
def test_a_name_is_used_once(
    services: Services,
    releases_folder: Path,
    snapshot: Snapshot,
    take: Callable[[Services, Snapshot], str],
) -> None:
    name = take(services, snapshot)
    before = {path for path in releases_folder.rglob("*") if path.name != ".lock"}
    with pytest.raises(ReleaseNameTaken) as caught:
        services.publishing.releases.build(make_recipe(name), snapshot)
    assert caught.value.name == name
    assert {path for path in releases_folder.rglob("*") if path.name != ".lock"} == before


@pytest.mark.slow
@pytest.mark.both
def test_exactly_one_of_many_builds_of_a_name_succeeds(
    services: Services, snapshot: Snapshot
) -> None:
    def attempt(_: int) -> Manifest | None:
        try:
            return services.publishing.releases.build(make_recipe("contested"), snapshot)
        except ReleaseNameTaken:
            return None

    with ThreadPoolExecutor(4) as pool:
        manifests = [manifest for manifest in pool.map(attempt, range(8)) if manifest]
    assert len(manifests) == 1
    assert services.publishing.releases.all() == manifests


@pytest.mark.slow
@pytest.mark.both
def test_builds_of_several_names_at_once_all_succeed(
    services: Services, snapshot: Snapshot
) -> None:
    names = [f"release-{number}" for number in range(4)]
    with ThreadPoolExecutor(3) as pool:
        list(
            pool.map(
                lambda name: services.publishing.releases.build(make_recipe(name), snapshot), names
            )
        )
    assert [manifest.name for manifest in services.publishing.releases.all()] == names


@pytest.mark.slow
@pytest.mark.both
def test_a_build_that_fails_in_the_middle_leaves_nothing_and_the_name_free(
    services: Services, releases_folder: Path, snapshot: Snapshot
) -> None:
    def fail() -> None:
        assert len(list(releases_folder.glob(".*.building"))) == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        services.publishing.releases.build(make_recipe(), snapshot, CallWhileWriting(fail))
    assert_no_trace(services, "first")
    assert services.publishing.releases.build(make_recipe(), snapshot).rows == 5


@pytest.mark.slow
@pytest.mark.both
def test_a_release_of_a_thinned_snapshot_holds_the_rows_of_then_whatever_is_thinned_meanwhile(
    services: Services, releases_folder: Path, snapshot: Snapshot
) -> None:
    newest_alone = Retention(newest=1, hours=0, days=0, read_grace=timedelta(0))
    expected = read_snapshot(services, snapshot)

    def thin_all() -> None:
        commit_batch(services, make_received())
        table, now = load_table(services.catalog), datetime.now(UTC)
        thin(table, thinnable(table, newest_alone, now), now)
        assert table.metadata.snapshot_by_id(snapshot.snapshot_id) is None

    newer = commit_batch(services, make_received())
    thin_all()
    manifest = services.publishing.releases.build(
        make_recipe(), snapshot, CallWhileWriting(thin_all)
    )
    rows = read_release(releases_folder / "first", manifest)
    assert rows.cast(FIRST_SCHEMA).equals(expected)
    assert set(load_table(services.catalog).metadata.refs) == {"main"}
    assert services.reading.snapshots.find(Reference(tag="first")) == snapshot != newer


@pytest.mark.slow
@pytest.mark.both
def test_a_build_that_cannot_publish_its_folder_removes_its_tags(
    services: Services, releases_folder: Path, snapshot: Snapshot, releases: Releases
) -> None:
    def occupy() -> None:
        # After the check that the name is free, and before the folder is renamed.
        (releases_folder / "first").mkdir(exist_ok=True, parents=True)
        (releases_folder / "first" / "file").touch()

    with pytest.raises(OSError, match="first"):
        releases.build(make_recipe(stage="curated"), snapshot, CallWhileWriting(occupy))
    with pytest.raises(TagNotFound):
        services.reading.snapshots.find(Reference(tag="first"))
    assert tags_of(services, "first") == set()
    assert releases.all() == []
    assert "log" in (releases.status("first").reason or "")
