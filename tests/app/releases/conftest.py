from pathlib import Path

import pytest

from app.releases.service import Releases
from app.services import Services
from catalog.snapshots import Snapshot
from tests.app.releases.factories import PresetStages, make_row, releases_of
from tests.factories import commit_batch, make_received


@pytest.fixture
def releases_folder(services: Services) -> Path:
    """The path of the folder of releases, which the first build creates."""
    return services.settings.releases


def commit_snapshot(services: Services) -> Snapshot:
    """Commit a snapshot of two commits over three days, with one replaced version."""
    commit_batch(
        services,
        *(make_received(day, f"text {day}", source="app") for day in range(3)),
        make_received(0, "first", contributor_id="ada", conversation_id="my-chat"),
    )
    return commit_batch(
        services, make_received(1, "second", contributor_id="ada", conversation_id="my-chat")
    )


def preset_stages(services: Services) -> PresetStages:
    """Return a stage of 40 rows over three days."""
    rows = [
        make_row(
            number,
            f"question {number}",
            f"answer {number}",
            day=number % 3,
            language=("en", "de", "fr", "en")[number % 4],
            attribution="Ada" if number % 2 else None,
            ratings=(None, (None, "positive", "negative")[number % 3]),
        )
        for number in range(40)
    ]
    return PresetStages(services.catalog, rows, {"superseded": 1, "near_duplicate": 2})


@pytest.fixture
def snapshot(services: Services) -> Snapshot:
    """A snapshot of two commits over three days, with one replaced version."""
    return commit_snapshot(services)


@pytest.fixture
def stages(services: Services) -> PresetStages:
    """A stage of 40 rows over three days."""
    return preset_stages(services)


@pytest.fixture
def releases(services: Services, stages: PresetStages) -> Releases:
    """The releases of the lake."""
    return releases_of(services, stages)


@pytest.fixture(scope="module")
def shared_snapshot(shared_services: Services) -> Snapshot:
    """The snapshot of the lake that the tests of a module share."""
    return commit_snapshot(shared_services)


@pytest.fixture(scope="module")
def shared_releases(shared_services: Services) -> Releases:
    """The releases of the shared lake, in which each test builds under names of its own."""
    return releases_of(shared_services, preset_stages(shared_services))
