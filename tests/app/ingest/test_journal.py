from app.services import Services
from tests.factories import make_contribution


def test_an_appended_contribution_is_pending_until_it_is_claimed(services: Services) -> None:
    contribution = make_contribution("one")
    receipt = services.journal.append(contribution)
    assert services.journal.backlog().entries == 1
    batch_id = services.journal.claim(max_rows=10, max_bytes=10**6)
    assert batch_id is not None
    assert services.journal.contributions(batch_id) == [contribution]
    assert services.journal.backlog().entries == 0
    services.committer().commit(batch_id)
    snapshot = services.journal.snapshot_of(receipt)
    assert snapshot is not None
    assert snapshot.added_rows == 1
