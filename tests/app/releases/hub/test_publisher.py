"""Releases are published on a Hub, completely or not at all, by as little as is needed."""

from dataclasses import replace

import pytest

from app.releases.hub.content import ATTRIBUTES, ATTRIBUTES_FILE
from app.releases.hub.errors import (
    HubError,
    HubTokenMissing,
    OnAnotherHub,
    ReleaseFileChanged,
    ReleaseNeedsKey,
    RepositoryInUse,
    RepositoryNameInvalid,
    RepositoryNotFound,
    RepositoryTaken,
)
from app.releases.hub.publisher import HubPublisher
from app.services import Services
from tests.app.releases.hub.checks import check_is_published, files_on
from tests.app.releases.hub.conftest import REPOSITORY
from tests.servers.hub import HubServer, Request
from tests.servers.hub_repository import RefusedError, Repository, regular


def test_a_new_repository_is_private_and_has_exactly_the_files_of_the_release(
    publisher: HubPublisher, filled: Services, hub: HubServer
) -> None:
    sent: dict[str, int] = {}
    published = publisher.publish("raw", REPOSITORY, None, sent.__setitem__)
    repository = check_is_published(filled, hub, "raw")
    assert (repository.is_private, repository.gated) == (True, False)
    manifest = filled.publishing.releases.find("raw")
    assert sent == {file.path: file.bytes for file in manifest.files}
    assert (published.added, published.removed) == (len(files_on(repository)), 0)
    assert repository.head.tree[ATTRIBUTES_FILE].content == ATTRIBUTES
    kept_by_lfs = {path for path, entry in repository.head.tree.items() if entry.sha256}
    assert kept_by_lfs == {*sent, "CREDITS.txt"}


def test_large_files_are_sent_in_parts_where_the_hub_wants_it(
    publisher: HubPublisher, filled: Services, hub: HubServer
) -> None:
    hub.part_bytes = 1_000
    publisher.publish("raw", REPOSITORY)
    check_is_published(filled, hub, "raw")
    assert hub.sent("PUT", "/00003") > 0


def test_a_second_run_sends_nothing(publisher: HubPublisher, hub: HubServer) -> None:
    first = publisher.publish("raw", REPOSITORY).publication
    hub.requests.clear()
    again = publisher.publish("raw", REPOSITORY)
    assert (again.added, again.removed) == (0, 0)
    assert replace(again.publication, published_at=None) == replace(first, published_at=None)
    assert {method for method, _ in hub.requests} == {"GET"}


def test_only_what_somebody_changed_on_the_hub_is_sent_again(
    publisher: HubPublisher, filled: Services, hub: HubServer
) -> None:
    publisher.publish("raw", REPOSITORY)
    changes = {"README.md": regular(b"mine"), "more.txt": regular(b"more")}
    hub.repositories[REPOSITORY].commit("Edit", None, changes)
    published = publisher.publish("raw", REPOSITORY)
    assert (published.added, published.removed) == (1, 1)
    check_is_published(filled, hub, "raw")


@pytest.mark.parametrize(
    ("access", "is_private", "gated"),
    [("private", True, False), ("gated", False, "manual"), ("public", False, False)],
)
def test_a_repository_is_open_to_those_who_are_chosen(
    publisher: HubPublisher, hub: HubServer, access: str, is_private: bool, gated: object
) -> None:
    publisher.publish("raw", REPOSITORY, access)  # type: ignore[arg-type]  # parametrized
    repository = hub.repositories[REPOSITORY]
    assert (repository.is_private, repository.gated) == (is_private, gated)
    publisher.publish("raw", REPOSITORY)
    assert (repository.is_private, repository.gated) == (is_private, gated)
    publisher.publish("raw", REPOSITORY, "private")
    assert (repository.is_private, repository.gated) == (True, False)


def test_a_repository_becomes_public_once_it_is_complete(
    publisher: HubPublisher, hub: HubServer
) -> None:
    def check(request: Request) -> None:
        if REPOSITORY in hub.repositories and request.path.endswith("/main"):
            assert hub.repositories[REPOSITORY].is_private

    hub.before = check
    publisher.publish("raw", REPOSITORY, "public")
    assert not hub.repositories[REPOSITORY].is_private


def test_a_release_that_needs_a_key_here_is_not_made_public_there(
    publisher: HubPublisher, filled: Services, hub: HubServer
) -> None:
    filled.access.gates.close("release", "raw", "read")
    with pytest.raises(ReleaseNeedsKey):
        publisher.publish("raw", REPOSITORY, "public")
    assert hub.repositories == {}
    publisher.publish("raw", REPOSITORY, "gated")
    filled.access.gates.open("release", "raw")


def test_a_publication_that_was_cut_off_and_not_repeated_is_left_to_the_operator(
    publisher: HubPublisher, filled: Services, hub: HubServer
) -> None:
    with hub.refusing("/commit/", RefusedError(403, "no")), pytest.raises(HubError):
        publisher.publish("raw", REPOSITORY)
    assert publisher.update_outdated() == []
    (begun,) = filled.publishing.releases.publications.all()
    assert (begun.revision, begun.is_outdated) == (None, False)


