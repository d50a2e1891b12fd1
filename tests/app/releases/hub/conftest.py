from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.releases.hub.publisher import HubPublisher
from app.services import Services
from app.settings import Settings
from tests.app.releases.factories import PresetStages, releases_of
from tests.app.releases.takedowns.published import ROWS, contribution, recipe_named, stage_row
from tests.factories import commit_batch
from tests.lakes import LakeTemplate
from tests.servers.hub import TOKEN, HubServer

REPOSITORY = "lake/first"


@pytest.fixture(scope="module")
def hub_server() -> Iterator[HubServer]:
    """A Hub, which the tests of a module share."""
    with HubServer() as server:
        yield server


@pytest.fixture
def hub(hub_server: HubServer) -> Iterator[HubServer]:
    """A Hub without repositories."""
    yield hub_server
    hub_server.reset()


def hub_settings(template: LakeTemplate, home: Path, server: HubServer) -> Settings:
    """Return the settings of a lake that may publish on a Hub."""
    return replace(template.copy(home), hub_url=server.url, hub_token=TOKEN)


@pytest.fixture
def settings(tmp_path: Path, lake_template: LakeTemplate, hub_server: HubServer) -> Settings:
    """A lake that may publish on the Hub."""
    return hub_settings(lake_template, tmp_path / "home", hub_server)


@pytest.fixture(scope="module")
def shared_settings(
    tmp_path_factory: pytest.TempPathFactory, lake_template: LakeTemplate, hub_server: HubServer
) -> Settings:
    """The same, of a lake that the tests of a module share."""
    return hub_settings(lake_template, tmp_path_factory.mktemp("shared") / "home", hub_server)


def build(services: Services, *names: str) -> None:
    """Build releases of the same contributions."""
    snapshot = commit_batch(services, *map(contribution, range(ROWS)))
    stages = PresetStages(services.catalog, [stage_row(number) for number in range(ROWS)])
    releases = releases_of(services, stages)
    for name in names:
        releases.build(recipe_named(name), snapshot)


@pytest.fixture(scope="module")
def filled(shared_services: Services) -> Services:
    """The shared lake with the releases `raw` and `cleaned`, which no test changes."""
    build(shared_services, "raw", "cleaned")
    return shared_services


@pytest.fixture
def publisher(filled: Services, hub: HubServer) -> Iterator[HubPublisher]:  # noqa: ARG001  # the Hub is needed
    """What publishes the releases of the shared lake, of which none is published yet."""
    yield filled.publishing.hub_publisher()
    for each in filled.publishing.releases.publications.all():
        filled.publishing.releases.publications.remove(each.repository)


@pytest.fixture
def own_publisher(services: Services, hub: HubServer) -> HubPublisher:  # noqa: ARG001  # as above
    """What publishes the release `raw` of a lake of the test's own."""
    build(services, "raw")
    return services.publishing.hub_publisher()
