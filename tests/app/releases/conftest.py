from pathlib import Path

import pytest

from app.services import Services
from catalog.snapshots import Snapshot
from tests.factories import commit_batch, make_received


@pytest.fixture
def shelf(services: Services) -> Path:
    """The folder of releases; a build makes it."""
    return services.settings.releases


@pytest.fixture
def snapshot(services: Services) -> Snapshot:
    """A snapshot of two commits over three days, with one replaced version."""
    commit_batch(
        services,
        *(make_received(day, f"text {day}", source="app") for day in range(3)),
        make_received(0, "first", submitter_id="ada", ingest_id="my-chat"),
    )
    return commit_batch(
        services, make_received(1, "second", submitter_id="ada", ingest_id="my-chat")
    )
