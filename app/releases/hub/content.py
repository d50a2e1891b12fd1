"""The files of a release, as they are sent to the Hub."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from io import BufferedReader, RawIOBase
from typing import Final, Self, cast

from huggingface_hub import CommitOperationAdd

from app.releases.hub.errors import ReleaseFileChanged
from app.releases.hub.repository import RemoteFile
from app.releases.manifest import SUMS_FILE, Manifest, decode_sums
from app.releases.stores.interface import ReleaseStore

ATTRIBUTES_FILE: Final = ".gitattributes"
_LARGE: Final = ("*.parquet", "*.jsonl", "CREDITS.txt")
"""Files that name people or hold what they wrote."""
ATTRIBUTES: Final = "".join(
    f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in _LARGE
).encode()
"""Which files the Hub keeps beside Git, by LFS: only these can be removed from it for good."""
_BUFFER_BYTES: Final = 1024 * 1024


class ReleaseContent:
    """The files of one revision of a release, wherever the lake keeps them.

    Files that are opened within a `with` block are open until its end, unless they were sent.

    Attributes:
        manifest: The manifest of the revision.
        sums: SHA-256 of each file in hexadecimal, by its path.
    """

    def __init__(self, manifest: Manifest, store: ReleaseStore) -> None:
        """Read the sums of the files.

        Args:
            manifest: The manifest of the release as it is now.
            store: Keeps the published releases.
        """
        self.manifest = manifest
        self._filesystem, self._folder = store.filesystem(manifest.name)
        self._opened = ExitStack()
        sums = self._read(SUMS_FILE)
        self.sums: Mapping[str, str] = {
            **decode_sums(sums),
            SUMS_FILE: hashlib.sha256(sums).hexdigest(),
        }

    def differs(self, path: str, remote: RemoteFile | None) -> bool:
        """Tell whether a file of a repository is missing, or isn't the one of the release."""
        if remote is None:
            return True
        if remote.sha256 is not None:
            return remote.sha256 != self.sums[path]
        return remote.blob_id != git_blob_id(self._read(path))

    def send(self, path: str, upload: Callable[[CommitOperationAdd], None]) -> CommitOperationAdd:
        """Return a file to be committed, after its content was sent if LFS is to keep it.

        The library gets an open file and no path: of those it sends none by Xet, whose protocol
        only the Hub itself speaks.

        Args:
            path: Path of the file.
            upload: Sends the content of a file that LFS is to keep, and does nothing with others.

        Raises:
            ReleaseFileChanged: The file is gone, or isn't the one that the sums list.
        """
        file = self._open(path)
        addition = CommitOperationAdd(path, file)
        if addition.upload_info.sha256.hex() != self.sums[path]:
            raise ReleaseFileChanged(self.manifest.name, path)
        upload(addition)
        if addition.path_or_fileobj is not file:
            # What was sent isn't needed for the commit.
            file.close()
        return addition

    def _read(self, path: str) -> bytes:
        with self._open(path) as file:
            return file.read()

    def _open(self, path: str) -> BufferedReader:
        try:
            file = self._filesystem.open_input_file(f"{self._folder}/{path}")
        except FileNotFoundError as error:
            raise ReleaseFileChanged(self.manifest.name, path) from error
        # The library wants a file of Python's own kind.
        return self._opened.enter_context(BufferedReader(cast("RawIOBase", file), _BUFFER_BYTES))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()


def git_blob_id(content: bytes) -> str:
    """Return the id by which Git knows a content."""
    header = b"blob %d\0" % len(content)
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
