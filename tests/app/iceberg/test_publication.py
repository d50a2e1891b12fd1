"""The metadata that engines get, as pyiceberg reads it."""

from datetime import timedelta

import pytest
from pyiceberg.table import StaticTable

from app.access.visibility.audience import KEY_HOLDERS, MODERATORS, PUBLIC, Audience
from app.iceberg.publication import Publications
from app.services import Services
from catalog.metadata.files import newest_location
from catalog.publishing.tables import PREFIX
from catalog.replaced import REPLACED_NAME
from catalog.schema import TABLE_NAME
from catalog.snapshots import tag_snapshot
from catalog.stages.builds import replace_files
from catalog.stages.tables import COMPUTED_STAGES, SOURCE_SNAPSHOT_PROPERTY
from catalog.table import load_table
from tests.catalog.maintenance.history import compact_all
from tests.factories import commit_batch, hide, make_received


def publications(services: Services) -> Publications:
    """Return what a process that was just started has."""
    return Publications(
        services.database, lambda: services.catalog, services.access.hidden, services.access.embargo
    )


def published(
    services: Services, audience: Audience = PUBLIC, table_name: str = TABLE_NAME
) -> StaticTable:
    """Return a table as an engine gets it."""
    made = publications(services)
    publication = made.of(newest_location(services.catalog, table_name), table_name, audience)
    location = made.write(publication, table_name, audience).location
    return StaticTable.from_metadata(location, services.catalog.properties)


def ids_in(table: StaticTable, snapshot_id: int | None = None) -> set[str]:
    """Return the ids of the rows that pyiceberg reads."""
    rows = table.scan(selected_fields=("contribution_id",), snapshot_id=snapshot_id).to_arrow()
    found = rows["contribution_id"].to_pylist()
    assert len(found) == len(set(found))
    return set(found)


def commit(services: Services, count: int = 3) -> list[str]:
    """Commit a batch and return its ids."""
    rows = [make_received() for _ in range(count)]
    commit_batch(services, *rows)
    return [row.contribution_id for row in rows]


@pytest.mark.slow
@pytest.mark.both
def test_hidden_rows_are_deleted_by_their_positions(services: Services) -> None:
    first, second, third = (commit(services) for _ in range(3))
    hide(services, first[1], second[0], second[2])
    hide(services, third[0], cause="takedown")
    shown = {first[0], first[2], second[1], third[1], third[2]}
    table = published(services)
    assert PREFIX in table.metadata_location
    assert ids_in(table) == shown
    assert table.scan().count() == len(shown)
    assert ids_in(published(services, KEY_HOLDERS)) == shown
    assert ids_in(published(services, MODERATORS)) == {*first, *second, *third} - {third[0]}


@pytest.mark.slow
def test_engines_get_the_newest_snapshot_and_those_with_tags_while_rows_are_hidden(
    services: Services,
) -> None:
    ids = [commit(services) for _ in range(3)]
    table = load_table(services.catalog)
    tagged = table.metadata.snapshots[0].snapshot_id
    tag_snapshot(table, "kept", tagged)
    hide(services, ids[0][0])
    given = published(services)
    newest = table.metadata.current_snapshot_id
    assert {each.snapshot_id for each in given.metadata.snapshots} == {tagged, newest}
    assert set(given.metadata.refs) == {"main", "kept"}
    assert ids_in(given, tagged) == set(ids[0][1:])
    assert ids_in(given) == {*ids[0][1:], *ids[1], *ids[2]}


def test_what_one_process_wrote_another_gives_out(services: Services) -> None:
    ids = commit(services)
    hide(services, ids[0])
    assert published(services).metadata == published(services).metadata


@pytest.mark.slow
def test_a_commit_and_a_change_of_the_list_make_another_part(services: Services) -> None:
    first = commit(services)
    hide(services, first[0])
    before = published(services).metadata_location
    second = commit(services)
    after = published(services)
    assert ids_in(after) == {*first[1:], *second}
    hide(services, second[0])
    last = published(services)
    assert ids_in(last) == {*first[1:], *second[1:]}
    assert len({before, after.metadata_location, last.metadata_location}) == len("123")


def test_nothing_is_written_while_nothing_is_hidden(services: Services) -> None:
    commit(services)
    assert published(services).metadata_location == newest_location(services.catalog)


