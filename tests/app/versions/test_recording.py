"""Recording versions: the index and the table `replaced` follow the raw table at every commit."""

from collections.abc import Callable, Iterator
from random import Random
from threading import Event
from uuid import uuid4

import pytest
from flask.testing import FlaskCliRunner
from msgspec.structs import replace
from pyiceberg.expressions import AlwaysTrue

from app.access.takedowns.records import TakenDown
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import Services
from app.versions import filling as filling_module
from app.versions.index import IndexRow, VersionIndex
from catalog.errors import CommitConflict
from catalog.replaced import (
    REPLACED_IDENTIFIER,
    REPLACED_UNTIL_PROPERTY,
    ReplacedWriter,
    read_replaced,
    replaced_files,
)
from catalog.table import append_batch, load_table
from tests.app.ingest.process import Death, Process, die
from tests.app.versions.oracle import index_of, recorded_as_replaced, replaced_in_lake
from tests.factories import commit_batch, make_contribution, make_received
from tests.histories import RandomHistory

KEY = {"contributor_id": "ada", "conversation_id": "chat-1"}


@pytest.fixture
def doomed(services: Services) -> Iterator[Process]:
    """A committer of another process, which is to die."""
    made = Process(services.settings)
    yield made
    made.close()


def _assert_recorded(services: Services) -> None:
    """Assert that what is recorded is what a scan of the lake finds, at each snapshot."""
    recorded = recorded_as_replaced(services)
    for snapshot in services.reading.snapshots.page(1_000, None):
        expected = replaced_in_lake(services, snapshot)
        left = {each: number for each, number in expected.items() if each not in _erased(services)}
        until = snapshot.sequence_number
        assert {each: n for each, n in recorded.items() if n <= until} == left
        view = services.reading.snapshots.view(Reference(snapshot_id=snapshot.snapshot_id))
        replaced = services.reading.replaced.as_of(view)
        days = map(replaced.on, replaced.days_since(0))
        assert {each for day in days for each in day.to_pylist()} == left.keys()


def _erased(services: Services) -> set[str]:
    return set(services.access.taken_down.committed(0, 2**62)["contribution_id"].to_pylist())


def _append_elsewhere(services: Services, *texts: str) -> None:
    """Append versions as another engine does, which writes to no index and no ledger."""
    rows = [make_received(0, text, **KEY) for text in texts]
    append_batch(load_table(services.catalog), uuid4(), rows)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_random_history_is_recorded_as_a_scan_of_the_lake_finds_it(
    services: Services, seed: int
) -> None:
    random = Random(seed)  # noqa: S311  # it makes texts, not secrets
    history = RandomHistory(services, random=random)
    for step in range(12):
        snapshot = history.commit_some()
        history.maintain()
        if step % 4 == 1:
            _append_elsewhere(services, "elsewhere", str(step))
        if step % 4 == 2:
            gone = history.random.choice(history.at(snapshot))
            services.takedown.service.request(
                "contribution",
                [gone.contribution.contribution_id],
                reason=None,
                requested_by="test",
            )
            services.takedown.service.run()
            services.jobs.maintenance().compaction.compact_replaced()
    services.jobs.committer().reconcile()
    _assert_recorded(services)
    before = index_of(services)
    services.versions.filling().fill()
    assert index_of(services) == before
    _assert_recorded(services)


@pytest.mark.both
def test_an_uploads_rows_in_files_are_recorded(services: Services) -> None:
    commit_batch(services, first := make_received(0, "first", **KEY))
    rows = [make_received(0, str(number), **KEY) for number in range(3)]
    for row in rows:
        services.ingest.journal.append(row)
    services.jobs.committer().drain()
    replaced = recorded_as_replaced(services)
    assert replaced.keys() == {each.contribution_id for each in (first, *rows[:2])}
    assert set(replaced.values()) == {2}


SEAMS = ("before", "after add", "after replaced", "after advance")


