"""What maintenance did, or would do; each result is one line of a log or of a command."""

from dataclasses import dataclass
from datetime import date

from catalog.schema import TABLE_NAME
from catalog.wording import counted


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
        return f"thinned {counted(self.thinned, 'snapshot')} of {self.table_name}, {self.live} live"


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
        files = counted(self.files_before, "file")
        before = f"{files} of {counted(self.bytes_before, 'byte')}"
        rows = counted(self.rows, "row")
        if self.files_after is None:
            return f"{self.day}: {before} to compact, {rows}"
        after = f"{self.files_after} of {self.bytes_after}"
        return f"compacted {self.day}: {before} to {after}, {rows}"


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
        return f"{counted(len(self.paths), 'orphan')} of {counted(self.size_bytes, 'byte')}"


@dataclass(frozen=True, slots=True)
class ReplacedResult:
    """The result of compacting the table `replaced`.

    Attributes:
        changed: Number of small files that were compacted, those of each day to one.
    """

    changed: int

    def __str__(self) -> str:
        return f"compacted {counted(self.changed, 'file')} of the table replaced"


MaintenanceResult = ThinningResult | CompactionResult | OrphansResult | ReplacedResult
