"""The index of rows: what readers find of contributors by it, and what it keeps."""

from typing import Any

import pytest
from pytest import MonkeyPatch
from sqlalchemy import delete

from app.query.counts.dimensions import Dimension
from app.query.counts.models import ContributorRows, RowIndexFile
from app.query.filters import Filters
from app.query.row_index import indexing, sums
from app.query.snapshots import Reference, SnapshotView
from app.query.statistics.stats import ContributionStatistics
from app.services import Services
from catalog.replaced import REPLACED_IDENTIFIER, replaced_files
from catalog.schema import ID
from catalog.table import load_table
from tests.app.query.opened_files import remove_files_without
from tests.factories import commit_batch, make_received

ADA, BOB = "ad" * 16, "b0" * 16
CHAT = "c" * 32
BY_CONTRIBUTOR: tuple[tuple[Dimension, ...], ...] = (("contributor_id",), ("day", "contributor_id"))
OF_ADA = Filters(contributor_id=ADA)


def view_of(services: Services, **reference: Any) -> SnapshotView:
    return services.reading.snapshots.view(Reference(**reference))


def ids_of(services: Services, filters: Filters) -> list[str]:
    view = view_of(services)
    page = services.reading.contributions.page(view, filters, 100, None, [ID])
    assert services.reading.contributions.count(view, filters) == page.rows.num_rows
    found: list[str] = page.rows[ID].to_pylist()
    return found


@pytest.mark.slow
@pytest.mark.both
def test_only_files_with_rows_of_a_contributor_are_opened(services: Services) -> None:
    hers = [make_received(day, contributor_id=ADA) for day in (0, 3)]
    others = [make_received(day, contributor_id=BOB) for day in range(5)]
    commit_batch(services, *hers, *others, make_received(1))
    services.reading.summary_job().step()
    later = make_received(1, contributor_id=ADA)
    commit_batch(services, later, make_received(1, contributor_id=BOB))
    in_order = [hers[0].contribution_id, later.contribution_id, hers[1].contribution_id]
    remove_files_without(services, *in_order)
    assert ids_of(services, OF_ADA) == in_order


@pytest.mark.slow
def test_a_contributor_of_another_engine_is_found_by_reading(services: Services) -> None:
    foreign = make_received(0, contributor_id="ada")
    commit_batch(services, foreign, make_received(0, contributor_id=ADA))
    commit_batch(services, make_received(1, contributor_id=ADA))
    services.reading.summary_job().step()
    assert ids_of(services, Filters(contributor_id="ada")) == [foreign.contribution_id]
    assert len(ids_of(services, OF_ADA)) == 2
    stats = services.reading.statistics.count(view_of(services), Filters(), ["contributor_id"])
    assert stats.groups.to_pylist() == [
        {"contributor_id": "ada", "contributions": 1, "turns": 2},
        {"contributor_id": ADA, "contributions": 2, "turns": 4},
    ]


@pytest.mark.slow
def test_a_contributor_and_a_text_are_found_by_both_indexes(services: Services) -> None:
    wanted = make_received(0, "a rare word", contributor_id=ADA)
    commit_batch(services, wanted, make_received(0, "rare", contributor_id=BOB))
    commit_batch(services, make_received(1, "common", contributor_id=ADA))
    services.reading.summary_job().step()
    assert ids_of(services, Filters(contributor_id=ADA, q="rare")) == [wanted.contribution_id]


def test_a_lost_index_is_made_anew(services: Services) -> None:
    hers = make_received(0, contributor_id=ADA)
    commit_batch(services, hers)
    services.reading.summary_job().step()
    services.reading.file_counts.dispose()
    (services.settings.home / "chatlake-counts.db").unlink()
    assert ids_of(services, OF_ADA) == [hers.contribution_id]
    services.reading.summary_job().step()
    assert services.reading.row_indexing.paths() == services.reading.file_counts.paths() != set()


@pytest.mark.slow
def test_totals_follow_files_that_come_and_go(services: Services, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "_MOST_BESIDE", 1)
    monkeypatch.setattr(indexing, "_SHARE_OF_TOTALS", 0)
    service = services.reading.row_indexing
    for number in range(4):
        commit_batch(services, make_received(number, contributor_id=ADA, conversation_id="c"))
        services.reading.summary_job().step()
        assert list(service.wrong_totals()) == []
        stats = services.reading.statistics.count(view_of(services), Filters(), ["contributor_id"])
        assert stats.groups["contributions"].to_pylist() == [1]
    with services.reading.file_counts.database.read() as connection:
        beside = connection.execute(
            RowIndexFile.__table__.select().where(~RowIndexFile.is_in_totals)
        )
        assert len(beside.all()) <= 1