@pytest.mark.slow
@pytest.mark.both
@pytest.mark.parametrize("seam", SEAMS)
def test_a_committer_that_dies_while_it_records_leaves_what_the_next_one_completes(
    services: Services, doomed: Process, seam: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_received(0, "first", **KEY), make_received(0, "second", **KEY)
    commit_batch(services, first)
    services.ingest.journal.append(second)
    index = doomed.index
    if seam == "before":
        _die_instead(monkeypatch, index, "watermark")
    elif seam == "after add":
        _die_after(monkeypatch, index, "add")
    elif seam == "after replaced":
        _die_instead(monkeypatch, index, "advance")
    else:
        _die_after(monkeypatch, index, "advance")
    with pytest.raises(Death):
        doomed.committer.drain()
    # Nobody sees the commit yet, whatever of it was recorded.
    assert _selected(services) == {first.contribution_id}

    committer = services.jobs.committer()
    committer.reconcile()
    committer.drain()
    _assert_recorded(services)
    assert recorded_as_replaced(services) == {first.contribution_id: 2}
    assert _selected(services) == {second.contribution_id}
    before = index_of(services)
    services.versions.filling().fill()
    assert index_of(services) == before


def _selected(services: Services) -> set[str]:
    batches = services.reading.contributions.stream(
        services.reading.snapshots.view(Reference()), Filters()
    )
    return {each for batch in batches for each in batch["contribution_id"].to_pylist()}


def _die_instead(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
    monkeypatch.setattr(owner, name, lambda *_: die())


def _die_after(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
    done: Callable[..., object] = getattr(owner, name)

    def call(*arguments: object) -> None:
        done(*arguments)
        die()

    monkeypatch.setattr(owner, name, call)


@pytest.mark.slow
def test_what_another_engine_appended_is_recorded_with_the_next_batch(services: Services) -> None:
    commit_batch(services, make_received(0, "first", **KEY))
    _append_elsewhere(services, "second", "third")
    services.ingest.journal.append(make_received(0, "fourth", **KEY))
    services.jobs.committer().drain()
    assert sorted(recorded_as_replaced(services).values()) == [2, 2, 3]
    _assert_recorded(services)


@pytest.mark.slow
def test_a_version_that_an_engine_stored_again_replaces_nothing(services: Services) -> None:
    commit_batch(services, first := make_received(0, "first", **KEY))
    commit_batch(services, second := make_received(0, "second", **KEY))
    again = replace(first, content_hash=second.content_hash)
    append_batch(load_table(services.catalog), uuid4(), [first, again])
    services.versions.recorder.catch_up()
    assert recorded_as_replaced(services) == {first.contribution_id: 2}
    before = index_of(services)
    _forget_replaced(services)
    services.versions.filling().fill()
    assert index_of(services) == before
    assert recorded_as_replaced(services) == {first.contribution_id: 2}


@pytest.mark.slow
def test_a_version_that_was_erased_is_not_named_as_what_replaced_another(
    services: Services,
) -> None:
    first, second = make_received(0, "first", **KEY), make_received(0, "second", **KEY)
    commit_batch(services, first)
    number = commit_batch(services, second).sequence_number
    erased = TakenDown(second.contribution_id, "chat-1", second.content_hash, number)
    services.access.takedowns.record(
        "contribution", "x", [erased], reason=None, requested_by="test"
    )
    _forget_replaced(services)
    services.versions.filling().fill()
    assert recorded_as_replaced(services) == {first.contribution_id: number}
    table = load_table(services.catalog, REPLACED_IDENTIFIER)
    (file,) = replaced_files(table)
    assert read_replaced(table, file)["replaced_by"].to_pylist() == [None]


def _forget_replaced(services: Services) -> None:
    table = load_table(services.catalog, REPLACED_IDENTIFIER)
    table.delete(AlwaysTrue())
    with table.transaction() as transaction:
        transaction.remove_properties(REPLACED_UNTIL_PROPERTY)


@pytest.mark.slow
def test_an_index_that_is_lost_is_filled_again_and_appends_nothing_twice(
    services: Services,
) -> None:
    for number in range(3):
        commit_batch(services, make_received(number, str(number), **KEY), make_contribution())
    before, replaced = index_of(services), recorded_as_replaced(services)
    with services.versions.index.writing() as connection:
        connection.exec_driver_sql("DELETE FROM versions")
        connection.exec_driver_sql("DELETE FROM versions_watermark")
    services.versions.recorder.catch_up()
    assert index_of(services) == before
    assert recorded_as_replaced(services) == replaced


def test_who_records_the_same_at_the_same_time_appends_it_once(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_batch(services, first := make_received(0, "first", **KEY))
    _append_elsewhere(services, "second")
    raced: list[bool] = []

    def append(writer: ReplacedWriter, until: int) -> None:
        if not raced:
            raced.append(True)
            services.versions.recorder.catch_up()
            raise CommitConflict(1)
        appended(writer, until)

    appended = ReplacedWriter.append
    monkeypatch.setattr(ReplacedWriter, "append", append)
    services.versions.recorder.catch_up()
    assert recorded_as_replaced(services) == {first.contribution_id: 2}


@pytest.mark.slow
@pytest.mark.both
def test_an_index_that_is_filled_anew_while_versions_are_recorded_lacks_none_of_them(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_batch(services, make_received(0, "first", **KEY))
    services.ingest.journal.append(make_received(0, "second", **KEY))
    add = VersionIndex.add
    filling = services.versions.filling()
    table = load_table(services.catalog)

    def add_before_a_filling(index: VersionIndex, rows: list[IndexRow]) -> set[bytes]:
        shared = add(index, rows)
        monkeypatch.undo()
        # It loaded the table before the batch was appended, and empties the index afterwards.
        monkeypatch.setattr(filling_module, "load_table", lambda *_: table)
        monkeypatch.setattr(filling, "_fill_replaced", lambda *_: None)
        filling.fill()
        monkeypatch.undo()
        return shared

    monkeypatch.setattr(VersionIndex, "add", add_before_a_filling)
    with pytest.raises(CommitConflict):
        services.jobs.committer().drain()
    services.jobs.committer().drain()
    assert {row[3] for row in index_of(services)} == {1, 2}
    assert services.versions.index.watermark() == 2
    _assert_recorded(services)


def test_a_version_of_an_erased_one_replaces_nothing_that_files_name(services: Services) -> None:
    first, second = make_received(0, "first", **KEY), make_received(0, "second", **KEY)
    snapshot = commit_batch(services, first)
    erased = TakenDown(
        first.contribution_id, "chat-1", first.content_hash, snapshot.sequence_number
    )
    services.access.takedowns.record(
        "contribution", "x", [erased], reason=None, requested_by="test"
    )
    commit_batch(services, second)
    assert recorded_as_replaced(services) == {}


@pytest.mark.slow
def test_many_files_of_a_day_become_one_with_the_same_rows(services: Services) -> None:
    for number in range(10):
        commit_batch(services, make_received(0, str(number), **KEY))
    before = recorded_as_replaced(services)
    table = load_table(services.catalog, REPLACED_IDENTIFIER)
    assert len(replaced_files(table)) == 9
    maintenance = services.jobs.maintenance()
    assert maintenance.compaction.compact_replaced().changed == 9
    assert len(replaced_files(load_table(services.catalog, REPLACED_IDENTIFIER))) == 1
    assert recorded_as_replaced(services) == before
    assert maintenance.compaction.compact_replaced().changed == 0
    commit_batch(services, make_received(0, "later", **KEY))
    _assert_recorded(services)
    list(maintenance.step(Event()))
    _assert_recorded(services)


@pytest.mark.slow
@pytest.mark.parametrize("watermark", [0, 1_000])
def test_a_start_fills_an_index_that_is_lost_or_newer_than_a_restored_lake(
    services: Services, runner: FlaskCliRunner, watermark: int
) -> None:
    for number in range(2):
        commit_batch(services, make_received(0, str(number), **KEY))
    before = index_of(services)
    with services.versions.index.writing() as connection:
        connection.exec_driver_sql("DELETE FROM versions")
        connection.exec_driver_sql(f"UPDATE versions_watermark SET sequence_number = {watermark}")
    assert runner.invoke(args=["migrate"]).exit_code == 0
    assert index_of(services) == before
    assert services.versions.index.watermark() == 2
    rebuilt = runner.invoke(args=["versions", "rebuild"])
    assert rebuilt.output == "the index has 2 versions\n"
    assert index_of(services) == before
