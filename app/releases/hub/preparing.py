"""Whether a repository may be written to: it is new, empty, or holds this very release."""

from typing import Final

import msgspec

from app.releases.hub.content import ATTRIBUTES_FILE
from app.releases.hub.errors import RepositoryInUse, RepositoryNewer, RepositoryNotFound
from app.releases.hub.repository import HubRepository
from app.releases.manifest import MANIFEST_FILE, Manifest, decode_manifest
from app.releases.publications import HubPublication

_OF_NEW_REPOSITORIES: Final = frozenset({ATTRIBUTES_FILE, "README.md"})
"""Files that the Hub itself puts into a new repository."""


def prepared(
    remote: HubRepository, name: str, manifest: Manifest, known: HubPublication | None
) -> str:
    """Return the newest commit of a repository that may be written to; create it if it is new.

    Args:
        remote: The repository.
        name: Name of the release.
        manifest: The manifest of the release that is to be published there.
        known: What is recorded of the repository; None when nothing is.

    Raises:
        RepositoryInUse: The repository isn't recorded, and has other files.
        RepositoryNewer: The repository has a later revision of the release.
        RepositoryNotFound: The repository was complete, and isn't there any more.
    """
    head = remote.head()
    if head is not None:
        _check_free(remote, name, manifest, head, is_known=known is not None)
        return head
    if known is not None and known.revision is not None:
        # Somebody deleted it on the Hub, or the token may not see it.
        raise RepositoryNotFound(name)
    remote.create()
    return head_of(remote, name)


def _check_free(
    remote: HubRepository, name: str, manifest: Manifest, head: str, *, is_known: bool
) -> None:
    """Check that a repository is empty, or holds this very release in no later revision.

    A lake that was restored from an older backup may not know what it has published since.
    """
    files = remote.files(head)
    there = _manifest_of(remote, head) if MANIFEST_FILE in files else None
    if there is not None and _origin(there) == _origin(manifest):
        if there.revision > manifest.revision:
            raise RepositoryNewer(name, there.revision, manifest.revision)
        return
    others = sorted(set(files) - _OF_NEW_REPOSITORIES)
    if others and not is_known:
        raise RepositoryInUse(name, others)


def _manifest_of(remote: HubRepository, head: str) -> Manifest | None:
    """Return the manifest in a repository; None when it is no manifest of a release."""
    try:
        return decode_manifest(remote.read(MANIFEST_FILE, head))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _origin(manifest: Manifest) -> tuple[object, ...]:
    """Return what the revisions of a release have in common, and other releases don't."""
    return manifest.name, manifest.stage, manifest.snapshot_id, manifest.committed_at


def head_of(remote: HubRepository, name: str) -> str:
    """Return the newest commit of a repository.

    Raises:
        RepositoryNotFound: It isn't there.
    """
    head = remote.head()
    if head is None:
        raise RepositoryNotFound(name)
    return head
