"""The errors of stages.

LakeError
├── NothingToCurate
├── RowsMiscounted
├── TakedownWaits
├── TextsMissing
├── EvaluationFileInvalid
├── EvaluationSetTaken
├── EvaluationSetIsShipped
├── EvaluationSetsFull
└── NotFound
    ├── NoSuchEvaluationSet
    └── NotInStage
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from catalog.errors import LakeError, NotFound
from catalog.wording import counted


class NothingToCurate(LakeError):
    """The lake has no snapshot yet."""

    def __init__(self) -> None:
        super().__init__("the lake has no snapshot yet; there is nothing to curate")


class TakedownWaits(LakeError):
    """A build was given up, because it kept contributions from being erased."""

    def __init__(self) -> None:
        super().__init__(
            "contributions wait to be erased from the stages; build again once that is done"
        )


class RowsMiscounted(LakeError):
    """A stage keeps and drops more or fewer rows of a chunk than it was computed from.

    Attributes:
        stage: Name of the stage.
        start: The time at which the chunk begins.
        rows: Number of rows that the chunk was computed from.
        counted: Number of rows that the stage keeps or drops.
    """

    def __init__(self, stage: str, start: datetime, rows: int, counted: int) -> None:
        super().__init__(
            f"rows of {stage} from {start} on: it was computed from {rows}, and has or left out "
            f"{counted}"
        )
        self.stage = stage
        self.start = start
        self.rows = rows
        self.counted = counted


class TextsMissing(LakeError):
    """Rows of a stage weren't found when their texts were read.

    Attributes:
        contribution_ids: The ids of these rows.
    """

    def __init__(self, contribution_ids: Sequence[str]) -> None:
        super().__init__(
            f"{counted(len(contribution_ids), 'row')} of the stage couldn't be found again"
        )
        self.contribution_ids = tuple(contribution_ids)


class EvaluationFileInvalid(LakeError):
    """A file doesn't hold an evaluation set.

    Attributes:
        path: The file.
        reason: What is wrong with it.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {' '.join(reason.split())}")
        self.path = path
        self.reason = reason


class EvaluationSetTaken(LakeError):
    """An evaluation set has this name already, perhaps in another version."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is an evaluation set {name!r}; remove it first")
        self.name = name


class EvaluationSetIsShipped(LakeError):
    """An evaluation set that is shipped with the service can't be removed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the evaluation set {name!r} is shipped with the service, and stays")
        self.name = name


class EvaluationSetsFull(LakeError):
    """All added evaluation sets together would be too large.

    Attributes:
        max_bytes: The size that they may have together.
    """

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"the added evaluation sets may have {max_bytes} bytes together")
        self.max_bytes = max_bytes


class NoSuchEvaluationSet(NotFound):
    """No evaluation set has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no evaluation set {name!r}")
        self.name = name


class NotInStage(NotFound):
    """The newest build of a stage doesn't have a contribution.

    Attributes:
        contribution_id: The contribution.
        stage: Name of the stage.
    """

    def __init__(self, contribution_id: str, stage: str) -> None:
        super().__init__(f"{stage} doesn't have the contribution {contribution_id}")
        self.contribution_id = contribution_id
        self.stage = stage
