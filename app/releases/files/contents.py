"""All files of a release with their sizes and sums, as pages list them."""

from dataclasses import dataclass

from pyarrow.fs import FileSystem, FileType

from app.releases.manifest import SUMS_FILE, Manifest, decode_sums


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file of a release.

    Attributes:
        path: Path of the file in the release's folder.
        size_bytes: Size in bytes.
        sha256: SHA-256 of the file in hexadecimal; None for the list of sums itself.
        rows: Number of rows; None for files without rows.
        split: Split of the rows; None for files without rows.
    """

    path: str
    size_bytes: int
    sha256: str | None
    rows: int | None = None
    split: str | None = None


Contents = list[ListedFile]
"""The data files of a release, and then those that describe it."""


def read_contents(manifest: Manifest, filesystem: FileSystem, folder: str) -> Contents:
    """Return all files of a release.

    Args:
        manifest: The manifest of the release, which knows the data files.
        filesystem: The Arrow file system that has the release.
        folder: The path of its folder there.

    Raises:
        OSError: The files can't be read.
    """
    data = [
        ListedFile(file.path, file.bytes, file.sha256, file.rows, file.split)
        for file in manifest.files
    ]
    with filesystem.open_input_file(f"{folder}/{SUMS_FILE}") as file:
        sums = decode_sums(file.read())
    known = {file.path for file in data}
    paths = [*sorted(sums.keys() - known), SUMS_FILE]
    found = filesystem.get_file_info([f"{folder}/{path}" for path in paths])
    return data + [
        ListedFile(path, info.size, sums.get(path))
        for path, info in zip(paths, found, strict=True)
        if info.type == FileType.File
    ]
