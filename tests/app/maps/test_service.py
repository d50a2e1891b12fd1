from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from app.maps.description import POINTS_FILE, MapDescription, MapParameters
from app.maps.errors import NothingToMap, StageNotBuilt
from app.maps.store import MAP_FILES
from app.query.snapshots import Reference
from app.releases.errors import ReleaseNotFound
from app.services import Services
from catalog.errors import SnapshotNotFound, TagNotFound
from catalog.records import Contribution
from catalog.snapshots import Snapshot
from catalog.stages.tables import STAGES, ComputedStage, Stage
from tests.app.releases.factories import PresetStages, make_recipe, make_row, releases_of
from tests.factories import commit_batch, make_contribution, make_received

NOW = Reference()
QUICK = MapParameters(embedding="tfidf")
PRIVATE = "zanzibarquagga"
"""A word that only hidden contributions have; the name of a cluster could also have it."""


def texts(services: Services, made: MapDescription) -> list[str]:
    """Return what a map's points show, in order."""
    points = pq.read_table(services.settings.maps / made.name / POINTS_FILE)
    found: list[str] = points["conversation"].to_pylist()
    return found


def outcomes(services: Services, made: MapDescription) -> list[str | None]:
    """Return the outcomes that a map's points have in later stages, in order."""
    points = pq.read_table(services.settings.maps / made.name / POINTS_FILE)
    found: list[str | None] = points["outcome"].to_pylist()
    return found


def names(services: Services) -> list[str]:
    """Return the names of all maps, in order."""
    return [each.name for each in services.publishing.maps.all()]


def build_stage(services: Services, stage: ComputedStage, snapshot: Snapshot, *words: str) -> int:
    """Write rows with these words to a stage and those before it; return the id of its snapshot."""
    rows = [make_row(number, word, "Yes") for number, word in enumerate(words)]
    return PresetStages(services.catalog, rows).build(stage, snapshot).snapshot_id


def release(services: Services, name: str, stage: Stage, *words: str) -> None:
    """Publish a release of the newest snapshot; its stages have rows with these words."""
    rows = [make_row(number, word, "Yes") for number, word in enumerate(words)]
    releases = releases_of(services, PresetStages(services.catalog, rows))
    snapshot = services.reading.snapshots.view(NOW).snapshot
    assert snapshot
    releases.build(make_recipe(name, stage), snapshot)


@pytest.mark.slow
def test_a_map_of_raw_is_of_the_latest_versions_of_a_snapshot(services: Services) -> None:
    first = commit_batch(
        services, make_received(0, "old", contributor_id="ada", conversation_id="chat")
    )
    commit_batch(services, make_received(1, "new", contributor_id="ada", conversation_id="chat"))
    now = services.publishing.maps.build("now", "raw", NOW, QUICK)
    then = services.publishing.maps.build(
        "then", "raw", Reference(snapshot_id=first.snapshot_id), QUICK
    )
    assert (texts(services, now), texts(services, then)) == (["user: new"], ["user: old"])
    assert then.source.snapshot_id == str(first.snapshot_id)
    assert then.source.committed_at == first.committed_at
    assert (then.source.stage_snapshot_id, then.source.release) == (None, None)


@pytest.mark.slow
def test_a_map_of_a_stage_is_of_its_newest_build(services: Services) -> None:
    snapshot = commit_batch(services, make_received(0, "raw"))
    built = build_stage(services, "curated", snapshot, "curated")
    commit_batch(services, make_received(1, "later"))
    read: list[int] = []
    made = services.publishing.maps.build("kept", "curated", NOW, QUICK, read.append)
    assert texts(services, made) == ["user: curated\n\nassistant: Yes"]
    assert (made.source.stage, made.source.snapshot_id) == ("curated", str(snapshot.snapshot_id))
    assert made.source.stage_snapshot_id == str(built)
    assert made.source.committed_at == snapshot.committed_at
    assert sum(read) == 1


@pytest.mark.slow
def test_a_map_of_a_stage_can_show_an_older_snapshot(services: Services) -> None:
    built = commit_batch(services, make_received(0, "raw"))
    build_stage(services, "cleaned", built, "cleaned")
    later = commit_batch(services, make_received(1, "later"))
    asked = Reference(snapshot_id=built.snapshot_id)
    assert services.publishing.maps.build("then", "cleaned", asked, QUICK).rows == 1
    with pytest.raises(StageNotBuilt, match=str(later.snapshot_id)):
        services.publishing.maps.build(
            "later", "cleaned", Reference(snapshot_id=later.snapshot_id), QUICK
        )


