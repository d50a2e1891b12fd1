"""Building the raw release of a snapshot."""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.table import Table

from app.releases.errors import ReleaseNameTaken
from app.releases.manifest import (
    MANIFEST_FILE,
    SUMS_FILE,
    Manifest,
    ReleaseFile,
    encode_manifest,
    encode_sums,
)
from app.releases.shelf import check_name
from app.version import VERSION
from catalog.arrow import row_groups
from catalog.durability import DurableFile, make_durable_folder, sync_folder
from catalog.errors import SnapshotNotFound, SnapshotNotLive, TagTaken
from catalog.scan import plan, read
from catalog.schema import ARROW_SCHEMA, SCHEMA
from catalog.snapshots import Snapshot, held, remove_tag, tag_snapshot

FILE_BYTES: Final = 256 * 1024 * 1024
"""Compressed size at which a data file is full: large enough to scan, small enough to download."""
_UNFINISHED: Final = ".building"

Progress = Callable[[int], None]


def build_raw(
    table: Table,
    snapshot: Snapshot,
    shelf: Path,
    name: str,
    licence: str,
    progress: Progress = lambda _: None,
    file_bytes: int = FILE_BYTES,
) -> Manifest:
    """Publish every version of every contribution as of a snapshot, and tag the snapshot.

    The folder is written under another name and renamed when it is whole; whatever fails before
    leaves nothing. The tag is set first, since it settles which of two builds gets the name.

    Args:
        table: The raw table.
        snapshot: The snapshot to release.
        shelf: The folder of all releases.
        name: The release's name, and the tag.
        licence: SPDX id of its licence.
        progress: Called with the number of rows after each row group.
        file_bytes: The size at which a data file is full.

    Raises:
        ReleaseNameInvalid: The name can't be used.
        ReleaseNameTaken: It was used before.
        SnapshotNotLive: The snapshot was thinned.
    """
    check_name(name)
    with _building(shelf) as folder, _live(table, snapshot):
        if (shelf / name).exists():
            raise ReleaseNameTaken(name)
        files = _write_data(table, snapshot, folder, progress, file_bytes)
        manifest = _describe(snapshot, name, licence, files)
        _write_manifest(folder, manifest)
        try:
            tag_snapshot(table, name, snapshot.snapshot_id)
        except TagTaken as error:
            raise ReleaseNameTaken(name) from error
        try:
            folder.rename(shelf / name)
        except BaseException:
            remove_tag(table, name)
            raise
        sync_folder(shelf)
    return manifest


@contextmanager
def _live(table: Table, snapshot: Snapshot) -> Iterator[None]:
    """Keep the snapshot live until it is tagged."""
    try:
        with held(table, snapshot):
            yield
    except SnapshotNotFound as error:
        raise SnapshotNotLive(snapshot.snapshot_id) from error


@contextmanager
def _building(shelf: Path) -> Iterator[Path]:
    """Yield a folder to build in, one build at a time; remove what this or a killed build left."""
    make_durable_folder(shelf)
    with (shelf / ".lock").open("a") as lock:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
        for left in shelf.glob(f".*{_UNFINISHED}"):
            shutil.rmtree(left)
        folder = shelf / f".{uuid4().hex}{_UNFINISHED}"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _write_data(
    table: Table, snapshot: Snapshot, folder: Path, progress: Progress, file_bytes: int
) -> list[ReleaseFile]:
    files = plan(table, snapshot)
    groups = row_groups(read(table, files))
    written: list[ReleaseFile] = []
    for number in count():
        path = f"data/contributions-{number:05}.parquet"
        rows = _write_file(folder / path, groups, progress, file_bytes)
        if not rows:
            return written
        file = folder / path
        written.append(ReleaseFile(path, rows, file.stat().st_size, _sha256(file)))
    return written


def _write_file(path: Path, groups: Iterator[pa.Table], progress: Progress, file_bytes: int) -> int:
    """Write row groups until the file is full or there are no more; return the number of rows."""
    first = next(groups, None)
    if first is None:
        return 0
    rows = 0
    with (
        DurableFile(path) as file,
        pq.ParquetWriter(file, ARROW_SCHEMA, compression="zstd") as writer,
    ):
        group: pa.Table | None = first
        while group is not None:
            writer.write_table(group)
            rows += group.num_rows
            progress(group.num_rows)
            group = next(groups, None) if file.tell() < file_bytes else None
    return rows


def _describe(snapshot: Snapshot, name: str, licence: str, files: list[ReleaseFile]) -> Manifest:
    return Manifest(
        name=name,
        stage="raw",
        snapshot_id=str(snapshot.snapshot_id),
        sequence_number=snapshot.sequence_number,
        committed_at=snapshot.committed_at,
        licence=licence,
        rows=sum(file.rows for file in files),
        file_count=len(files),
        files=files,
        schema=SCHEMA.model_dump(mode="json", by_alias=True),
        versions={
            "chatlake": VERSION,
            "pyarrow": version("pyarrow"),
            "pyiceberg": version("pyiceberg"),
        },
    )


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    with DurableFile(folder / MANIFEST_FILE) as file:
        file.write(encode_manifest(manifest))
    sums = {file.path: file.sha256 for file in manifest.files}
    sums[MANIFEST_FILE] = _sha256(folder / MANIFEST_FILE)
    with DurableFile(folder / SUMS_FILE) as file:
        file.write(encode_sums(sums))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
