"""A dataset repository of the Hub, as `huggingface_hub` reaches it.

https://huggingface.co/docs/huggingface_hub/package_reference/hf_api
"""

import logging
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import httpx2
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    RepoFile,
    get_session,
    hf_hub_url,
    set_client_factory,
)
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import (
    build_hf_headers,
    disable_progress_bars,
    hf_raise_for_status,
    validate_repo_id,
)

from app.releases.hub.errors import RepositoryNameInvalid, RepositoryNotFound
from app.releases.hub.refusals import asking
from app.releases.publications import Access
from app.version import VERSION

CommitOperation = CommitOperationAdd | CommitOperationCopy | CommitOperationDelete

_KIND: Final = "dataset"
_MAIN: Final = "main"
_CONNECT_TIMEOUT_S: Final = 15.0
_TIMEOUT_S: Final = 300.0
"""How long the Hub may keep silent: a commit of thousands of files takes it minutes."""
_SETTINGS: Final[dict[Access, dict[str, Any]]] = {
    "private": {"private": True, "gated": False},
    "gated": {"private": False, "gated": "manual"},
    "public": {"private": False, "gated": False},
}
_MAX_NAME_CHARS: Final = 200
"""As much as the database has room for; the Hub allows less."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository.

    Attributes:
        sha256: SHA-256 of its content in hexadecimal; None when it is kept in Git itself.
        blob_id: Git's id of its content, or of the pointer to it.
    """

    sha256: str | None
    blob_id: str


