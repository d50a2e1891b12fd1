from app.ingest.journal.depth import read_depth
from app.services import Services
from tests.factories import make_contribution


def test_an_empty_journal_has_neither_an_oldest_nor_a_claim(services: Services) -> None:
    depth = read_depth(services.ingest.journal, services.database)
    assert depth.backlog.contributions == 0
    assert depth.oldest_at is None
    assert depth.claim is None


def test_claimed_entries_count_as_waiting_until_settled(services: Services) -> None:
    oldest = make_contribution()
    for contribution in (oldest, make_contribution()):
        services.ingest.journal.append(contribution)
    batch_id = services.ingest.claims.claim(max_rows=1, max_bytes=10**6)
    depth = read_depth(services.ingest.journal, services.database)
    assert depth.backlog.contributions == 2
    assert depth.oldest_at == oldest.received_at
    assert depth.claim is not None
    assert depth.claim.batch_id == str(batch_id)
    assert depth.claim.claimed_at >= oldest.received_at
    services.jobs.committer().drain()
    assert read_depth(services.ingest.journal, services.database).oldest_at is None