def test_a_map_needs_a_snapshot_a_stage_and_rows(services: Services) -> None:
    with pytest.raises(NothingToMap):
        services.publishing.maps.build("a", "raw", NOW, QUICK)
    with pytest.raises(StageNotBuilt):
        services.publishing.maps.build("a", "curated", NOW, QUICK)
    snapshot = commit_batch(services, make_received())
    for stage in STAGES:
        with pytest.raises(SnapshotNotFound):
            services.publishing.maps.build("a", stage, Reference(snapshot_id=1), QUICK)
        with pytest.raises(TagNotFound):
            services.publishing.maps.build("a", stage, Reference(tag="none"), QUICK)
    build_stage(services, "curated", snapshot)
    with pytest.raises(NothingToMap):
        services.publishing.maps.build("a", "curated", NOW, QUICK)
    with pytest.raises(ReleaseNotFound):
        services.publishing.maps.build_of_release("a", "none", QUICK)
    with pytest.raises(ReleaseNotFound):
        services.publishing.maps.build_with_release("none", QUICK)
    assert names(services) == []


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_hidden_rows_are_not_in_maps_even_of_stages_computed_before(
    services: Services, stage: Stage
) -> None:
    private = [
        make_row(0, PRIVATE, PRIVATE),
        *(make_row(number, PRIVATE, PRIVATE, contributor_id="eve") for number in (1, 2)),
    ]
    kept = [make_row(number, f"bread {number}", "Yes") for number in range(3, 12)]
    snapshot = commit_batch(services, *map(contribution_of, private + kept))
    PresetStages(services.catalog, private + kept).build("curated", snapshot)
    services.publishing.maps.build("before", stage, NOW, QUICK)
    services.moderation.service.put_into_quarantine([private[0]["contribution_id"]], "test", None)
    services.access.bans.ban(["eve"], actor="test", reason=None)
    made = services.publishing.maps.build("after", stage, NOW, QUICK)

    assert made.rows == len(kept)
    ids = [row["contribution_id"] for row in private]
    before, after = (content_of(services.settings.maps / name) for name in ("before", "after"))
    for word in (PRIVATE, *ids):
        assert word in before
        assert word not in after


def contribution_of(row: dict[str, Any]) -> Contribution:
    """Return the contribution that a row of a stage was computed from."""
    return make_contribution(
        *(turn["content"] for turn in row["conversation"]),
        contribution_id=row["contribution_id"],
        contributor_id=row["contributor_id"],
    )


def content_of(folder: Path) -> str:
    """Return the content of all files of a map as text."""
    assert {path.name for path in folder.iterdir()} == MAP_FILES
    points = str(pq.read_table(folder / POINTS_FILE).to_pylist())
    others = [path.read_bytes() for path in folder.iterdir() if path.name != POINTS_FILE]
    return points + b"".join(others).decode(errors="replace")


@pytest.mark.slow
def test_a_map_of_a_release_shows_its_stage(services: Services) -> None:
    commit_batch(services, make_received(0, "raw"))
    release(services, "first", "cleaned", "cleaned")
    commit_batch(services, make_received(1, "later"))
    made = services.publishing.maps.build_of_release("mine", "first", QUICK)
    assert texts(services, made) == ["user: cleaned\n\nassistant: Yes"]
    assert (made.source.stage, made.source.release) == ("cleaned", "first")
    services.publishing.maps.remove_with_release("first")
    assert names(services) == ["mine"]


@pytest.mark.slow
def test_the_maps_of_a_release_are_of_every_stage_that_it_came_through(
    services: Services,
) -> None:
    snapshot = commit_batch(services, make_received(0, "raw"))
    release(services, "kept", "curated", "computed")
    commit_batch(services, make_received(1, "later"))
    read: list[int] = []
    made = services.publishing.maps.build_with_release("kept", QUICK, read.append)
    assert [each.name for each in made] == ["kept-raw", "kept-cleaned", "kept-curated"]
    assert [texts(services, each) for each in made] == [
        ["user: raw"],
        ["user: computed\n\nassistant: Yes"],
        ["user: computed\n\nassistant: Yes"],
    ]
    assert [outcomes(services, each) for each in made] == [["kept"], ["kept"], [None]]
    assert [each.source.stage for each in made] == list(STAGES)
    assert {each.source.release for each in made} == {"kept"}
    assert {each.source.snapshot_id for each in made} == {str(snapshot.snapshot_id)}
    assert sum(read) == 3


@pytest.mark.slow
def test_a_release_has_no_maps_of_stages_that_it_did_not_come_through(services: Services) -> None:
    commit_batch(services, make_received(0, "raw"))
    release(services, "early", "raw")
    assert [each.name for each in services.publishing.maps.build_with_release("early", QUICK)] == [
        "early-raw"
    ]


@pytest.mark.slow
def test_an_empty_stage_has_no_map(services: Services) -> None:
    commit_batch(services, make_received(0, "raw"))
    release(services, "empty", "curated")
    assert [each.name for each in services.publishing.maps.build_with_release("empty", QUICK)] == [
        "empty-raw"
    ]


@pytest.mark.slow
def test_the_maps_of_a_release_are_removed_and_no_others(services: Services) -> None:
    commit_batch(services, make_received(0, "raw"))
    for name in ("kept", "other"):
        release(services, name, "raw")
        services.publishing.maps.build_with_release(name, QUICK)
    services.publishing.maps.build("kept-cleaned", "raw", NOW, QUICK)
    services.publishing.maps.remove_with_release("kept")
    assert names(services) == ["kept-cleaned", "other-raw"]
    services.publishing.maps.remove_with_release("kept")
    assert names(services) == ["kept-cleaned", "other-raw"]
