"""Uploads in the database: which request gets a key, which keys count, and what expires."""

from datetime import UTC, datetime, timedelta
from threading import Event
from uuid import uuid4

import pytest
from sqlalchemy import update

from app.ingest.errors import UploadOvertaken, UploadUnderWay
from app.ingest.journal.expiry import Expiry
from app.ingest.journal.idempotency import idempotency_key
from app.ingest.uploads.register import LEASE_S, AnsweredUpload, OpenUpload, Uploads
from app.services import Services
from app.state.models import JournalEntry, UploadRequest
from catalog.columns.arrow import to_arrow
from catalog.records import Contribution
from catalog.table import load_table
from catalog.writing.staging import StagedFile, StagedFiles
from tests.app.ingest.idempotency_keys import count_keys
from tests.factories import make_contribution

WINDOW = timedelta(days=1)
FILES = [StagedFile("file:///staged.parquet", 2)]


@pytest.fixture
def uploads(services: Services) -> Uploads:
    return Uploads(services.database, WINDOW)


def _open(uploads: Uploads, request_key: str | None = None) -> OpenUpload:
    upload = uploads.begin(request_key) if request_key else uploads.open()
    assert isinstance(upload, OpenUpload)
    return upload


def _register(uploads: Uploads, upload: OpenUpload, *rows: Contribution) -> None:
    uploads.register(upload, {idempotency_key(row) or b"": row.contribution_id for row in rows})


def test_an_open_upload_is_neither_pending_nor_protected(
    services: Services, uploads: Uploads
) -> None:
    upload = _open(uploads)
    assert services.ingest.journal.backlog().entries == 0
    assert services.ingest.claims.claim(max_rows=9, max_bytes=9) is None
    assert services.ingest.claims.protected_paths() == set()
    uploads.acknowledge(upload, FILES, 0, b"", b"")
    assert services.ingest.journal.backlog().contributions == 2
    assert services.ingest.journal.backlog().awaited_entries == 1
    assert services.ingest.claims.protected_paths() == {FILES[0].path}
    batch_id = services.ingest.claims.claim(max_rows=1, max_bytes=1)
    assert batch_id is not None
    batch = services.ingest.claims.batch(batch_id)
    assert batch is not None
    assert (batch.rows, batch.files) == ([], FILES)


def test_rows_and_files_are_claimed_for_one_batch(services: Services, uploads: Uploads) -> None:
    single = make_contribution("single")
    services.ingest.journal.append(single)
    staged = StagedFiles(load_table(services.catalog), uuid4())
    staged.write(to_arrow([make_contribution(str(i)) for i in range(9)]))
    uploads.acknowledge(_open(uploads), staged.finish(), 0, b"", b"")
    later = make_contribution("later")
    services.ingest.journal.append(later)
    batch_id = services.ingest.claims.claim(max_rows=3, max_bytes=10**6)
    assert batch_id is not None
    batch = services.ingest.claims.batch(batch_id)
    assert batch is not None
    assert (batch.rows, len(batch.files)) == ([single, later], 1)
    services.jobs.committer().drain()
    assert load_table(services.catalog).scan().to_arrow().num_rows == 11
    assert services.ingest.claims.protected_paths() == set()


def test_an_upload_that_only_repeats_makes_what_it_repeats_awaited(
    services: Services, uploads: Uploads
) -> None:
    receipt = services.ingest.journal.append(make_contribution(conversation_id="mine"))
    assert services.ingest.journal.backlog().awaited_entries == 0
    uploads.acknowledge(_open(uploads), [], receipt.entry_id, b"", b"")
    assert services.ingest.journal.backlog().awaited_entries == 1


def test_an_upload_whose_keys_a_single_submission_takes_is_not_acknowledged(
    services: Services, uploads: Uploads
) -> None:
    row = make_contribution(conversation_id="mine")
    upload = _open(uploads)
    _register(uploads, upload, row)
    receipt = services.ingest.journal.append(row)
    with pytest.raises(UploadOvertaken):
        uploads.acknowledge(upload, FILES, 0, b"", b"")
    assert services.ingest.journal.append(row) == receipt
    assert services.ingest.journal.backlog().contributions == 1


def test_the_later_of_two_uploads_of_one_row_stores_it(uploads: Uploads) -> None:
    row = make_contribution(conversation_id="mine")
    first, second = _open(uploads), _open(uploads)
    _register(uploads, first, row)
    _register(uploads, second, row)
    uploads.acknowledge(second, FILES, 0, b"", b"")
    with pytest.raises(UploadOvertaken):
        uploads.acknowledge(first, FILES, 0, b"", b"")
    with pytest.raises(UploadOvertaken):
        _register(uploads, _open(uploads), row)


def test_an_upload_that_was_abandoned_leaves_keys_that_count_for_nothing(
    services: Services, uploads: Uploads
) -> None:
    row = make_contribution(conversation_id="mine")
    upload = _open(uploads)
    _register(uploads, upload, row)
    assert uploads.abandon(upload)
    assert services.ingest.journal.append(row).contribution_id == row.contribution_id
    assert services.ingest.journal.backlog().contributions == 1


def test_an_acknowledged_upload_cannot_be_abandoned(uploads: Uploads) -> None:
    upload = _open(uploads)
    uploads.acknowledge(upload, FILES, 0, b"", b"")
    assert not uploads.abandon(upload)


def test_a_key_is_in_use_as_long_as_its_upload_shows_life(
    services: Services, uploads: Uploads
) -> None:
    first = _open(uploads, "key")
    with pytest.raises(UploadUnderWay):
        uploads.begin("key")
    with services.database.write() as connection:
        long_ago = datetime.now(UTC) - timedelta(seconds=LEASE_S + 1)
        connection.execute(update(UploadRequest).values(seen_at=long_ago))
    second = _open(uploads, "key")
    with pytest.raises(UploadOvertaken):
        uploads.show_life(first)
    with pytest.raises(UploadOvertaken):
        uploads.acknowledge(first, FILES, 0, b"first", b"")
    uploads.acknowledge(second, FILES, 0, b"second", b"answer")
    answered = uploads.begin("key")
    assert answered == AnsweredUpload(second.entry_id, b"second", b"answer")


def test_an_upload_past_the_window_is_forgotten(services: Services, uploads: Uploads) -> None:
    row = make_contribution(conversation_id="mine")
    for _ in range(2):  # left open by processes that died
        _register(uploads, _open(uploads), row)
    staged = StagedFiles(load_table(services.catalog), uuid4())
    staged.write(to_arrow([row]))
    upload = _open(uploads, "key")
    uploads.acknowledge(upload, staged.finish(), 0, b"", b"answer")
    services.jobs.committer().drain()
    with services.database.write() as connection:
        long_ago = datetime.now(UTC) - 2 * WINDOW
        connection.execute(update(JournalEntry).values(received_at=long_ago))
        connection.execute(update(UploadRequest).values(seen_at=long_ago))
    services.ingest.journal.append(make_contribution())
    Expiry(services.database, WINDOW).remove(Event())
    assert count_keys(services) == 0
    assert isinstance(uploads.begin("key"), OpenUpload)


def test_an_acknowledged_upload_wakes_the_committer(services: Services) -> None:
    calls: list[int] = []
    waking = Uploads(services.database, WINDOW, wake_committer=lambda: calls.append(1))
    opened = waking.open()
    assert not calls
    waking.acknowledge(opened, FILES, 0, b"", b"{}")
    assert calls == [1]
