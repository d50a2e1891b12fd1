"""Releases lose what is taken down: in a folder, and in a bucket that keeps old versions."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from app.access.errors import HeldBack, HiddenMeanwhile
from app.access.visibility.hidden import Cause
from app.releases.errors import FileWithdrawn
from app.releases.files.row_groups import RowGroups
from app.releases.manifest import Manifest
from app.releases.service import Releases
from app.releases.stores.interface import CACHED_S
from app.services import Services, current_services
from app.settings import Settings
from catalog.snapshots import Snapshot
from tests.app.releases.factories import CallWhileWriting, PresetStages, make_recipe, releases_of
from tests.app.releases.takedowns.published import (
    RECIPES,
    ROWS,
    check_sums,
    contribution,
    id_of,
    ids_of,
    places_of,
    record,
    rows_in,
    stage_row,
    versioned_bucket,
    without,
)
from tests.factories import commit_batch
from tests.lakes import LakeTemplate, opened_app
from tests.servers.cluster import Cluster

TAKEN = (1, 3, 4, 11)
"""Contributions that are taken down: the first is the only one with optional fields."""
EARLIER_ID = "00000000-0000-7000-8000-000000000000"
"""Id of a contribution that is earlier than all others."""
PLACES = ["folder", pytest.param("bucket", marks=pytest.mark.cluster)]


@pytest.fixture(params=["folder"])
def settings(
    request: pytest.FixtureRequest, tmp_path: Path, lake_template: LakeTemplate
) -> Settings:
    """A lake that publishes its releases in a folder, or in a bucket with versioning."""
    if request.param == "folder":
        return lake_template.copy(tmp_path / "home")
    cluster: Cluster = request.getfixturevalue("cluster")
    return lake_template.copy(tmp_path / "home", **versioned_bucket(cluster))


@pytest.fixture(autouse=True)
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin a new data file after every second row."""
    monkeypatch.setattr("app.releases.files.data_files.RowGroups", partial(RowGroups, max_rows=2))


def fill(services: Services, *numbers: int) -> tuple[Releases, Snapshot]:
    """Commit contributions, and return releases whose stages have the rows of these."""
    snapshot = commit_batch(services, *map(contribution, numbers))
    stages = PresetStages(services.catalog, list(map(stage_row, numbers)), {"superseded": 2})
    return releases_of(services, stages), snapshot


def build(services: Services, *names: str) -> Releases:
    """Return releases with these names, or of every kind."""
    releases, snapshot = fill(services, *range(ROWS))
    for recipe in RECIPES:
        if not names or recipe.name in names:
            releases.build(recipe, snapshot, file_bytes=1)
    return releases


@pytest.fixture
def releases(services: Services) -> Releases:
    """Releases of every kind."""
    return build(services)


@pytest.fixture
def few_releases(services: Services) -> Releases:
    """A raw release and a curated one, which has no French row."""
    return build(services, "raw", "curated")


@pytest.fixture
def built_without(tmp_path: Path, lake_template: LakeTemplate) -> Iterator[dict[str, Manifest]]:
    """The manifests of the same releases, of a lake that never had what is taken down."""
    with opened_app(lake_template.copy(tmp_path / "other")) as app, app.app_context():
        others = [number for number in range(ROWS) if number not in TAKEN]
        made, snapshot = fill(current_services(), *others)
        yield {recipe.name: made.build(recipe, snapshot, file_bytes=1) for recipe in RECIPES}


def all_rows(releases: Releases) -> dict[str, dict[str, list[Any]]]:
    """Return the rows of each release, by format and split."""
    return {
        manifest.name: rows_in(manifest, *releases.store.filesystem(manifest.name))
        for manifest in releases.all()
    }


@pytest.mark.slow
@pytest.mark.parametrize("settings", PLACES, indirect=True)
def test_a_new_revision_has_the_other_rows_and_nothing_of_what_is_taken_down(
    services: Services, releases: Releases
) -> None:
    before, manifests = all_rows(releases), {each.name: each for each in releases.all()}
    assert all(places_of(services, number) for number in TAKEN)
    releases.take_down(ids_of(*TAKEN))
    assert releases.held_back() == set()
    taken = {id_of(number) for number in TAKEN}
    for name, rows in all_rows(releases).items():
        old, new = manifests[name], releases.find(name)
        assert rows == without(before[name], taken), name
        assert (new.revision, new.taken_down) == (2, old.rows - new.rows)
        gone = {file.path for file in old.files} - {file.path for file in new.files}
        assert set(new.withdrawn) == gone
        assert all(file in old.files or "-r2." in file.path for file in new.files)
        check_sums(releases, name)
    assert [places_of(services, number) for number in TAKEN] == [[]] * len(TAKEN)
    assert places_of(services, 5)


