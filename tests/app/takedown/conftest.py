import pytest

from app.services import Services
from tests.app.takedown.lake import Lake


@pytest.fixture
def lake(services: Services) -> Lake:
    """An empty lake, to be filled."""
    return Lake(services)
