"""A repository as the Hub keeps it: commits with their trees, refs, and the contents of files."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from itertools import count
from typing import Any, Final

INITIAL_ATTRIBUTES: Final = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"
MAX_REGULAR_BYTES: Final = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a commit.

    Attributes:
        blob_id: Git's id of the content, or of the pointer to it.
        size: Size of the content in bytes.
        content: The content; None when LFS keeps it.
        sha256: SHA-256 of a content that LFS keeps.
    """

    blob_id: str
    size: int
    content: bytes | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit with the whole tree."""

    commit_id: str
    title: str
    parent: str | None
    tree: Mapping[str, Entry]


class RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass
class Repository:
    """A repository.

    Attributes:
        name: Name of the repository, with that of its owner before a slash.
        is_private: Whether only its owner reads it.
        gated: Whether readers have to ask: `manual`, `auto`, or False.
        collects: Whether commits that no ref leads to are gone.
        refs: The commits of branches, tags and pull requests, by the full names of refs.
        commits: All commits by their ids.
        objects: Contents that LFS keeps, by SHA-256.
    """

    name: str
    is_private: bool = False
    gated: str | bool = False
    collects: bool = True
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        """Make the first commit, as the Hub does."""
        tree = {".gitattributes": regular(INITIAL_ATTRIBUTES)}
        self.refs["refs/heads/main"] = self._add("initial commit", None, tree).commit_id

    @property
    def head(self) -> Commit:
        """The newest commit of the branch `main`."""
        return self.commits[self.refs["refs/heads/main"]]

    @property
    def tags(self) -> dict[str, str]:
        """The commits of tags by their names."""
        return self.refs_below("refs/tags/")

    def refs_below(self, prefix: str) -> dict[str, str]:
        """Return the commits of some refs, by the rest of their names."""
        return {
            ref.removeprefix(prefix): commit_id
            for ref, commit_id in self.refs.items()
            if ref.startswith(prefix)
        }

    def find(self, revision: str) -> Commit:
        """Return the commit that a branch, a tag or an id names."""
        for ref in (revision, f"refs/heads/{revision}", f"refs/tags/{revision}"):
            if ref in self.refs:
                return self.commits[self.refs[ref]]
        if revision in self.commits and (not self.collects or revision in set(self._reachable())):
            return self.commits[revision]
        raise RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def history(self, revision: str) -> list[Commit]:
        """Return a commit and those before it, newest first."""
        return list(self._lineage(self.find(revision).commit_id))

    def contents(self) -> Iterator[bytes]:
        """Yield every content that anybody could still read."""
        yield from self.objects.values()
        ids = set(self.commits) if not self.collects else set(self._reachable())
        for commit_id in sorted(ids):
            yield from (e.content for e in self.commits[commit_id].tree.values() if e.content)

    def read(self, entry: Entry) -> bytes:
        """Return the content of a file."""
        return entry.content if entry.content is not None else self.objects[str(entry.sha256)]

    def mode(self, path: str, size: int) -> str:
        """Return whether Git or LFS is to keep a file."""
        attributes = (self.head.tree[".gitattributes"].content or b"").decode().splitlines()
        patterns = [line.split()[0] for line in attributes if "filter=lfs" in line]
        is_large = size > MAX_REGULAR_BYTES or any(
            fnmatch(path.rsplit("/", 1)[-1], pattern) for pattern in patterns
        )
        return "lfs" if is_large else "regular"

    def commit(self, title: str, parent: str | None, changes: Mapping[str, Entry | None]) -> Commit:
        """Add a commit to `main`: entries that are added, and None for paths that are removed."""
        if parent is not None and parent != self.head.commit_id:
            raise RefusedError(412, "A commit has happened since. Please refresh and try again.")
        tree = dict(self.head.tree)
        for path, entry in changes.items():
            if entry is None:
                if path not in tree:
                    raise RefusedError(404, "A file with this name doesn't exist", "EntryNotFound")
                del tree[path]
            elif entry.sha256 is not None and entry.sha256 not in self.objects:
                raise RefusedError(400, f"LFS pointer of {path} points to nothing")
            else:
                tree[path] = entry
        made = self._add(title, self.head.commit_id, tree)
        self.refs["refs/heads/main"] = made.commit_id
        return made

    def squash(self, title: str) -> None:
        """Leave one commit of `main`."""
        self.refs["refs/heads/main"] = self._add(title, None, self.head.tree).commit_id

    def delete_objects(self, sums: list[str]) -> None:
        """Remove contents for good, and from every commit."""
        for sha256 in sums:
            self.objects.pop(sha256, None)
        for commit_id, commit in self.commits.items():
            tree = {path: e for path, e in commit.tree.items() if e.sha256 not in sums}
            self.commits[commit_id] = replace(commit, tree=tree)

    def describe(self, commit: Commit) -> dict[str, Any]:
        """Return what the Hub says of a repository at a commit."""
        return {
            "id": self.name,
            "sha": commit.commit_id,
            "private": self.is_private,
            "gated": self.gated,
            "siblings": [{"rfilename": path} for path in sorted(commit.tree)],
        }

    def _add(self, title: str, parent: str | None, tree: Mapping[str, Entry]) -> Commit:
        identity = f"{self.name} {next(self._numbers)} {title}"
        commit_id = hashlib.sha1(identity.encode(), usedforsecurity=False).hexdigest()
        self.commits[commit_id] = Commit(commit_id, title, parent, dict(tree))
        return self.commits[commit_id]

    def _lineage(self, commit_id: str | None) -> Iterator[Commit]:
        while commit_id is not None:
            yield self.commits[commit_id]
            commit_id = self.commits[commit_id].parent

    def _reachable(self) -> Iterator[str]:
        for commit_id in self.refs.values():
            yield from (commit.commit_id for commit in self._lineage(commit_id))


def regular(content: bytes) -> Entry:
    """Return a file that Git keeps."""
    return Entry(blob_id(content), len(content), content)


def large(sha256: str, size: int) -> Entry:
    """Return a file that LFS keeps."""
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
    return Entry(blob_id(pointer.encode()), size, None, sha256)


def blob_id(content: bytes) -> str:
    """Return Git's id of a content."""
    header = b"blob %d\0" % len(content)
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
