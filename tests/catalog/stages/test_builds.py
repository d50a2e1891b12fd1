import pytest
from pyiceberg.table import Table

from catalog.errors import CommitConflict
from catalog.snapshots import tag_snapshot
from catalog.stages import builds
from catalog.stages.builds import newest_build, replace_files, source_of
from catalog.stages.tables import COMPUTED_STAGES, SOURCE_SNAPSHOT_PROPERTY
from catalog.table import load_table
from tests.catalog.races import InterruptedCatalog
from tests.catalog.stage_days import id_of, make_rows, moment, read_ids, replace, stage


def test_only_files_that_begin_at_replaced_times_are_replaced(dropped: Table) -> None:
    files = stage(dropped, make_rows(0, [1, 2]), make_rows(1, [1]))
    first = replace(dropped, files)
    second = replace(dropped, stage(dropped, make_rows(0, [3])), lambda at: at == moment(0, 1))
    assert read_ids(dropped, second) == [id_of(0, 3), id_of(1, 1)]
    assert read_ids(dropped, first) == [id_of(0, 1), id_of(0, 2), id_of(1, 1)]
    snapshot = dropped.metadata.snapshot_by_id(second)
    assert snapshot
    assert snapshot.parent_snapshot_id == first
    assert read_ids(dropped, replace(dropped, [])) == []


def test_a_snapshot_names_its_source_even_when_nothing_is_replaced(dropped: Table) -> None:
    assert source_of(dropped) is None
    first = replace(dropped, [])
    assert read_ids(dropped, first) == []
    replace_files(dropped, lambda _: False, [], {SOURCE_SNAPSHOT_PROPERTY: "8"})
    assert (source_of(dropped), source_of(dropped, first)) == (8, 7)


@pytest.mark.slow
def test_manifests_are_merged_and_files_stay_as_they_were(
    dropped: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builds, "MOST_SMALL_MANIFESTS", 4)
    for day in range(9):
        replace(dropped, stage(dropped, make_rows(day, range(2))), lambda _: False)
    replace(dropped, stage(dropped, make_rows(3, range(5))), lambda at: at == moment(3, 0))
    newest = dropped.current_snapshot()
    assert newest is not None
    assert len(newest.manifests(dropped.io)) <= 5
    expected = [id_of(day, number) for day in range(9) for number in range(5 if day == 3 else 2)]
    assert read_ids(dropped, newest.snapshot_id) == expected
    assert source_of(dropped) == 7


def test_the_newest_build_is_of_any_snapshot_or_of_a_given_one(dropped: Table) -> None:
    assert newest_build(dropped) is None
    dropped.append(make_rows(0, [1]))
    assert newest_build(dropped.refresh()) is None
    first, second, third = (
        replace_files(dropped, lambda _: False, [], {SOURCE_SNAPSHOT_PROPERTY: source})
        for source in ("7", "7", "8")
    )
    assert first != second
    assert [newest_build(dropped, source) for source in (None, 7, 8, 9)] == [
        third,
        second,
        third,
        None,
    ]


def test_another_writer_in_between_is_an_error_and_nothing_is_replaced(
    dropped: Table, interrupted: InterruptedCatalog
) -> None:
    theirs = load_table(interrupted, COMPUTED_STAGES["curated"].dropped)
    ours = replace(dropped, stage(dropped, make_rows(0, [1])))
    files = stage(theirs, make_rows(0, [2]))

    def overtake() -> None:
        replace(dropped, [], lambda _: False)

    interrupted.before_swap = overtake
    with pytest.raises(CommitConflict):
        replace(theirs, files)
    dropped.refresh()
    newest = dropped.current_snapshot()
    assert newest
    assert newest.snapshot_id != ours
    assert read_ids(dropped, newest.snapshot_id) == [id_of(0, 1)]


def test_a_tag_that_is_set_in_between_holds_up_nothing(
    dropped: Table, interrupted: InterruptedCatalog
) -> None:
    theirs = load_table(interrupted, COMPUTED_STAGES["curated"].dropped)
    first = replace(dropped, stage(dropped, make_rows(0, [1])))
    files = stage(theirs, make_rows(0, [2]))
    tags = iter(["a", "b"])

    def tag() -> None:
        for name in tags:
            tag_snapshot(dropped, name, first)
            return

    interrupted.before_swap = tag
    second = replace(theirs, files)
    assert read_ids(theirs, second) == [id_of(0, 2)]
    assert read_ids(theirs, first) == [id_of(0, 1)]
    assert theirs.metadata.refs.keys() == {"main", "a", "b"}
    assert len(theirs.metadata.snapshots) == 2