@pytest.mark.slow
def test_counts_and_credits_are_those_of_a_release_that_never_had_the_rows(
    releases: Releases, built_without: dict[str, Manifest], services: Services, tmp_path: Path
) -> None:
    releases.take_down(ids_of(*TAKEN))
    for name, expected in built_without.items():
        revised = releases.find(name)
        fields = ("rows", "splits", "languages", "masked", "credited", "anonymous", "sources")
        more = ("contributions", "licences", "statistics", "quality_scores", "reasons")
        # The column `licence` is in the stage, and in the other lake no row ever filled it.
        assert revised.statistics and expected.statistics
        licences = expected.statistics.licences
        revised = replace(revised, statistics=replace(revised.statistics, licences=licences))
        for field in (*fields, *more):
            assert getattr(revised, field) == getattr(expected, field), (name, field)
        names = [
            home / name / "CREDITS.txt"
            for home in (services.settings.releases, tmp_path / "other" / "releases")
        ]
        assert names[0].read_bytes() == names[1].read_bytes()
        card = (services.settings.releases / name / "README.md").read_text()
        assert f"| revision | 2; {revised.taken_down} " in card


@pytest.mark.slow
def test_files_without_a_row_that_goes_stay_as_they_are(few_releases: Releases) -> None:
    before = few_releases.find("raw")
    few_releases.take_down(ids_of(0))
    after = few_releases.find("raw")
    changed = [file for file in before.files if file not in after.files]
    assert [file.format for file in changed] == ["jsonl", "parquet"]
    assert len(after.files) >= len(before.files) - 2
    assert few_releases.find("curated").withdrawn == ["parquet/train-00000.parquet"]


@pytest.mark.slow
def test_a_release_without_what_is_taken_down_stays_as_it_is(few_releases: Releases) -> None:
    before = few_releases.all()
    few_releases.take_down(ids_of(ROWS + 1))
    assert few_releases.all() == before
    few_releases.take_down(ids_of(2))
    # It is French, and this release has German and English rows alone.
    assert few_releases.find("curated").revision == 1


@pytest.mark.slow
@pytest.mark.parametrize("settings", PLACES, indirect=True)
def test_takedowns_follow_each_other_until_nothing_is_left(
    services: Services, releases: Releases
) -> None:
    for numbers in ([0], [2, 4], range(ROWS)):
        releases.take_down(ids_of(*numbers))
    for manifest in releases.all():
        assert (manifest.rows, set(manifest.splits.values())) == (0, {0})
        assert [(file.format, file.rows, file.split) for file in manifest.files] == [
            (form, 0, "train") for form in sorted(manifest.parameters["formats"])
        ]
        check_sums(releases, manifest.name)
    assert releases.find("raw").revision == 4
    assert not any(places_of(services, number) for number in range(ROWS))


@pytest.mark.slow
def test_a_release_is_held_back_from_the_record_to_the_revision(
    services: Services, few_releases: Releases, client: FlaskClient
) -> None:
    data = few_releases.find("raw").files[0].path
    taken = record(services, 2)
    few_releases.hold_back(taken)
    few_releases.hold_back(taken)
    for path in ("", "/files/SHA256SUMS", f"/files/{data}", "/diff/curated"):
        answer = client.get(f"/v1/releases/raw{path}")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30"), path
    assert client.get("/v1/releases/raw/status").get_json()["state"] == "published"
    listed = client.get("/v1/releases").get_json()
    assert [each["name"] for each in listed["releases"]] == ["curated"]
    assert listed["held_back"] == sorted(few_releases.held_back())
    few_releases.take_down(taken)
    assert client.get("/v1/releases/raw").get_json()["revision"] == 2
    assert "held_back" not in client.get("/v1/releases").get_json()


