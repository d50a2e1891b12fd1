"""What maintenance did, or would do; each result is one line of a log or of a command."""

from dataclasses import dataclass
from datetime import date

from catalog.schema import TABLE_NAME


@dataclass(frozen=True, slots=True)
class ThinningResult:
    """The result of thinning a table, or what a dry run of it found.

    Attributes:
        thinned: Number of snapshots that are made no longer live.
        live: Number of snapshots that are live afterwards.
        table_name: Name of the table.
    """

    thinned: int
    live: int
    table_name: str = TABLE_NAME

    @property
    def changed(self) -> int:
        """How many snapshots were thinned."""
        return self.thinned

    def __str__(self) -> str:
        return f"thinned {self.thinned} snapshots of {self.table_name}, {self.live} are live"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionResult:
    """The result of compacting a day's small files, or what a dry run of it found.

    Attributes:
        day: The day, in UTC.
        rows: Number of rows in the small files.
        files_before: Number of small files.
        bytes_before: Size of the small files.
        files_after: Number of files that replace them; None before the compaction.
        bytes_after: Size of the files that replace them; None before the compaction.
    """

    day: date
    rows: int
    files_before: int
    bytes_before: int
    files_after: int | None = None
    bytes_after: int | None = None

    @property
    def changed(self) -> int:
        """How many files were compacted."""
        return self.files_before

    def __str__(self) -> str:
        before = f"{self.files_before} files of {self.bytes_before} bytes"
        if self.files_after is None:
            return f"{self.day}: {before} are small, {self.rows} rows"
        after = f"{self.files_after} of {self.bytes_after}"
        return f"compacted {self.day}: {before} to {after}, {self.rows} rows"


@dataclass(frozen=True, slots=True)
class OrphansResult:
    """The files that nothing refers to.

    Attributes:
        paths: Paths of the files.
        size_bytes: Size of all of them together.
    """

    paths: tuple[str, ...]
    size_bytes: int

    @property
    def changed(self) -> int:
        """How many orphans there are."""
        return len(self.paths)

    def __str__(self) -> str:
        return f"{len(self.paths)} orphans of {self.size_bytes} bytes"


@dataclass(frozen=True, slots=True)
class ReplacedResult:
    """The result of compacting the table `replaced`.

    Attributes:
        changed: Number of small files that were compacted, those of each day to one.
    """

    changed: int

    def __str__(self) -> str:
        return f"compacted {self.changed} files of the table replaced"


MaintenanceResult = ThinningResult | CompactionResult | OrphansResult | ReplacedResult
