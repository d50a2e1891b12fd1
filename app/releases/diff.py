"""The changes of contributions between two releases, found from their files alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from pyarrow.fs import FileSystem

from app.releases.errors import FormsDiffer, StagesDiffer
from app.releases.files.published_rows import in_one_format, published_files
from app.releases.manifest import Manifest
from app.state.scratch import ScratchDatabase

FindFilesystem = Callable[[str], tuple[FileSystem, str]]
"""Returns for a release's name the file system that has it, and the path of its folder there."""

_COLUMNS: Final = pa.schema([("contribution_id", pa.string()), ("content_hash", pa.string())])
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
# Several preferences may come from one contribution.
_READ: Final = "CREATE TABLE {name} AS SELECT DISTINCT * FROM {name}_rows"
_COUNTS: Final = "SELECT change, count(*) FROM changes GROUP BY change"
_ROWS: Final = "SELECT contribution_id, change FROM changes ORDER BY contribution_id LIMIT $limit"


@dataclass(frozen=True, slots=True)
class Change:
    """A contribution that differs between two releases.

    Attributes:
        contribution_id: Id of the contribution.
        change: `added`, `removed`, or `changed` when both releases have it with other content.
    """

    contribution_id: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDiff:
    """The changes of contributions between two releases.

    Attributes:
        before: Name of the release to compare from.
        after: Name of the release to compare with.
        before_revision: Revision of the release to compare from.
        after_revision: Revision of the release to compare with.
        stage: Stage of both releases.
        added: Number of contributions that only `after` has.
        removed: Number of contributions that only `before` has.
        changed: Number of contributions that both have with different content.
        rows: The first changes, in the order of their ids.
    """

    before: str
    after: str
    before_revision: int
    after_revision: int
    stage: str
    added: int
    removed: int
    changed: int
    rows: list[Change]

    @property
    def total(self) -> int:
        """Number of changes of all kinds."""
        return self.added + self.removed + self.changed

    @property
    def rows_truncated(self) -> bool:
        """Whether `rows` lacks some of the changes."""
        return len(self.rows) < self.total


def compare_releases(
    scratch: ScratchDatabase,
    find_filesystem: FindFilesystem,
    before: Manifest,
    after: Manifest,
    limit: int,
) -> ReleaseDiff:
    """Compare two releases; only two columns are read, and memory doesn't grow with the rows.

    Args:
        scratch: Opens the scratch database that compares them.
        find_filesystem: Finds the files of a release.
        before: Manifest of the release to compare from.
        after: Manifest of the release to compare with.
        limit: Maximum number of changes that are returned.

    Raises:
        StagesDiffer: The releases are of different stages.
        FormsDiffer: The releases have different forms.
    """
    if before.stage != after.stage:
        raise StagesDiffer(before.stage, after.stage)
    if before.form != after.form:
        raise FormsDiffer(before.form, after.form)
    with scratch.connection() as connection:
        for name, manifest in (("older", before), ("newer", after)):
            connection.register(f"{name}_rows", _rows(find_filesystem, manifest))
            connection.execute(_READ.format(name=name))
        connection.execute(_CHANGES)
        counts = dict(connection.sql(_COUNTS).fetchall())
        rows = connection.sql(_ROWS, params={"limit": limit}).fetchall()
    return ReleaseDiff(
        before=before.name,
        after=after.name,
        before_revision=before.revision,
        after_revision=after.revision,
        stage=before.stage,
        added=counts.get("added", 0),
        removed=counts.get("removed", 0),
        changed=counts.get("changed", 0),
        rows=[Change(*row) for row in rows],
    )


def _rows(find_filesystem: FindFilesystem, manifest: Manifest) -> pa.RecordBatchReader:
    files = in_one_format(published_files(manifest, *find_filesystem(manifest.name)))
    batches = (batch for file in files for batch in file.texts(_COLUMNS.names))
    return pa.RecordBatchReader.from_batches(_COLUMNS, batches)
