import pytest

from app.services import Services
from catalog.records import Contribution
from tests.factories import commit_batch, make_received


@pytest.fixture(scope="module")
def two_contributions(shared_services: Services) -> list[Contribution]:
    """The contributions of the shared lake, in the order of their ids."""
    made = [make_received(0, source="app"), make_received(1)]
    commit_batch(shared_services, *made)
    return made
