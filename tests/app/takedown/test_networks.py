import pytest

from app.services import Services
from tests.factories import commit_batch, make_contribution


@pytest.mark.both
def test_where_a_contributor_sent_from_is_forgotten_with_them(services: Services) -> None:
    made = [make_contribution(contributor_id=name) for name in ("ada", "bob")]
    commit_batch(services, *made)
    for each in made:
        services.access.networks.note("198.51.100.7", each.contributor_id, each.received_at)
    services.access.networks.flush()
    services.takedown.service.request(
        "contribution", [made[1].contribution_id], reason=None, requested_by="x"
    )
    services.takedown.service.request("contributor", ["ada"], reason=None, requested_by="x")
    services.takedown.service.run()
    assert services.access.networks.read()["contributor_id"].to_pylist() == ["bob"]
