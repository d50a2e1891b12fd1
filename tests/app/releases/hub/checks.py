"""Checks of what a repository holds."""

from app.releases.hub.content import ATTRIBUTES_FILE
from app.services import Services
from tests.app.releases.factories import files_in
from tests.app.releases.hub.conftest import REPOSITORY
from tests.app.releases.takedowns.published import id_of, readable, word_of
from tests.servers.hub import HubServer
from tests.servers.hub_repository import Repository


def files_on(repository: Repository) -> dict[str, bytes]:
    """Return what everybody gets of the newest commit, by path."""
    return {
        path: repository.read(entry)
        for path, entry in repository.head.tree.items()
        if path != ATTRIBUTES_FILE
    }


def check_is_published(services: Services, hub: HubServer, release: str) -> Repository:
    """Check that the repository holds the release exactly, with a tag of its revision."""
    repository = hub.repositories[REPOSITORY]
    assert files_on(repository) == files_in(services.settings.releases / release)
    revision = services.publishing.releases.find(release).revision
    assert repository.tags == {f"revision-{revision}": repository.head.commit_id}
    recorded = services.publishing.releases.publications.find(REPOSITORY)
    assert recorded is not None
    assert recorded.commit_id == repository.head.commit_id
    assert (recorded.release, recorded.revision) == (release, revision)
    assert not recorded.is_outdated
    return repository


def holds(repository: Repository, *numbers: int) -> bool:
    """Tell whether anybody can still read of some contributions in a repository."""
    traces = [trace.encode() for n in numbers for trace in (id_of(n), word_of(n))]
    for content in repository.contents():
        path = "a.parquet" if content.startswith(b"PAR1") else "a"
        text = readable(path, content)
        if any(trace in text for trace in traces):
            return True
    return False
