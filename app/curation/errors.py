"""What can go wrong with stages.

LakeError
├── NothingToCurate
├── RowsMiscounted
└── NotFound
    └── NotSuppressed
"""

from collections.abc import Sequence
from datetime import date

from catalog.errors import LakeError, NotFound


class NothingToCurate(LakeError):
    """The lake is empty."""

    def __init__(self) -> None:
        super().__init__("the lake has no snapshot yet; there is nothing to curate")


class RowsMiscounted(LakeError):
    """A stage has not as many rows, with those that it left out, as it was computed from."""

    def __init__(self, stage: str, day: date, rows: int, counted: int) -> None:
        super().__init__(
            f"{stage} of {day} was computed from {rows} rows, and has or left out {counted}"
        )
        self.stage = stage
        self.day = day
        self.rows = rows
        self.counted = counted


class NotSuppressed(NotFound):
    """Something that is not suppressed can't be lifted."""

    def __init__(self, kind: str, identifiers: Sequence[str]) -> None:
        super().__init__(f"not suppressed: {kind} {', '.join(identifiers)}")
        self.kind = kind
        self.identifiers = tuple(identifiers)
