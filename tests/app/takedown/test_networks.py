import pytest

from app.services import Services
from tests.factories import commit_batch, make_contribution


@pytest.mark.both
def test_where_a_contributor_sent_from_is_forgotten_with_them(services: Services) -> None:
    made = [make_contribution(contributor_id=name) for name in ("ada", "bob")]
    commit_batch(services, *made)
    for each in made:
        services.networks.note("198.51.100.7", each.contributor_id, each.received_at)
    services.networks.flush()
    services.takedown.request(
        "contribution", [made[1].contribution_id], reason=None, requested_by="x"
    )
    services.takedown.request("contributor", ["ada"], reason=None, requested_by="x")
    services.takedown.run()
    assert services.networks.read()["contributor_id"].to_pylist() == ["bob"]
