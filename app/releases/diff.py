"""What became of the contributions from one release to another, by their files alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from itertools import islice
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow.fs import FileSystem

from app.query.scratch import ScratchDatabase
from app.releases.errors import StagesDiffer
from app.releases.manifest import Manifest

Files = Callable[[str], tuple[FileSystem, str]]
"""Returns the files of a release by its name, and the path of its folder."""

_COLUMNS: Final = pa.schema([("contribution_id", pa.string()), ("content_hash", pa.string())])
_BATCH_ROWS: Final = 16_384
_CHANGES: Final = """
    CREATE TABLE changes AS
    SELECT
        coalesce(older.contribution_id, newer.contribution_id) AS contribution_id,
        CASE
            WHEN older.contribution_id IS NULL THEN 'added'
            WHEN newer.contribution_id IS NULL THEN 'removed'
            ELSE 'changed'
        END AS change
    FROM older FULL JOIN newer ON older.contribution_id = newer.contribution_id
    WHERE older.content_hash IS DISTINCT FROM newer.content_hash
"""
_COUNTS: Final = "SELECT change, count(*) FROM changes GROUP BY change"
_ROWS: Final = "SELECT contribution_id, change FROM changes ORDER BY contribution_id LIMIT $limit"


@dataclass(frozen=True, slots=True)
class Change:
    """A contribution that is in one release alone, or in both with another content."""

    contribution_id: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDiff:
    """What became of the contributions from one release to another.

    Attributes:
        before: The name of the release that was compared from.
        after: The name of the release that was compared with.
        stage: What both hold.
        added: How many contributions are in `after` alone.
        removed: How many are in `before` alone.
        changed: How many are in both, with another content.
        rows: Some of them, in the order of their ids.
    """

    before: str
    after: str
    stage: str
    added: int
    removed: int
    changed: int
    rows: list[Change]

    @property
    def total(self) -> int:
        """How many there are of all kinds."""
        return self.added + self.removed + self.changed

    @property
    def rows_truncated(self) -> bool:
        """Whether there are more than the rows."""
        return len(self.rows) < self.total


def compare_releases(
    scratch: ScratchDatabase, files: Files, before: Manifest, after: Manifest, limit: int
) -> ReleaseDiff:
    """Compare two releases in memory that their size doesn't change; only two columns are read.

    Args:
        scratch: Compares them.
        files: Finds the releases' files.
        before: The release to compare from.
        after: The release to compare with.
        limit: How many rows are returned at most.

    Raises:
        StagesDiffer: They are of different stages.
    """
    if before.stage != after.stage:
        raise StagesDiffer(before.stage, after.stage)
    with scratch.connection() as connection:
        for name, manifest in (("older", before), ("newer", after)):
            connection.register(f"{name}_rows", _rows(files, manifest))
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_rows")  # noqa: S608  # the names are ours
        connection.execute(_CHANGES)
        counts = dict(connection.sql(_COUNTS).fetchall())
        rows = connection.sql(_ROWS, params={"limit": limit}).fetchall()
    return ReleaseDiff(
        before=before.name,
        after=after.name,
        stage=before.stage,
        added=counts.get("added", 0),
        removed=counts.get("removed", 0),
        changed=counts.get("changed", 0),
        rows=[Change(*row) for row in rows],
    )


def _rows(files: Files, manifest: Manifest) -> pa.RecordBatchReader:
    filesystem, folder = files(manifest.name)
    form = "parquet" if any(file.format == "parquet" for file in manifest.files) else "jsonl"
    paths = [f"{folder}/{file.path}" for file in manifest.files if file.format == form]
    read = _scanned if form == "parquet" else _decoded
    return pa.RecordBatchReader.from_batches(_COLUMNS, read(filesystem, paths))


def _scanned(filesystem: FileSystem, paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        dataset = ds.dataset(path, format="parquet", filesystem=filesystem)
        scanner = dataset.scanner(
            columns=_COLUMNS.names, batch_size=_BATCH_ROWS, batch_readahead=1, fragment_readahead=1
        )
        for batch in scanner.to_batches():
            yield batch.cast(_COLUMNS)


class _Line(msgspec.Struct):
    """What is read of a line."""

    contribution_id: str
    content_hash: str


_decode: Final = msgspec.json.Decoder(_Line).decode


def _decoded(filesystem: FileSystem, paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
    # Not by Arrow: it refuses lines that are longer than its block, and conversations may be.
    for path in paths:
        with BufferedReader(filesystem.open_input_stream(path)) as lines:
            decoded = map(_decode, lines)
            while some := list(islice(decoded, _BATCH_ROWS)):
                rows = [(line.contribution_id, line.content_hash) for line in some]
                columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
                yield pa.RecordBatch.from_arrays(columns, schema=_COLUMNS)
