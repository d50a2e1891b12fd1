"""Claiming pending entries for a batch, and settling it; test_committer has the whole protocol."""

from uuid import UUID

import pytest
from sqlalchemy import delete, insert, select

from app.ingest.commits.claims import Claims
from app.services import Services
from app.state import ledger
from app.state.models import JournalEntry
from catalog.records import Contribution
from catalog.table import load_table
from tests.factories import make_contribution

pytestmark = pytest.mark.both


def claimed_rows(claims: Claims, batch_id: UUID | None) -> list[Contribution]:
    """Return the contributions of a claim that has no data files."""
    assert batch_id is not None
    batch = claims.batch(batch_id)
    assert batch is not None
    assert batch.files == []
    return batch.rows


def test_pending_entries_are_claimed_oldest_first_within_rows(services: Services) -> None:
    sent = [make_contribution(str(i)) for i in range(5)]
    for contribution in sent:
        services.ingest.journal.append(contribution)
    batch_id = services.ingest.claims.claim(max_rows=3, max_bytes=10**6)
    assert batch_id is not None
    assert claimed_rows(services.ingest.claims, batch_id) == sent[:3]


def test_pending_entries_are_claimed_within_bytes_but_at_least_one(services: Services) -> None:
    sent = [make_contribution("x" * 1_000) for _ in range(3)]
    for contribution in sent:
        services.ingest.journal.append(contribution)
    total = services.ingest.journal.backlog().payload_bytes
    committer = services.jobs.committer()
    for max_bytes, claimed in ((1, 1), (total, 2)):
        batch_id = services.ingest.claims.claim(max_rows=10, max_bytes=max_bytes)
        assert batch_id is not None
        assert len(claimed_rows(services.ingest.claims, batch_id)) == claimed
        committer.commit(batch_id)


def test_nothing_pending_is_not_claimed(services: Services) -> None:
    assert services.ingest.claims.claim(10, 10**6) is None
    assert services.ingest.claims.open_claim() is None


def test_an_open_claim_is_returned_instead_of_a_second_one(services: Services) -> None:
    services.ingest.journal.append(make_contribution("one"))
    batch_id = services.ingest.claims.claim(10, 10**6)
    services.ingest.journal.append(make_contribution("two"))
    assert (
        services.ingest.claims.claim(10, 10**6) == batch_id == services.ingest.claims.open_claim()
    )
    assert batch_id is not None
    assert len(claimed_rows(services.ingest.claims, batch_id)) == 1


def test_settling_again_changes_nothing(services: Services) -> None:
    receipt = services.ingest.journal.append(make_contribution("one"))
    services.jobs.committer().drain()
    snapshot = services.ingest.journal.snapshot_of(receipt)
    assert snapshot is not None
    services.ingest.journal.append(make_contribution("two"))
    open_claim = services.ingest.claims.claim(10, 10**6)
    with services.database.read() as connection:
        earlier = ledger.by_id(connection, snapshot.snapshot_id)
    assert earlier is not None
    assert earlier.batch_id is not None
    services.ingest.claims.settle(UUID(earlier.batch_id), earlier)
    assert services.ingest.claims.open_claim() == open_claim
    assert open_claim is not None
    assert len(claimed_rows(services.ingest.claims, open_claim)) == 1


def test_a_claim_excludes_entries_that_become_visible_later(services: Services) -> None:
    """On PostgreSQL an id may become visible after a higher one was claimed."""
    sent = [make_contribution(str(i)) for i in range(3)]
    for contribution in sent:
        services.ingest.journal.append(contribution)
    late = _hide_entry(services, 2)
    batch_id = services.ingest.claims.claim(10, 10**6)
    _show_entry(services, late)
    assert batch_id is not None
    assert claimed_rows(services.ingest.claims, batch_id) == [sent[0], sent[2]]
    services.jobs.committer().drain()
    rows = load_table(services.catalog).scan().to_arrow().to_pylist()
    assert sorted(row["contribution_id"] for row in rows) == sorted(
        contribution.contribution_id for contribution in sent
    )


def _hide_entry(services: Services, entry_id: int) -> dict[str, object]:
    with services.database.write() as connection:
        row = connection.execute(
            select(JournalEntry.__table__).where(JournalEntry.entry_id == entry_id)
        ).mappings()
        hidden = dict(row.one())
        connection.execute(delete(JournalEntry).where(JournalEntry.entry_id == entry_id))
    return hidden


def _show_entry(services: Services, row: dict[str, object]) -> None:
    with services.database.write() as connection:
        connection.execute(insert(JournalEntry).values(row))