@pytest.mark.slow
def test_wrong_rows_are_found(services: Services) -> None:
    commit_batch(services, make_received(0, contributor_id=ADA), make_received(1))
    services.reading.summary_job().step()
    service, view = services.reading.row_indexing, view_of(services)
    assert list(service.wrong(view, service.paths())) == []
    with services.reading.file_counts.database.write() as connection:
        connection.execute(delete(ContributorRows).where(ContributorRows.positions != b""))
    (wrong,) = service.wrong(view, service.paths())
    assert wrong == view.files()[0].path
    assert list(service.wrong_totals()) == [0xAD]
    service.clear()
    services.reading.summary_job().step()
    assert list(service.wrong(view, service.paths())) == []
    assert list(service.wrong_totals()) == []


@pytest.mark.slow
def test_versions_of_a_conversation_are_found_in_their_files_alone(services: Services) -> None:
    versions = [make_received(day, conversation_id="c" * 32) for day in (0, 2)]
    single = make_received(1)
    for each in (*versions, single, make_received(1, conversation_id="d" * 32)):
        commit_batch(services, each)
    ids = [each.contribution_id for each in versions]
    remove_files_without(services, *ids, single.contribution_id)
    assert ids_of(services, Filters(conversation_id="c" * 32, all_versions=True)) == ids
    assert ids_of(services, Filters(conversation_id="c" * 32)) == ids[1:]
    single_id = single.conversation_id
    assert ids_of(services, Filters(conversation_id=single_id)) == [single.contribution_id]


def test_a_conversation_is_read_where_the_index_of_versions_is_behind(services: Services) -> None:
    first = make_received(0, conversation_id="c" * 32)
    commit_batch(services, first)
    with services.versions.index.writing() as connection:
        connection.exec_driver_sql("DELETE FROM versions")
        connection.exec_driver_sql("DELETE FROM versions_watermark WHERE name = 'raw'")
    assert ids_of(services, Filters(conversation_id="c" * 32)) == [first.contribution_id]


@pytest.mark.both
@pytest.mark.slow
def test_contributors_of_any_snapshot_are_summed_though_files_have_rows_of_later_commits(
    services: Services, monkeypatch: MonkeyPatch
) -> None:
    snapshots = [
        commit_batch(
            services,
            make_received(
                0, str(number), contributor_id=(ADA, BOB)[number % 2], conversation_id=CHAT
            ),
            make_received(number, contributor_id=ADA, conversation_id="d" * 32),
            make_received(number, conversation_id="e" * 32),
        )
        for number in range(9)
    ]
    services.jobs.maintenance().compaction.compact_replaced()
    services.reading.summary_job().step()
    view = view_of(services, snapshot_id=snapshots[4].snapshot_id)
    assert not all(whole_files_of_replaced(services, view))
    for by in BY_CONTRIBUTOR:
        counted = services.reading.statistics.count_each(view, Filters(), by)
        with monkeypatch.context() as patched:
            patched.setattr(ContributionStatistics, "count_each", None)
            assert services.reading.statistics.count(view, Filters(), by) == counted


def whole_files_of_replaced(services: Services, view: SnapshotView) -> list[bool]:
    """Tell of each file of `replaced` whether a snapshot has all of its rows."""
    assert view.snapshot is not None
    files = replaced_files(load_table(services.catalog, REPLACED_IDENTIFIER))
    return [file.last_sequence_number <= view.snapshot.sequence_number for file in files]


@pytest.mark.slow
def test_what_was_counted_is_kept_when_replaced_is_compacted(
    services: Services, monkeypatch: MonkeyPatch
) -> None:
    for number in range(9):
        commit_batch(
            services, make_received(0, str(number), contributor_id=ADA, conversation_id=CHAT)
        )
        services.reading.summary_job().step()
    before = services.reading.file_counts.paths()
    assert services.jobs.maintenance().compaction.compact_replaced().changed == 8
    service, view = services.reading.row_indexing, view_of(services)
    (path,) = service.paths() - before
    assert path in services.reading.file_counts.paths()
    assert list(services.reading.summaries.wrong(view, {path})) == []
    assert list(service.wrong(view, {path})) == []
    assert list(service.wrong_totals()) == []
    assert services.reading.summary_job().step() == 0
    assert path in service.paths()
    assert before - service.paths()
    monkeypatch.setattr(sums, "read", None)
    stats = services.reading.statistics.count(view, Filters(), ["contributor_id"])
    assert stats.groups.to_pylist() == [{"contributor_id": ADA, "contributions": 1, "turns": 1}]


def test_what_was_not_counted_is_not_taken_over(services: Services) -> None:
    for number in range(9):
        commit_batch(
            services, make_received(0, str(number), contributor_id=ADA, conversation_id=CHAT)
        )
    assert services.jobs.maintenance().compaction.compact_replaced().changed == 8
    assert services.reading.row_indexing.paths() == services.reading.file_counts.paths() == set()