def test_younger_snapshots_than_the_embargo_are_not_in_the_metadata(services: Services) -> None:
    for _ in range(2):
        commit(services)
    times = [each.committed_at for each in services.reading.snapshots.page(2, None)]
    services.access.embargo.age = timedelta(hours=1)
    services.access.embargo.clock = lambda: times[1] + timedelta(hours=1)
    given = published(services).metadata
    (old,) = given.snapshots
    assert given.current_snapshot_id == old.snapshot_id == given.refs["main"].snapshot_id
    assert [entry.snapshot_id for entry in given.snapshot_log] == [old.snapshot_id]
    assert given.metadata_log == []
    # A property of the table names the batch that was committed last.
    young = services.reading.snapshots.page(1, None, KEY_HOLDERS)[0]
    assert str(young.batch_id) not in given.model_dump_json()
    assert len(published(services, KEY_HOLDERS).metadata.snapshots) == len("12")
    services.access.embargo.clock = lambda: times[1]
    empty = published(services)
    assert empty.current_snapshot() is None
    assert ids_in(empty) == set()


def test_hidden_rows_are_found_in_files_of_several_row_groups(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.writing.staging.ROW_GROUP_ROWS", 3)
    ids = commit(services, 10)
    hide(services, ids[2], ids[3], ids[9])
    assert ids_in(published(services)) == {*ids} - {ids[2], ids[3], ids[9]}


@pytest.mark.slow
def test_hidden_rows_stay_hidden_in_compacted_files(services: Services) -> None:
    ids = [each for _ in range(4) for each in commit(services, 2)]
    hide(services, *ids[::3])
    before = ids_in(published(services))
    compact_all(load_table(services.catalog))
    assert ids_in(published(services)) == before == set(ids) - set(ids[::3])


def test_a_stage_is_public_once_what_it_was_computed_from_is(services: Services) -> None:
    first, second = (make_received(day) for day in range(2))
    name = COMPUTED_STAGES["cleaned"].rows
    for rows in ([first], [second]):
        source = commit_batch(services, *rows)
        properties = {SOURCE_SNAPSHOT_PROPERTY: str(source.snapshot_id)}
        replace_files(load_table(services.catalog, name), lambda _: False, (), properties)
    table_name = name.partition(".")[2]
    times = [each.committed_at for each in services.reading.snapshots.page(2, None)]
    services.access.embargo.age = timedelta(hours=1)
    for moment, count in ((times[0], 2), (times[1], 1), (times[1] - timedelta(seconds=1), 0)):
        services.access.embargo.clock = lambda moment=moment: moment + timedelta(hours=1)  # type: ignore[misc]
        assert len(published(services, table_name=table_name).metadata.snapshots) == count


@pytest.mark.both
def test_a_killed_publication_is_made_again(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = commit(services)
    hide(services, ids[1])

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("catalog.publishing.tables.ToOutputFile.table_metadata", die)
        with pytest.raises(KeyboardInterrupt):
            published(services)
    assert ids_in(published(services)) == {ids[0], ids[2]}


@pytest.mark.slow
def test_what_young_commits_replaced_is_not_in_the_table_of_it(services: Services) -> None:
    versions = [make_received(0, str(number), conversation_id="chat") for number in range(3)]
    times = [commit_batch(services, each).committed_at for each in versions]
    ids = [each.contribution_id for each in versions]
    assert ids_in(published(services, table_name=REPLACED_NAME)) == set(ids[:2])
    services.access.embargo.age = timedelta(hours=1)
    services.access.embargo.clock = lambda: times[1] + timedelta(hours=1)
    assert ids_in(published(services, table_name=REPLACED_NAME)) == {ids[0]}
    assert ids_in(published(services, KEY_HOLDERS, REPLACED_NAME)) == set(ids[:2])


@pytest.mark.slow
def test_hidden_rows_are_not_in_the_table_of_what_was_replaced(services: Services) -> None:
    versions = [make_received(0, str(number), conversation_id="chat") for number in range(3)]
    for each in versions:
        commit_batch(services, each)
    ids = [each.contribution_id for each in versions]
    hide(services, *ids[:1])
    assert ids_in(published(services, table_name=REPLACED_NAME)) == {ids[1]}
