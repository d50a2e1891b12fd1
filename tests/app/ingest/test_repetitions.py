"""Submissions that repeat what the lake has had for long are answered by the index of versions."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from sqlalchemy import update

from app.ingest.intake import Receipt
from app.ingest.journal.expiry import Expiry
from app.ingest.journal.idempotency import KEYS_STAY_S
from app.ingest.uploads.options import UploadOptions, UploadReceipt
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import Services
from app.state.models import JournalEntry, LedgerEntry
from tests.app.ingest.idempotency_keys import count_keys
from tests.factories import UNGUESSABLE, make_contribution, make_submission

OWNED = {"submitter_id": UNGUESSABLE, "ingest_id": "chat"}
GUESSED = {"submitter_id": "ada", "ingest_id": "chat"}


def submit(services: Services, text: str, **ids: str) -> Receipt:
    return services.ingest.intake.submit(json.dumps(make_submission(text, **ids)).encode())


def upload(
    services: Services, texts: Sequence[str], request_key: str | None = None
) -> UploadReceipt:
    """Upload a submission of each text, which is its `ingest_id` as well."""
    lines = (json.dumps(make_submission(text, **{**OWNED, "ingest_id": text})) for text in texts)
    options = UploadOptions(request_key=request_key)
    return services.ingest.bulk_intake.submit(["\n".join(lines).encode()], options)


def commit_long_ago(services: Services, age_s: float = KEYS_STAY_S + 1) -> None:
    """Commit what is pending, as if that were some time ago, and remove what has expired."""
    services.jobs.committer().drain()
    committed_at = datetime.now(UTC) - timedelta(seconds=age_s)
    with services.database.write() as connection:
        connection.execute(update(LedgerEntry).values(committed_at=committed_at))
    window = timedelta(seconds=services.settings.idempotency_window_s)
    Expiry(services.database, window).remove(Event())


def rows_of(services: Services) -> int:
    view = services.reading.snapshots.view(Reference())
    return services.reading.contributions.count(view, Filters(all_versions=True))


@pytest.mark.both
def test_a_repetition_finds_the_first_one_when_its_key_is_gone(services: Services) -> None:
    first = submit(services, "hello", **OWNED)
    commit_long_ago(services)
    assert count_keys(services) == 0
    again = submit(services, "hello", **OWNED)
    assert again.contribution_id == first.contribution_id
    snapshot = services.ingest.journal.snapshot_of(again)
    assert snapshot == services.reading.snapshots.find(Reference())
    assert services.ingest.journal.backlog().entries == 0


def test_an_old_version_that_is_sent_again_replaces_nothing(services: Services) -> None:
    first = submit(services, "first", **OWNED)
    commit_long_ago(services)
    second = submit(services, "second", **OWNED)
    commit_long_ago(services)
    assert submit(services, "first", **OWNED).contribution_id == first.contribution_id
    services.jobs.committer().drain()
    page = services.reading.contributions.page(
        services.reading.snapshots.view(Reference()), Filters(), 10, None
    )
    assert page.rows["contribution_id"].to_pylist() == [second.contribution_id]
    assert rows_of(services) == 2


@pytest.mark.parametrize("age_s", [0, KEYS_STAY_S - 60])
def test_a_key_stays_for_a_while_after_its_commit(services: Services, age_s: float) -> None:
    submit(services, "hello", **OWNED)
    commit_long_ago(services, age_s)
    assert count_keys(services) == 1


def test_a_key_stays_while_its_submission_is_not_committed(services: Services) -> None:
    submit(services, "hello", **OWNED)
    Expiry(services.database, timedelta(days=1)).remove(Event())
    assert count_keys(services) == 1


def test_a_key_of_ids_that_own_nothing_stays_for_the_window(services: Services) -> None:
    first = submit(services, "hello", **GUESSED)
    commit_long_ago(services)
    assert count_keys(services) == 1
    assert submit(services, "hello", **GUESSED).contribution_id == first.contribution_id
    with services.database.write() as connection:
        long_ago = datetime.now(UTC) - timedelta(days=2)
        connection.execute(update(JournalEntry).values(received_at=long_ago))
    # Keys go with the entries before the oldest that is left.
    services.ingest.journal.append(make_contribution())
    Expiry(services.database, timedelta(days=1)).remove(Event())
    assert count_keys(services) == 0


@pytest.mark.both
def test_an_upload_stores_only_what_the_lake_has_not_had(services: Services) -> None:
    upload(services, ["one", "two"])
    commit_long_ago(services)
    assert count_keys(services) == 0
    upload(services, ["one", "two", "three"])
    services.jobs.committer().drain()
    assert rows_of(services) == 3


def test_an_upload_that_repeats_all_names_the_snapshot_that_has_it(services: Services) -> None:
    upload(services, ["one", "two"])
    commit_long_ago(services)
    receipts = [upload(services, ["one", "two"], request_key="again") for _ in range(2)]
    for receipt in receipts:
        assert (receipt.entry_id, receipt.sequence_number) == (0, 1)
        assert services.ingest.journal.snapshot_of(receipt) == services.reading.snapshots.find(
            Reference()
        )
    assert rows_of(services) == 2
