from dataclasses import replace

import pytest

from app.releases.errors import ReleaseNotFound, StagesDiffer
from app.releases.service import Releases
from app.services import Services
from catalog.snapshots import Snapshot
from migrations.lake import step_0002_stages, step_0004_more_of_cleaning
from tests.app.releases.factories import PresetStages, make_recipe, make_row, releases_of
from tests.batches import FEW_ROWS
from tests.factories import commit_batch, make_contribution_id, make_received

FORMS = ("parquet", "jsonl")


@pytest.mark.slow
def test_a_diff_of_raw_releases_lists_added_rows(
    services: Services, snapshot: Snapshot, releases: Releases
) -> None:
    releases.build(make_recipe("before"), snapshot)
    added = [make_received(day) for day in range(3)]
    releases.build(make_recipe("after"), commit_batch(services, *added))
    diff = releases.diff("before", "after", 2)
    assert (diff.before, diff.after, diff.stage) == ("before", "after", "raw")
    assert (diff.added, diff.removed, diff.changed, diff.total) == (3, 0, 0, 3)
    ids = sorted(each.contribution_id for each in added)
    assert [(row.contribution_id, row.change) for row in diff.rows] == [
        (each, "added") for each in ids[:2]
    ]
    assert diff.rows_truncated
    back = releases.diff("after", "before", 10)
    assert (back.added, back.removed, back.changed) == (0, 3, 0)
    assert [row.change for row in back.rows] == ["removed"] * 3
    assert not back.rows_truncated
    assert releases.diff("before", "before", 10).total == 0


@pytest.fixture(scope="module")
def changed(shared_services: Services) -> Releases:
    """Releases before and after a row was changed, in either form."""
    rows = [make_row(number, f"text {number}") for number in range(6)]
    changed = make_row(2, "another text")
    before = PresetStages(shared_services.catalog, rows[:5])
    after = replace(before, rows=[rows[0], rows[1], changed, rows[4], rows[5]])
    snapshot = commit_batch(shared_services, make_received())
    for name, stages in (("before", before), ("after", after)):
        releases = releases_of(shared_services, stages)
        for form in FORMS:
            releases.build(make_recipe(f"{name}-{form}", "cleaned", formats=(form,)), snapshot)
        # A later build of the stage would replace its rows.
        shared_services.catalog.drop_table("chatlake.cleaned")
        shared_services.catalog.drop_table("chatlake.cleaned_dropped")
        step_0002_stages.upgrade(shared_services.catalog)
        step_0004_more_of_cleaning.upgrade(shared_services.catalog)
    return releases


@pytest.mark.parametrize("batch_rows", [*FEW_ROWS, 5])
@pytest.mark.parametrize("form", FORMS)
def test_a_diff_of_curated_releases_lists_changed_content(
    changed: Releases, monkeypatch: pytest.MonkeyPatch, form: str, batch_rows: int
) -> None:
    monkeypatch.setattr("app.releases.files.published_rows.READ_ROWS", batch_rows)
    diff = changed.diff(f"before-{form}", f"after-{form}", 10)
    assert (diff.added, diff.removed, diff.changed) == (1, 1, 1)
    assert [(row.contribution_id, row.change) for row in diff.rows] == [
        (make_contribution_id(0, 2), "changed"),
        (make_contribution_id(0, 3), "removed"),
        (make_contribution_id(0, 5), "added"),
    ]


@pytest.mark.slow
def test_lines_may_be_long(services: Services) -> None:
    rows = [make_row(1, "long " * 500_000, "answer"), make_row(2)]
    releases = releases_of(services, PresetStages(services.catalog, rows))
    snapshot = commit_batch(services, make_received())
    for name in ("before", "after"):
        releases.build(make_recipe(name, "cleaned", formats=("jsonl",)), snapshot)
    assert releases.diff("before", "after", 10).total == 0


@pytest.mark.slow
def test_only_releases_of_the_same_stage_are_compared(
    snapshot: Snapshot, releases: Releases
) -> None:
    releases.build(make_recipe("a"), snapshot)
    releases.build(make_recipe("b", "curated"), snapshot)
    with pytest.raises(StagesDiffer) as caught:
        releases.diff("a", "b", 1)
    assert caught.value.errors == {"other": ["Must be a release of stage raw."]}
    for names in (("a", "none"), ("none", "a")):
        with pytest.raises(ReleaseNotFound):
            releases.diff(*names, 1)
