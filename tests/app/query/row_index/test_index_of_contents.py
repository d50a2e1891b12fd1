"""The index of rows: what readers find of contents by it, and what it keeps."""

import pytest
from msgspec.structs import replace
from sqlalchemy import delete, update

from app.query.counts.models import ContentRows, RowIndexFile
from app.query.filters import Filters
from app.query.snapshots import Reference, SnapshotView
from app.services import Services
from catalog.records import Contribution
from catalog.schema import ID
from tests.app.query.opened_files import remove_files_without
from tests.factories import commit_batch, make_received


def view_of(services: Services) -> SnapshotView:
    return services.reading.snapshots.view(Reference())


def ids_of(services: Services, content_hash: str) -> list[str]:
    filters = Filters(content_hash=content_hash)
    page = services.reading.contributions.page(view_of(services), filters, 100, None, [ID])
    assert services.reading.contributions.count(view_of(services), filters) == page.rows.num_rows
    found: list[str] = page.rows[ID].to_pylist()
    return found


def of_hash(content_hash: str, day: int = 0) -> Contribution:
    return replace(make_received(day), content_hash=content_hash)


@pytest.mark.both
def test_only_files_with_rows_of_a_content_are_opened(services: Services) -> None:
    wanted = [make_received(day, "wanted") for day in (0, 3)]
    commit_batch(services, *wanted, *(make_received(day, f"text {day}") for day in range(5)))
    services.reading.summary_job().step()
    later = make_received(1, "wanted")
    commit_batch(services, later)
    ids = [wanted[0].contribution_id, later.contribution_id, wanted[1].contribution_id]
    remove_files_without(services, *ids)
    assert ids_of(services, later.content_hash) == ids
    assert ids_of(services, "0" * 64) == []


def test_contents_that_begin_alike_are_told_apart(services: Services) -> None:
    wanted, other = of_hash("ab" * 32), of_hash("ab" * 31 + "cd")
    commit_batch(services, wanted, other)
    services.reading.summary_job().step()
    assert ids_of(services, "ab" * 32) == [wanted.contribution_id]


def test_a_hash_that_another_engine_wrote_is_found(services: Services) -> None:
    foreign = of_hash("what isn't a hash")
    commit_batch(services, foreign, of_hash("ab" * 32))
    services.reading.summary_job().step()
    assert ids_of(services, "what isn't a hash") == [foreign.contribution_id]
    assert len(ids_of(services, "ab" * 32)) == 1


def test_a_lost_index_is_made_anew(services: Services) -> None:
    wanted = of_hash("ab" * 32)
    commit_batch(services, wanted)
    services.reading.summary_job().step()
    services.reading.file_counts.dispose()
    (services.settings.home / "chatlake-counts.db").unlink()
    assert ids_of(services, "ab" * 32) == [wanted.contribution_id]
    services.reading.summary_job().step()
    assert services.reading.row_indexing.paths() == {
        file.path for file in view_of(services).files()
    }


def test_wrong_rows_are_found_and_files_that_are_gone_are_forgotten(services: Services) -> None:
    commit_batch(services, of_hash("ab" * 32), of_hash("cd" * 32))
    services.reading.summary_job().step()
    index, view = services.reading.row_indexing, view_of(services)
    assert list(index.wrong(view, index.paths())) == []
    with services.reading.file_counts.database.write() as connection:
        connection.execute(delete(ContentRows).where(ContentRows.place > 1 << 47))
    assert list(index.wrong(view, index.paths())) == [view.files()[0].path]
    with services.reading.file_counts.database.write() as connection:
        connection.execute(update(RowIndexFile).values(path="gone"))
    services.reading.summary_job().step()
    assert index.paths() == {file.path for file in view.files()}
    assert list(index.wrong(view, index.paths())) == []
    index.clear()
    assert index.paths() == set()


def test_what_a_takedown_rewrote_is_erased_and_indexed_again(services: Services) -> None:
    gone, left = of_hash("ab" * 32), of_hash("cd" * 32)
    commit_batch(services, gone, left)
    services.reading.summary_job().step()
    request = services.takedown.service.request
    request("contribution", [gone.contribution_id], reason=None, requested_by="test")
    services.takedown.service.run()
    with services.reading.file_counts.database.read() as connection:
        assert connection.execute(ContentRows.__table__.select()).all() == []
    services.reading.summary_job().step()
    assert ids_of(services, "cd" * 32) == [left.contribution_id]
    assert ids_of(services, "ab" * 32) == []