def test_a_file_that_is_not_what_its_sum_says_is_not_published(
    publisher: HubPublisher, filled: Services, hub: HubServer
) -> None:
    path = filled.publishing.releases.find("raw").files[0].path
    file = filled.settings.releases / "raw" / path
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"x")
    with pytest.raises(ReleaseFileChanged, match=path):
        publisher.publish("raw", REPOSITORY)
    file.unlink()
    with pytest.raises(ReleaseFileChanged, match=path):
        publisher.publish("raw", REPOSITORY)
    file.write_bytes(content)
    assert files_on(hub.repositories[REPOSITORY]) == {}


def test_a_repository_with_other_files_is_left_alone(
    publisher: HubPublisher, filled: Services, hub: HubServer
) -> None:
    repository = hub.repositories[REPOSITORY] = Repository(REPOSITORY)
    other = {"manifest.json": regular(b"{}"), "data.csv": regular(b"1,2")}
    repository.commit("Add data", None, other)
    head = repository.head
    with pytest.raises(RepositoryInUse, match=r"data\.csv, manifest\.json"):
        publisher.publish("raw", REPOSITORY)
    assert repository.head == head
    assert filled.publishing.releases.publications.all() == []


@pytest.mark.slow
def test_a_repository_holds_one_release(publisher: HubPublisher) -> None:
    publisher.publish("raw", REPOSITORY)
    with pytest.raises(RepositoryTaken, match="holds the release raw"):
        publisher.publish("cleaned", REPOSITORY)
    publisher.publish("raw", "lake/copy")


def test_a_published_repository_that_is_gone_is_not_made_again(
    publisher: HubPublisher, filled: Services, hub: HubServer
) -> None:
    publisher.publish("raw", REPOSITORY)
    hub.repositories.clear()
    with pytest.raises(RepositoryNotFound):
        publisher.publish("raw", REPOSITORY)
    publisher.unpublish("raw", REPOSITORY)
    assert filled.publishing.releases.publications.all() == []


def test_a_publication_stays_with_the_hub_that_it_was_made_on(
    publisher: HubPublisher, filled: Services, hub: HubServer
) -> None:
    publisher.publish("raw", REPOSITORY)
    other = HubPublisher(
        filled.database,
        filled.publishing.releases,
        "http://127.0.0.1:9",
        "token",
        filled.access.policy,
    )
    with pytest.raises(OnAnotherHub, match=hub.url):
        other.publish("raw", REPOSITORY)


@pytest.mark.parametrize("name", ["first", "lake/", "a/b/c", "lake/a b", "l" * 200 + "/x", "a/b\0"])
def test_names_that_no_repository_can_have_are_refused(publisher: HubPublisher, name: str) -> None:
    with pytest.raises(RepositoryNameInvalid):
        publisher.publish("raw", name)


def test_nothing_is_sent_without_a_token(filled: Services, hub: HubServer) -> None:
    publisher = HubPublisher(
        filled.database, filled.publishing.releases, hub.url, None, filled.access.policy
    )
    with pytest.raises(HubTokenMissing, match="CHATLAKE_HUB_TOKEN"):
        publisher.publish("raw", REPOSITORY)
    assert hub.requests == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RefusedError(401, "no"), "doesn't accept CHATLAKE_HUB_TOKEN"),
        (RefusedError(403, "quota\nexceeded"), "may not change lake/first.*quota exceeded"),
        (RefusedError(404, "no"), "has no lake/first"),
        (RefusedError(409, "busy"), "changed by somebody else"),
        (RefusedError(412, "A commit has happened"), "changed by somebody else.*A commit"),
        (RefusedError(429, "slow down"), "429.*in 0 s.*goes on where it ended"),
        (RefusedError(400, "bad\x1b[31m card"), r"refused a request for lake/first: .*bad \[31m"),
        (RefusedError(503, "down"), r"can't be reached, or fails \(503\)"),
    ],
)
def test_what_the_hub_refuses_is_told_in_one_line_and_done_by_the_next_run(
    publisher: HubPublisher, filled: Services, hub: HubServer, error: RefusedError, message: str
) -> None:
    with hub.refusing("/commit/", error), pytest.raises(HubError, match=message) as caught:
        publisher.publish("raw", REPOSITORY)
    assert "\n" not in str(caught.value)
    publisher.publish("raw", REPOSITORY)
    check_is_published(filled, hub, "raw")


def test_a_hub_that_is_away_is_told(filled: Services) -> None:
    publisher = HubPublisher(
        filled.database,
        filled.publishing.releases,
        "http://127.0.0.1:9",
        "token",
        filled.access.policy,
    )
    with pytest.raises(HubError, match=r"http://127.0.0.1:9 can't be reached"):
        publisher.publish("raw", REPOSITORY)
