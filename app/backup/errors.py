"""Errors of backups."""

from collections.abc import Sequence
from pathlib import Path

from catalog.errors import Invalid, LakeError
from catalog.wording import counted


class PlaceUnfit(Invalid):
    """A backup can't be made in this folder."""

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(f"{folder}: {problem}")
        self.folder = folder
        self.problem = problem


class BackupUnreadable(LakeError):
    """A folder isn't a backup that this version can restore."""

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(f"{folder} can't be restored: {problem}")
        self.folder = folder
        self.problem = problem


class BackupDamaged(LakeError):
    """Files of a backup are missing, or hold other bytes than when they were copied.

    Attributes:
        paths: Paths of the files within the backup.
    """

    def __init__(self, folder: Path, paths: Sequence[str]) -> None:
        more = f", and {len(paths) - 1} more" if len(paths) > 1 else ""
        super().__init__(f"{folder} is damaged: {paths[0]}{more}")
        self.folder = folder
        self.paths = paths


class CountsDiffer(LakeError):
    """Snapshots don't have the rows that the ledger states."""

    def __init__(self, problems: Sequence[str]) -> None:
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        super().__init__(f"{problems[0]}{more}")
        self.problems = problems


class NotEmpty(LakeError):
    """A lake is restored into an empty place only, and something is there."""

    def __init__(self, place: str) -> None:
        super().__init__(f"{place} isn't empty; a lake is restored where nothing is")
        self.place = place


class ToolFailed(LakeError):
    """A program of PostgreSQL is missing or has failed."""

    def __init__(self, tool: str, problem: str) -> None:
        super().__init__(f"{tool}: {problem}")
        self.tool = tool
        self.problem = problem


class LakeChanging(LakeError):
    """Files went away in every attempt, since something was erased meanwhile."""

    def __init__(self, attempts: int, last: str) -> None:
        super().__init__(
            f"the lake lost files in each of {counted(attempts, 'attempt')} to copy it; last {last}"
        )
        self.attempts = attempts
        self.last = last
