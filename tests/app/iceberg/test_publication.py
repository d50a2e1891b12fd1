"""The metadata that engines get, as pyiceberg reads it."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from pyiceberg.table import StaticTable

from app.access.audience import KEY_HOLDERS, MODERATORS, PUBLIC, Audience
from app.access.hidden import Cause
from app.iceberg.publication import Publications
from app.services import Services
from catalog.metadata import newest_location
from catalog.published import PREFIX
from catalog.schema import TABLE_NAME
from catalog.snapshots import tag_snapshot
from catalog.table import load_table
from tests.factories import commit_batch, make_received


def hide(services: Services, ids: Sequence[str], cause: Cause = "quarantine") -> None:
    """Hide contributions."""
    with services.database.write() as connection:
        services.hidden.hide(connection, ids, cause)


def publications(services: Services) -> Publications:
    """Return what a process that was just started has."""
    return Publications(
        services.database, lambda: services.catalog, services.hidden, services.embargo
    )


def published(services: Services, audience: Audience = PUBLIC) -> StaticTable:
    """Return the raw table as an engine gets it."""
    made = publications(services)
    publication = made.of(newest_location(services.catalog), TABLE_NAME, audience)
    location = made.write(publication, TABLE_NAME, audience).location
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


@pytest.mark.both
def test_hidden_rows_are_deleted_by_their_positions(services: Services) -> None:
    first, second, third = (commit(services) for _ in range(3))
    hide(services, [first[1], second[0], second[2]])
    hide(services, [third[0]], "takedown")
    shown = {first[0], first[2], second[1], third[1], third[2]}
    table = published(services)
    assert PREFIX in table.metadata_location
    assert ids_in(table) == shown
    assert table.scan().count() == len(shown)
    assert ids_in(published(services, KEY_HOLDERS)) == shown
    assert ids_in(published(services, MODERATORS)) == {*first, *second, *third} - {third[0]}


def test_engines_get_the_newest_snapshot_and_those_with_tags_while_rows_are_hidden(
    services: Services,
) -> None:
    ids = [commit(services) for _ in range(3)]
    table = load_table(services.catalog)
    tagged = table.metadata.snapshots[0].snapshot_id
    tag_snapshot(table, "kept", tagged)
    hide(services, [ids[0][0]])
    given = published(services)
    newest = table.metadata.current_snapshot_id
    assert {each.snapshot_id for each in given.metadata.snapshots} == {tagged, newest}
    assert set(given.metadata.refs) == {"main", "kept"}
    assert ids_in(given, tagged) == set(ids[0][1:])
    assert ids_in(given) == {*ids[0][1:], *ids[1], *ids[2]}


def test_what_one_process_wrote_another_gives_out(services: Services) -> None:
    ids = commit(services)
    hide(services, [ids[0]])
    assert published(services).metadata == published(services).metadata


def test_a_commit_and_a_change_of_the_list_make_another_part(services: Services) -> None:
    first = commit(services)
    hide(services, [first[0]])
    before = published(services).metadata_location
    second = commit(services)
    after = published(services)
    assert ids_in(after) == {*first[1:], *second}
    hide(services, [second[0]])
    last = published(services)
    assert ids_in(last) == {*first[1:], *second[1:]}
    assert len({before, after.metadata_location, last.metadata_location}) == len("123")


def test_nothing_is_written_while_nothing_is_hidden(services: Services) -> None:
    commit(services)
    assert published(services).metadata_location == newest_location(services.catalog)


def test_younger_snapshots_than_the_embargo_are_not_in_the_metadata(services: Services) -> None:
    for _ in range(2):
        commit(services)
    times = [each.committed_at for each in services.snapshots.page(2, None)]
    services.embargo.age = timedelta(hours=1)
    services.embargo.clock = lambda: times[1] + timedelta(hours=1)
    given = published(services).metadata
    (old,) = given.snapshots
    assert given.current_snapshot_id == old.snapshot_id == given.refs["main"].snapshot_id
    assert [entry.snapshot_id for entry in given.snapshot_log] == [old.snapshot_id]
    assert given.metadata_log == []
    assert len(published(services, KEY_HOLDERS).metadata.snapshots) == len("12")
    services.embargo.clock = lambda: times[1]
    empty = published(services)
    assert empty.current_snapshot() is None
    assert ids_in(empty) == set()
