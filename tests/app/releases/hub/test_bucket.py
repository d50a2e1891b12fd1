"""Releases in a bucket are published from there, without a copy on this machine."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.services import Services
from app.settings import Settings
from tests.app.releases.hub.checks import files_on, holds
from tests.app.releases.hub.conftest import REPOSITORY, build, hub_settings
from tests.app.releases.takedowns.published import contents, ids_of, versioned_bucket
from tests.lakes import LakeTemplate
from tests.servers.cluster import Cluster
from tests.servers.hub import HubServer

TAKEN = (1, 4)


@pytest.fixture
def settings(
    tmp_path: Path, lake_template: LakeTemplate, hub_server: HubServer, cluster: Cluster
) -> Settings:
    """A lake that keeps its releases in a bucket, and may publish on the Hub."""
    settings = hub_settings(lake_template, tmp_path / "home", hub_server)
    return replace(settings, **versioned_bucket(cluster))


@pytest.mark.slow
@pytest.mark.cluster
def test_a_release_in_a_bucket_is_published_and_taken_down_from(
    services: Services, hub: HubServer
) -> None:
    build(services, "raw")
    for revision in (1, 2):
        services.publishing.hub_publisher().publish("raw", REPOSITORY)
        repository = hub.repositories[REPOSITORY]
        filesystem, folder = services.publishing.releases.store.filesystem("raw")
        paths = {path.removeprefix(f"{folder}/") for path, _ in contents(filesystem, folder)}
        assert set(files_on(repository)) == paths
        assert services.publishing.releases.find("raw").revision == revision
        assert holds(repository, *TAKEN) == (revision == 1)
        assert services.publishing.releases.publications.outdated() == []
        services.publishing.releases.take_down(ids_of(*TAKEN))
