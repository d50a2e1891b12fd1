"""Opens files, whatever they are packed in: compressed, in zip or tar, in a script, or not."""

import bz2
import gzip
import lzma
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, cast

from chatlake_client.errors import UnreadableFileError

ZIP_MAGIC: Final = b"PK\x03\x04"
EMPTY_ZIP_MAGIC: Final = b"PK\x05\x06"
GZIP_MAGIC: Final = b"\x1f\x8b"
BZIP2_MAGIC: Final = b"BZh"
XZ_MAGIC: Final = b"\xfd7zXZ\0"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
MAGIC_BYTES: Final = 4
TAR_MAGIC: Final = b"ustar"
TAR_PLACE: Final = 257
HEAD_BYTES: Final = TAR_PLACE + len(TAR_MAGIC)
_ASSIGNMENT: Final = re.compile(rb"\s*(?:(?:var|let|const)\s+\w+|window(?:\.\w+)+)\s*=\s*(?=[\[{])")
"""What X's archive, for example, has before the JSON of its files, which are scripts."""
MAX_LAYERS: Final = 4
"""How deep containers may be packed in one another."""
ZSTD_NEEDS: Final = "zstd needs pyarrow: pip install 'chatlake-client[parquet]'"
# What archives hold beside the files that somebody put into them.
HIDDEN_FOLDERS: Final = frozenset({"__MACOSX"})


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or a member of an archive, that can be read any number of times.

    Attributes:
        name: The member's name; empty for a file that is no archive.
        suffix: The end of the name, such as `.csv`, which decides where the content fits two kinds.
        open: Opens the unpacked bytes.
        share: Returns how much of the whole file has been read, from 0 to 1.
    """

    name: str
    suffix: str
    open: Callable[[], BinaryIO]
    share: Callable[[], float]


@contextmanager
def opened_sources(path: Path) -> Iterator[Iterator[Source]]:
    """Yield what a file holds: itself unpacked, or each member of an archive.

    Raises:
        UnreadableFileError: The file is no regular file, or its packing is broken.
    """
    if not path.is_file():
        # A pipe can't be read a second time after its kind was found.
        raise UnreadableFileError(path, "not a regular file")
    with ExitStack() as stack, unreadable_errors(path):
        size_bytes = path.stat().st_size
        newest: list[BinaryIO] = []

        def opened() -> BinaryIO:
            newest[:] = [stack.enter_context(path.open("rb"))]
            return newest[0]

        def share() -> float:
            return 1.0 if newest[0].closed else newest[0].tell() / size_bytes

        yield _unpacked(Source("", path.suffix, opened, share), stack, MAX_LAYERS)


@contextmanager
def unreadable_errors(path: Path) -> Iterator[None]:
    """Raise what goes wrong with a packed file as `UnreadableFileError`."""
    try:
        yield
    except OSError as error:
        raise UnreadableFileError(path, error.strerror or str(error)) from error
    except (
        ValueError,
        EOFError,
        zlib.error,
        zipfile.BadZipFile,
        NotImplementedError,
        tarfile.TarError,
        lzma.LZMAError,
    ) as error:
        raise UnreadableFileError(path, str(error)) from error


def _unpacked(source: Source, stack: ExitStack, layers: int) -> Iterator[Source]:
    with source.open() as file:
        head = file.read(HEAD_BYTES)
    magic = head[:MAGIC_BYTES]
    if layers and magic.startswith(GZIP_MAGIC):
        yield from _unpacked(_decompressed(source, _gunzipped), stack, layers - 1)
    elif layers and magic.startswith(BZIP2_MAGIC):
        yield from _unpacked(_decompressed(source, _bunzipped), stack, layers - 1)
    elif layers and head.startswith(XZ_MAGIC):
        yield from _unpacked(_decompressed(source, _unxz), stack, layers - 1)
    elif layers and magic == ZSTD_MAGIC:
        yield from _unpacked(_decompressed(source, _unzstd), stack, layers - 1)
    elif layers and magic in {ZIP_MAGIC, EMPTY_ZIP_MAGIC}:
        yield from _members(source, stack, layers - 1)
    elif layers and head[TAR_PLACE:].startswith(TAR_MAGIC):
        yield from _members_of_tar(source, stack, layers - 1)
    elif assigned := _ASSIGNMENT.match(head):
        yield _without_head(source, assigned.end())
    else:
        yield source


def _without_head(source: Source, size: int) -> Source:
    """Return a source that begins behind its first bytes."""

    def opened() -> BinaryIO:
        file = source.open()
        file.read(size)
        return file

    return Source(source.name, source.suffix, opened, source.share)


def _decompressed(source: Source, decompress: Callable[[BinaryIO], BinaryIO]) -> Source:
    suffix = Path(Path(source.name or "x").stem).suffix
    return Source(source.name, suffix, lambda: decompress(source.open()), source.share)


def _gunzipped(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", gzip.GzipFile(fileobj=file))


def _bunzipped(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", bz2.BZ2File(file))


def _unxz(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", lzma.LZMAFile(file))


def _unzstd(file: BinaryIO) -> BinaryIO:
    try:
        # Only here, since pyarrow is an extra of the package and takes long to import.
        import pyarrow as pa  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ValueError(ZSTD_NEEDS) from error
    return cast("BinaryIO", pa.CompressedInputStream(file, "zstd"))


def _members(source: Source, stack: ExitStack, layers: int) -> Iterator[Source]:
    archive = stack.enter_context(zipfile.ZipFile(_seekable(source.open(), stack)))
    for info in archive.infolist():
        parts = Path(info.filename).parts
        if info.is_dir() or HIDDEN_FOLDERS.intersection(parts) or parts[-1].startswith("."):
            continue
        member = Source(
            "/".join(filter(None, (source.name, info.filename))),
            Path(info.filename).suffix,
            _opener(archive, info),
            source.share,
        )
        yield from _unpacked(member, stack, layers)


def _members_of_tar(source: Source, stack: ExitStack, layers: int) -> Iterator[Source]:
    file = _seekable(source.open(), stack)
    archive = stack.enter_context(tarfile.open(fileobj=file, mode="r:"))  # noqa: SIM115  # the stack closes it
    for info in archive:
        parts = Path(info.name).parts
        if not info.isfile() or HIDDEN_FOLDERS.intersection(parts) or parts[-1].startswith("."):
            continue
        member = Source(
            "/".join(filter(None, (source.name, info.name))),
            Path(info.name).suffix,
            partial(_opened_in_tar, archive, info),
            source.share,
        )
        yield from _unpacked(member, stack, layers)


def _opened_in_tar(archive: tarfile.TarFile, info: tarfile.TarInfo) -> BinaryIO:
    return cast("BinaryIO", archive.extractfile(info))


def _opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    def opened() -> BinaryIO:
        try:
            return cast("BinaryIO", archive.open(info))
        except RuntimeError as error:
            # So the library says that a member needs a password.
            raise ValueError(f"{info.filename} is encrypted") from error

    return opened


def _seekable(file: BinaryIO, stack: ExitStack) -> BinaryIO:
    """Return a file that can be read from any place; what can't be is copied to disk."""
    if file.seekable():
        return file
    copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # the stack closes it
    shutil.copyfileobj(file, copy)
    copy.seek(0)
    return cast("BinaryIO", copy)


@contextmanager
def opened_seekable(source: Source) -> Iterator[BinaryIO]:
    """Open a source so that it can be read from any place."""
    with ExitStack() as stack:
        yield _seekable(stack.enter_context(source.open()), stack)
