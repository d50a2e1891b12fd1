"""Publishing releases on the Hub, and keeping what is there free of what was taken down.

A repository holds one release. What is to be sent follows from what the repository has, so that a
publication that was killed anywhere, or refused, is finished by the next one.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from huggingface_hub import CommitOperationAdd

from app.access.errors import HeldBack
from app.access.permissions.policy import Policy
from app.releases.errors import ReleaseNotFound
from app.releases.hub.content import ATTRIBUTES, ATTRIBUTES_FILE, ReleaseContent, git_blob_id
from app.releases.hub.errors import (
    HubTokenMissing,
    NotOnTheHub,
    OnAnotherHub,
    ReleaseFileChanged,
    ReleaseNeedsKey,
    RepositoryTaken,
)
from app.releases.hub.preparing import head_of, prepared
from app.releases.hub.repository import HubRepository, RemoteFile, check_name
from app.releases.manifest import MANIFEST_FILE, Manifest
from app.releases.publications import Access, HubPublication
from app.releases.service import Releases
from app.releases.stores.interface import is_data
from app.state.db import Database
from app.state.locks import holding

_LOCK: Final = "hub"

OnSent = Callable[[str, int], None]
"""Called with the path and the size in bytes of each data file that the Hub has got."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing came to.

    Attributes:
        publication: What the repository holds now.
        added: Number of files that were added or replaced.
        removed: Number of files that were removed.
    """

    publication: HubPublication
    added: int
    removed: int


class HubPublisher:
    """Publishes releases in repositories of one Hub."""

    def __init__(
        self,
        database: Database,
        releases: Releases,
        url: str,
        token: str | None,
        policy: Policy,
    ) -> None:
        """Prepare without connecting to anything.

        Args:
            database: Has the lock of the process that publishes.
            releases: The releases of the lake.
            url: URL of the Hub.
            token: Token of the Hub that may write; None when there is none.
            policy: Tells what a release needs.
        """
        self._database = database
        self._releases = releases
        self._publications = releases.publications
        self._url = url.rstrip("/")
        self._token = token
        self._policy = policy

    def publish(
        self,
        release: str,
        repository: str,
        access: Access | None = None,
        on_sent: OnSent = lambda _path, _size: None,
    ) -> Published:
        """Make a repository hold the newest revision of a release, and nothing else.

        It may be called again after it was interrupted at any point, and sends what is missing.

        Args:
            release: Name of the release.
            repository: Name of the repository, with that of its owner before a slash.
            access: Who may read it; None to leave it as it is, and private when it is new.
            on_sent: Called when a data file has been sent.

        Raises:
            HubError: The Hub refuses, can't be reached, or the repository isn't free.
            ReleaseNotFound: No release has this name.
            HeldBack: Something is being taken out of the release.
        """
        remote = self._repository(repository)
        with holding(self._database.lock(_LOCK)):
            known = self._known(release, repository)
            manifest = self._releases.find(release)
            wanted = access or (known.access if known else "private")
            if access == "public" and self._policy.release(release, is_raw=manifest.is_raw):
                raise ReleaseNeedsKey(release)
            head = prepared(remote, repository, manifest, known)
            with self._releases.changing():
                # From here on, a takedown finds the publication, and a removal is refused.
                content = ReleaseContent(self._releases.find(release), self._releases.store)
                begun = HubPublication(
                    repository=repository, release=release, hub_url=self._url, access=wanted
                )
                self._publications.begin(begun)
            known = known or begun
            sets_access = access is not None or known.revision is None
            if sets_access and wanted != "public":
                remote.set_access(wanted)
            with content:
                added, removed = self._send(remote, head, content, on_sent)
            publication = replace(_settle(remote, known, content), access=wanted)
            if sets_access and wanted == "public":
                remote.set_access(wanted)
            self._publications.complete(publication)
        return Published(publication, added, removed)

    def unpublish(self, release: str, repository: str) -> None:
        """Delete the repository of a release, with its history and all that it holds.

        Raises:
            NotOnTheHub: The release isn't published there.
            HubError: The Hub refuses, or can't be reached.
        """
        remote = self._repository(repository)
        with holding(self._database.lock(_LOCK)):
            if self._known(release, repository) is None:
                raise NotOnTheHub(release, repository)
            remote.delete()
            self._publications.remove(repository)

    def update_outdated(self) -> list[HubPublication]:
        """Bring the publications up to date that hold, or may hold, what was taken down.

        Returns:
            Those that were brought up to date.

        Raises:
            HubError: The Hub refuses or can't be reached for one of them; all were tried.
        """
        updated, failed = [], None
        for each in self._publications.outdated():
            try:
                published = self.publish(each.release, each.repository)
            except (HeldBack, ReleaseNotFound):
                # Its new revision isn't there yet.
                continue
            except Exception as error:  # noqa: BLE001  # raised once the others were tried
                failed = failed or error
                continue
            log.info(
                "%s holds revision %d of the release %s",
                *(each.repository, published.publication.revision, each.release),
            )
            if published.publication.remains:
                log.warning(
                    "the Hub still has of earlier revisions in %s: %s",
                    *(each.repository, ", ".join(published.publication.remains)),
                )
            updated.append(published.publication)
        if failed is not None:
            raise failed
        return updated

    def _repository(self, name: str) -> HubRepository:
        check_name(name)
        if not self._token:
            raise HubTokenMissing
        return HubRepository(self._url, self._token, name)

    def _known(self, release: str, repository: str) -> HubPublication | None:
        known = self._publications.find(repository)
        if known is None:
            return None
        if known.release != release:
            raise RepositoryTaken(repository, known.release)
        if known.hub_url != self._url:
            raise OnAnotherHub(repository, known.hub_url)
        return known

    def _send(
        self, remote: HubRepository, head: str, content: ReleaseContent, on_sent: OnSent
    ) -> tuple[int, int]:
        """Send what differs; return the numbers of files that were added and removed."""
        head, there = _with_attributes(remote, head)
        changed = [path for path in content.sums if content.differs(path, there.get(path))]
        removed = sorted(set(there) - set(content.sums) - {ATTRIBUTES_FILE})
        additions = []
        for path in changed:
            additions.append(content.send(path, remote.upload))
            if is_data(path):
                on_sent(path, additions[-1].upload_info.size)
        if additions or removed:
            # An upload takes long, and something may have been taken down meanwhile.
            if self._releases.find(content.manifest.name) != content.manifest:
                raise ReleaseFileChanged(content.manifest.name, MANIFEST_FILE)
            remote.commit(_title(content.manifest), head, added=additions, removed=removed)
        return len(additions), len(removed)


def _with_attributes(remote: HubRepository, head: str) -> tuple[str, Mapping[str, RemoteFile]]:
    """See to it that data files aren't kept in Git; return the newest commit and its files."""
    files = remote.files(head)
    there = files.get(ATTRIBUTES_FILE)
    if there is not None and there.blob_id == git_blob_id(ATTRIBUTES):
        return head, files
    attributes = CommitOperationAdd(ATTRIBUTES_FILE, ATTRIBUTES)
    return remote.commit("Keep data files by LFS", head, added=[attributes]), files


def _settle(
    remote: HubRepository, known: HubPublication, content: ReleaseContent
) -> HubPublication:
    """Remove what earlier revisions left, tag the new one, and return what the repository holds."""
    manifest, remains = content.manifest, known.remains
    is_newer = known.revision != manifest.revision
    if manifest.revision > 1 and is_newer:
        remote.erase_history(_title(manifest), frozenset(content.sums.values()))
        remains = _left_of(remote, known)
    elif remains:
        others = remote.other_refs()
        remains = tuple(each for each in remains if each in others or remote.has_commit(each))
    head = head_of(remote, known.repository)
    remote.tag(f"revision-{manifest.revision}", head)
    return replace(known, revision=manifest.revision, commit_id=head, remains=remains)


def _left_of(remote: HubRepository, known: HubPublication) -> Sequence[str]:
    """Return the refs and commits by which the Hub still gives out an earlier revision."""
    old = known.commit_id
    commits = (old,) if old is not None and remote.has_commit(old) else ()
    return *remote.other_refs(), *commits


def _title(manifest: Manifest) -> str:
    return f"Revision {manifest.revision} of the release {manifest.name}"
