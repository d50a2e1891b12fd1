"""The errors of stages.

LakeError
├── NothingToCurate
├── RowsMiscounted
├── TextsMissing
└── NotFound
    └── NotSuppressed
"""

from collections.abc import Sequence
from datetime import date

from catalog.errors import LakeError, NotFound


class NothingToCurate(LakeError):
    """The lake has no snapshot yet."""

    def __init__(self) -> None:
        super().__init__("the lake has no snapshot yet; there is nothing to curate")


class RowsMiscounted(LakeError):
    """A stage keeps and drops more or fewer rows of a day than it was computed from.

    Attributes:
        stage: Name of the stage.
        day: The day, in UTC.
        rows: Number of rows that the day was computed from.
        counted: Number of rows that the stage keeps or drops.
    """

    def __init__(self, stage: str, day: date, rows: int, counted: int) -> None:
        super().__init__(
            f"{stage} of {day} was computed from {rows} rows, and has or left out {counted}"
        )
        self.stage = stage
        self.day = day
        self.rows = rows
        self.counted = counted


class TextsMissing(LakeError):
    """Rows of a stage weren't found when their texts were read.

    Attributes:
        contribution_ids: The ids of these rows.
    """

    def __init__(self, contribution_ids: Sequence[str]) -> None:
        super().__init__(f"{len(contribution_ids)} rows of the stage weren't found again")
        self.contribution_ids = tuple(contribution_ids)


class NotSuppressed(NotFound):
    """A suppression can't be lifted, since the contributions or contributors aren't suppressed.

    Attributes:
        kind: `contribution` or `contributor`.
        identifiers: The ids that aren't suppressed.
    """

    def __init__(self, kind: str, identifiers: Sequence[str]) -> None:
        super().__init__(f"not suppressed: {kind} {', '.join(identifiers)}")
        self.kind = kind
        self.identifiers = tuple(identifiers)