@pytest.mark.slow
def test_a_release_that_is_revised_meanwhile_is_held_back(
    few_releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = few_releases.all()
    few_releases.take_down(ids_of(1))
    monkeypatch.setattr(few_releases.store, "all", lambda: listed)
    few_releases.hold_back(ids_of(3))
    assert few_releases.held_back() == {"raw", "curated"}


@pytest.mark.slow
def test_a_release_without_one_of_its_files_is_an_error(few_releases: Releases) -> None:
    manifest = few_releases.find("raw")
    folder = Path(few_releases.store.location("raw"))
    for file in manifest.files:
        (folder / file.path).unlink()
    with pytest.raises(FileNotFoundError):
        few_releases.hold_back(ids_of(3))


@pytest.mark.slow
def test_a_release_stays_held_back_for_another_takedown(
    services: Services, few_releases: Releases
) -> None:
    first, second = record(services, 0), record(services, 4)
    few_releases.hold_back(first)
    few_releases.hold_back(second)
    few_releases.take_down(first)
    assert "raw" in few_releases.held_back()
    with pytest.raises(HeldBack):
        few_releases.find("raw")
    few_releases.take_down(second)
    assert (few_releases.find("raw").revision, few_releases.find("raw").taken_down) == (3, 2)


@pytest.mark.slow
@pytest.mark.parametrize("settings", PLACES, indirect=True)
def test_a_file_of_an_earlier_revision_is_gone_for_good(
    few_releases: Releases, client: FlaskClient
) -> None:
    old = [file.path for file in few_releases.find("raw").files]
    few_releases.take_down(ids_of(*range(ROWS)))
    for path in old:
        with pytest.raises(FileWithdrawn):
            few_releases.file("raw", path)
        answer = client.get(f"/v1/releases/raw/files/{path}")
        assert answer.status_code == 410
        assert "revision 2" in answer.get_json()["message"]
    assert client.get("/v1/releases/raw/files/parquet/none.parquet").status_code == 404
    for file in few_releases.find("raw").files:
        answer = client.get(f"/v1/releases/raw/files/{file.path}", buffered=True)
        content = answer.data
        if answer.status_code == 307:
            content = requests.get(answer.headers["Location"], timeout=10).content
        assert hashlib.sha256(content).hexdigest() == file.sha256


@pytest.mark.slow
def test_descriptions_are_asked_for_again_and_data_is_kept(
    few_releases: Releases, client: FlaskClient
) -> None:
    data = few_releases.find("raw").files[0].path
    kept = client.get(f"/v1/releases/raw/files/{data}", buffered=True)
    assert kept.cache_control.max_age == CACHED_S
    for path in ("CREDITS.txt", "README.md", "manifest.json", "SHA256SUMS"):
        answer = client.get(f"/v1/releases/raw/files/{path}", buffered=True)
        assert (answer.cache_control.no_cache, answer.cache_control.max_age) == (True, None), path


@pytest.mark.slow
def test_a_pair_of_two_conversations_goes_with_either(services: Services) -> None:
    releases = build(services, "shared")

    def pairs() -> list[tuple[str, str]]:
        rows = rows_in(releases.find("shared"), *releases.store.filesystem("shared"))
        return [
            (row["contribution_id"], row["other_contribution_id"])
            for row in rows["parquet/train"]
            if row["other_contribution_id"]
        ]

    found = pairs()
    assert found
    releases.take_down(ids_of(*(n for n in range(ROWS) if id_of(n) == found[0][1])))
    assert pairs() == [pair for pair in found if found[0][1] not in pair]


def build_while_taking_down(services: Services, number: int) -> Manifest:
    """Build a release, and take a contribution down once its first day has been read."""
    releases, snapshot = fill(services, *range(ROWS))

    def take_down_once() -> None:
        if not len(services.access.taken_down.ids()):
            record(services, number)

    return releases.build(make_recipe(), snapshot, CallWhileWriting(take_down_once))


@pytest.mark.slow
def test_what_moderators_hide_keeps_no_release_from_being_published_that_lacks_it(
    services: Services,
) -> None:
    releases, snapshot = fill(services, *range(ROWS))

    def hide_another() -> None:
        with services.database.write() as connection:
            services.access.hidden.hide(connection, [EARLIER_ID], "quarantine")

    manifest = releases.build(make_recipe(), snapshot, CallWhileWriting(hide_another))
    assert manifest.rows == ROWS


@pytest.mark.slow
@pytest.mark.parametrize("cause", ["quarantine", "ban"])
def test_a_build_that_has_read_what_moderators_hide_publishes_nothing(
    services: Services, cause: Cause
) -> None:
    releases, snapshot = fill(services, *range(ROWS))

    def hide_first() -> None:
        with services.database.write() as connection:
            services.access.hidden.hide(connection, [id_of(0)], cause)

    with pytest.raises(HiddenMeanwhile):
        releases.build(make_recipe(), snapshot, CallWhileWriting(hide_first))
    assert services.publishing.releases.all() == []
    # What is hidden before it is read is left out, and nobody holds the release back for it.
    manifest = releases.build(make_recipe(name="second"), snapshot)
    assert manifest.rows == ROWS - 1
    assert not places_of(services, 0)


def test_a_build_that_has_read_what_is_taken_down_publishes_nothing(services: Services) -> None:
    with pytest.raises(HiddenMeanwhile):
        build_while_taking_down(services, 0)
    assert services.publishing.releases.all() == []
    assert services.publishing.releases.status("first").state == "failed"
    assert not places_of(services, 0)


@pytest.mark.slow
def test_a_build_leaves_out_what_is_taken_down_before_it_reads_that(services: Services) -> None:
    assert build_while_taking_down(services, ROWS - 1).rows == ROWS - 1
    assert not places_of(services, ROWS - 1)
