"""The status of a release, and the interface that reports the progress of its build."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

State = Literal["building", "published", "failed", "removed"]
Step = Literal["wait", "stage", "rows", "publish", "done"]
"""The steps of a build: wait for another build, compute the stage, write the rows, publish."""


class ProgressReporter(Protocol):
    """Reports the progress of a build, for example in a terminal."""

    def step(self, step: Step, total: int | None) -> None:
        """Report that a step begins.

        Args:
            step: The step.
            total: Number of rows that it handles; None when that isn't known.
        """

    def advance(self, rows: int) -> None:
        """Report that the step has handled more rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The status of a release.

    Attributes:
        name: Name of the release.
        stage: Stage whose rows the release holds.
        state: Whether the release is being built, is published, failed, or was removed.
        step: Step that its build is at, or ended at.
        rows_done: Number of rows that the step has handled.
        rows_total: Number of rows that the step handles; None when that isn't known.
        reason: Why the build failed; None when it didn't.
        sequence_number: Sequence number of the snapshot that was released; None until its build
            publishes it.
        started_at: When the build began; None for releases that are older than the registry.
        updated_at: When the build last updated its record; None as for `started_at`.
        ended_at: When the build ended, or the release was removed; None while it is built.
    """

    name: str
    stage: str
    state: State
    step: Step
    rows_done: int
    rows_total: int | None
    reason: str | None = None
    sequence_number: int | None = None
    started_at: datetime | None = None
    updated_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def died_publishing(self) -> bool:
        """Whether the build failed after it may have set tags and published files."""
        return self.state == "failed" and self.step in {"publish", "done"}