class HubRepository:
    """A dataset repository. Its methods raise a `HubError` when the Hub can't be asked."""

    def __init__(self, url: str, token: str, name: str) -> None:
        """Prepare without connecting to anything.

        Args:
            url: URL of the Hub.
            token: Token that may write to the repository; it is sent to this URL only.
            name: Name of the repository, with that of its owner before a slash.

        Raises:
            RepositoryNameInvalid: No repository can have this name.
        """
        check_name(name)
        _configure_library()
        self._url = url
        self._name = name
        self._token = token
        self._api = HfApi(url, token=token, library_name="chatlake", library_version=VERSION)

    def head(self) -> str | None:
        """Return the id of the newest commit; None when there is no such repository.

        Raises:
            HubTokenRefused: The Hub doesn't accept the token.
        """
        try:
            return self._info(_MAIN)
        except RepositoryNotFound:
            return None

    def has_commit(self, commit_id: str) -> bool:
        """Tell whether the Hub still gives out a commit."""
        try:
            return self._info(commit_id) == commit_id
        except RepositoryNotFound:
            return False

    def create(self) -> None:
        """Create the repository, which only its owner can read; do nothing if it exists."""
        with self._asking():
            self._api.create_repo(self._name, repo_type=_KIND, private=True, exist_ok=True)

    def delete(self) -> None:
        """Delete the repository with all that it ever held; do nothing if there is none."""
        with self._asking():
            self._api.delete_repo(self._name, repo_type=_KIND, missing_ok=True)

    def set_access(self, access: Access) -> None:
        """Decide who may read the repository."""
        with self._asking():
            self._api.update_repo_settings(self._name, repo_type=_KIND, **_SETTINGS[access])

    def files(self, commit_id: str) -> dict[str, RemoteFile]:
        """Return the files of a commit by their paths."""
        with self._asking():
            entries = self._api.list_repo_tree(
                self._name, repo_type=_KIND, recursive=True, revision=commit_id
            )
            return {
                entry.path: RemoteFile(entry.lfs.sha256 if entry.lfs else None, entry.blob_id)
                for entry in entries
                if isinstance(entry, RepoFile)
            }

    def read(self, path: str, commit_id: str) -> bytes:
        """Return the content of a small file."""
        url = hf_hub_url(self._name, path, repo_type=_KIND, revision=commit_id, endpoint=self._url)
        with self._asking():
            # Not by the library's own download, which keeps a copy on this machine.
            answer = get_session().get(url, headers=build_hf_headers(token=self._token))
            hf_raise_for_status(answer)
            return answer.content

    def upload(self, file: CommitOperationAdd) -> None:
        """Upload the content of a large file, for a commit that comes later.

        What the Hub has already isn't sent again, such as by an attempt that was killed.
        """
        with self._asking():
            self._api.preupload_lfs_files(
                self._name, additions=[file], repo_type=_KIND, num_threads=1
            )

    def commit(
        self,
        message: str,
        parent: str,
        *,
        added: Iterable[CommitOperationAdd],
        removed: Iterable[str] = (),
    ) -> str:
        """Commit added and removed files together.

        Args:
            message: What the commit does, in one line.
            parent: Id of the newest commit.
            added: Files to be added or replaced.
            removed: Paths of files to be removed.

        Returns:
            The id of the new commit, or of `parent` when nothing differs from it.

        Raises:
            RepositoryChanged: `parent` isn't the newest commit any more.
        """
        operations: list[CommitOperation] = [*added, *map(CommitOperationDelete, removed)]
        with self._asking():
            made = self._api.create_commit(
                self._name,
                operations,
                commit_message=message,
                repo_type=_KIND,
                parent_commit=parent,
                num_threads=1,
            )
        return str(made.oid)

    def erase_history(self, message: str, keep: Collection[str]) -> None:
        """Remove all that isn't in the newest commit, as far as the Hub allows it.

        That is the commits before it, other branches and tags, and the contents of large files. The
        Hub lets nobody remove refs of pull requests and of its own conversions: see `other_refs`.

        Args:
            message: Message of the one commit that is left, in one line.
            keep: The SHA-256 of all files that are in the newest commit, in hexadecimal.
        """
        with self._asking():
            refs = self._api.list_repo_refs(self._name, repo_type=_KIND)
            for tag in refs.tags:
                self._api.delete_tag(self._name, repo_type=_KIND, tag=tag.name)
            for branch in refs.branches:
                if branch.name != _MAIN:
                    self._api.delete_branch(self._name, repo_type=_KIND, branch=branch.name)
            if len(self._api.list_repo_commits(self._name, repo_type=_KIND)) > 1:
                self._api.super_squash_history(self._name, repo_type=_KIND, commit_message=message)
            kept = self._api.list_lfs_files(self._name, repo_type=_KIND)
            old = [file for file in kept if file.file_oid not in keep]
            self._api.permanently_delete_lfs_files(
                self._name, old, repo_type=_KIND, rewrite_history=True
            )

    def tag(self, tag: str, commit_id: str) -> None:
        """Let a tag name a commit, in the place of the one that it named before."""
        with self._asking():
            tags = self._api.list_repo_refs(self._name, repo_type=_KIND).tags
            known = {each.name: each.target_commit for each in tags}
            if known.get(tag) == commit_id:
                return
            if tag in known:
                self._api.delete_tag(self._name, repo_type=_KIND, tag=tag)
            self._api.create_tag(self._name, repo_type=_KIND, tag=tag, revision=commit_id)

    def other_refs(self) -> list[str]:
        """Return the refs that only the Hub can change, each with the commit that it names."""
        with self._asking():
            refs = self._api.list_repo_refs(self._name, repo_type=_KIND, include_pull_requests=True)
        found = (*(refs.pull_requests or ()), *refs.converts)
        return sorted(f"{each.ref} at {each.target_commit}" for each in found)

    def _info(self, revision: str) -> str:
        with self._asking():
            return str(self._api.dataset_info(self._name, revision=revision, expand=["sha"]).sha)

    def _asking(self) -> AbstractContextManager[None]:
        return asking(self._url, self._name, self._token)


def check_name(name: str) -> None:
    """Check that a repository can have a name.

    Raises:
        RepositoryNameInvalid: It can't, or the name has no owner.
    """
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise RepositoryNameInvalid(name) from error
    if "/" not in name or len(name) > _MAX_NAME_CHARS:
        raise RepositoryNameInvalid(name)


@cache
def _configure_library() -> None:
    """Give the library time limits, which it lacks, and keep it from writing to the terminal."""
    set_client_factory(
        lambda: httpx2.Client(
            follow_redirects=True,
            timeout=httpx2.Timeout(_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
        )
    )
    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
