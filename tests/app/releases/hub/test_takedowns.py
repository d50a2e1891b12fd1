"""What is taken down leaves the Hub as well, whatever happens between."""

import shutil
from pathlib import Path

import pytest

from app.releases.errors import ReleaseOnTheHub
from app.releases.hub.errors import HubError, NotOnTheHub, ReleaseFileChanged, RepositoryNewer
from app.releases.hub.publisher import HubPublisher
from app.services import Services
from tests.app.releases.hub.checks import check_is_published, files_on, holds
from tests.app.releases.hub.conftest import REPOSITORY
from tests.app.releases.takedowns.published import ids_of
from tests.servers.hub import HubServer, Request
from tests.servers.hub_repository import RefusedError, regular

pytestmark = pytest.mark.slow

TAKEN = (1, 4)


def test_a_takedown_leaves_nothing_on_the_hub(
    own_publisher: HubPublisher, services: Services, hub: HubServer
) -> None:
    first = own_publisher.publish("raw", REPOSITORY, "public").publication
    repository = hub.repositories[REPOSITORY]
    repository.refs["refs/heads/try"] = repository.head.commit_id
    assert holds(repository, *TAKEN)
    services.publishing.releases.take_down(ids_of(*TAKEN))
    assert [each.is_outdated for each in services.publishing.releases.publications.all()] == [True]
    (updated,) = own_publisher.update_outdated()
    check_is_published(services, hub, "raw")
    assert (updated.revision, updated.access, updated.remains) == (2, "public", ())
    assert [each.parent for each in repository.history("main")] == [None]
    assert set(repository.refs) == {"refs/heads/main", "refs/tags/revision-2"}
    with pytest.raises(RefusedError):
        repository.find(str(first.commit_id))
    assert not holds(repository, *TAKEN)
    assert holds(repository, 2)
    assert own_publisher.update_outdated() == []


def test_a_takedown_sends_only_the_files_that_change(
    own_publisher: HubPublisher, services: Services, hub: HubServer
) -> None:
    own_publisher.publish("raw", REPOSITORY)
    before = {file.path for file in services.publishing.releases.find("raw").files}
    hub.requests.clear()
    services.publishing.releases.take_down(ids_of(4))
    own_publisher.update_outdated()
    after = {file.path for file in services.publishing.releases.find("raw").files}
    # The credits are kept by LFS, too.
    assert hub.sent("PUT", "/lfs/") == len(after - before) + 1
    assert after & before


def test_what_the_hub_keeps_of_earlier_revisions_is_told_until_it_is_gone(
    own_publisher: HubPublisher, services: Services, hub: HubServer
) -> None:
    hub.collects = False
    first = own_publisher.publish("raw", REPOSITORY).publication
    repository = hub.repositories[REPOSITORY]
    repository.refs["refs/pr/1"] = str(first.commit_id)
    services.publishing.releases.take_down(ids_of(*TAKEN))
    (updated,) = own_publisher.update_outdated()
    assert updated.remains == (f"refs/pr/1 at {first.commit_id}", first.commit_id)
    recorded = services.publishing.releases.publications.find(REPOSITORY)
    assert recorded is not None
    assert recorded.remains == updated.remains
    # The conversations themselves are gone.
    assert not holds(repository, *TAKEN)
    assert own_publisher.publish("raw", REPOSITORY).publication.remains == updated.remains
    repository.refs.pop("refs/pr/1")
    repository.collects = True
    assert own_publisher.publish("raw", REPOSITORY).publication.remains == ()


def test_what_is_taken_down_during_an_upload_is_not_committed(
    own_publisher: HubPublisher, services: Services, hub: HubServer
) -> None:
    def take_down(request: Request) -> None:
        if request.path.startswith("/lfs/"):
            hub.before = lambda _: None
            services.publishing.releases.take_down(ids_of(*TAKEN))

    hub.before = take_down
    with pytest.raises(ReleaseFileChanged, match="run this again"):
        own_publisher.publish("raw", REPOSITORY)
    repository = hub.repositories[REPOSITORY]
    assert files_on(repository) == {}
    assert holds(repository, *TAKEN)
    (updated,) = own_publisher.update_outdated()
    assert updated.revision == 2
    check_is_published(services, hub, "raw")
    assert not holds(repository, *TAKEN)


def test_a_lake_that_forgot_a_publication_finds_it_again_and_cleans_it(
    own_publisher: HubPublisher, services: Services, hub: HubServer
) -> None:
    own_publisher.publish("raw", REPOSITORY)
    services.publishing.releases.publications.remove(REPOSITORY)
    services.publishing.releases.take_down(ids_of(*TAKEN))
    own_publisher.publish("raw", REPOSITORY)
    assert not holds(check_is_published(services, hub, "raw"), *TAKEN)


def test_a_restored_lake_does_not_bring_back_what_was_taken_down(
    own_publisher: HubPublisher, services: Services, hub: HubServer, tmp_path: Path
) -> None:
    own_publisher.publish("raw", REPOSITORY)
    folder = services.settings.releases / "raw"
    shutil.copytree(folder, tmp_path / "backup")
    services.publishing.releases.take_down(ids_of(*TAKEN))
    own_publisher.update_outdated()
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "backup", folder)
    head = hub.repositories[REPOSITORY].head
    with pytest.raises(RepositoryNewer, match=r"holds revision 2 .* the lake revision 1"):
        own_publisher.publish("raw", REPOSITORY)
    assert hub.repositories[REPOSITORY].head == head


def test_a_release_on_the_hub_is_unpublished_before_it_is_removed(
    own_publisher: HubPublisher, services: Services, hub: HubServer
) -> None:
    own_publisher.publish("raw", REPOSITORY)
    with pytest.raises(ReleaseOnTheHub, match=f"unpublish raw --hub {REPOSITORY}"):
        services.publishing.releases.remove("raw")
    assert services.publishing.releases.find("raw").revision == 1
    own_publisher.unpublish("raw", REPOSITORY)
    assert hub.repositories == {}
    services.publishing.releases.remove("raw")
    with pytest.raises(NotOnTheHub):
        own_publisher.unpublish("raw", REPOSITORY)


def test_somebody_elses_commit_in_between_is_not_overwritten(
    own_publisher: HubPublisher, services: Services, hub: HubServer
) -> None:
    own_publisher.publish("raw", REPOSITORY)
    services.publishing.releases.take_down(ids_of(*TAKEN))

    def commit(request: Request) -> None:
        if "/preupload/" in request.path:
            hub.before = lambda _: None
            hub.repositories[REPOSITORY].commit("Edit", None, {"more.txt": regular(b"more")})

    hub.before = commit
    with pytest.raises(HubError, match="changed by somebody else"):
        own_publisher.update_outdated()
    own_publisher.update_outdated()
    check_is_published(services, hub, "raw")
