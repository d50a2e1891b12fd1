"""The errors of takedowns.

LakeError
├── TakedownStopped
└── NotFound
    └── NothingToTakeDown
"""

from collections.abc import Sequence

from app.access.takedowns.records import TakedownKind
from catalog.errors import LakeError, NotFound


class TakedownStopped(LakeError):
    """Erasing was told to stop; it goes on when it is started again."""


class NothingToTakeDown(NotFound):
    """The lake has nothing of these names; nothing is taken down."""

    def __init__(self, kind: TakedownKind, identifiers: Sequence[str]) -> None:
        super().__init__(f"the lake has no {kind} {', '.join(identifiers)}")
        self.kind = kind
        self.identifiers = tuple(identifiers)
