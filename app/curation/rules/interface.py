"""The interface of the rules to the pipeline: functions over Arrow, and versions.

The pipeline is given its rules as `StageRules`. It imports none of them, so tests can run it with
rules of their own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import pyarrow as pa

from catalog.stages.tables import (
    COMPUTED_STAGES,
    DROPPED_ARROW_SCHEMA,
    OPTIONAL_COLUMNS,
    ComputedStage,
)

RAW_COLUMNS: Final = (
    "contribution_id",
    "received_at",
    "source",
    "agent_id",
    "contributor_id",
    "attribution",
    "conversation",
    *OPTIONAL_COLUMNS,
)
"""The columns of the raw table that `clean` reads."""
MEASURED: Final = ("signals", "quality_score", "bands", "prompt", "evaluation_set", "overlap")
"""The columns of `cleaned` that `measures` computes from the cleaned conversations."""
NAMES_BY: Final = "names by"
"""Part of the version of cleaning by a recogniser of names, before the recogniser's own version."""
SCORES_BY: Final = "scores by"
"""Part of the version of cleaning by scorers, before the name and version of each."""
REASON: Final = "reason"
"""Name of the column that says why a row is dropped."""

DECISIONS_SCHEMA: Final = pa.schema(
    [
        *(field.with_nullable(True) for field in DROPPED_ARROW_SCHEMA),
        COMPUTED_STAGES["curated"].arrow_schema.field("prompt_group"),
    ]
)
"""What is decided of rows of `cleaned`. A row that is dropped has a reason, and the other columns
of `curated_dropped`. A row that is kept has none; it is there if it has a `prompt_group`."""

NETWORKS_SCHEMA: Final = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("contributor_id", pa.large_string(), nullable=False),
        pa.field("network", pa.large_string(), nullable=False),
    ]
)
"""From which network a contributor sent first on a day (UTC). The names of networks are hashes, and
other ones on each day."""
NO_NETWORKS: Final = NETWORKS_SCHEMA.empty_table()

TextReader = Callable[[Sequence[str], Sequence[str]], Iterator[pa.RecordBatch]]
"""Reads the rows of `cleaned` that have the given contribution_ids, in the order of the stage:
record batches with the columns of the given names."""

OUTCOMES_SCHEMA: Final = pa.schema(
    [
        pa.field("group", pa.binary(16), nullable=False),
        pa.field("place", pa.int64()),
        pa.field("other", pa.int64()),
        pa.field("measure", pa.float64()),
    ]
)
"""What was found when rows of a group were compared: a digest of the group, the place in it of a
row and of the earlier one that it is alike, and a value. A group in which nothing was found has one
row, whose other columns are null."""
NO_OUTCOMES: Final = OUTCOMES_SCHEMA.empty_table()
Outcomes = Mapping[str, pa.Table]
"""Tables of `OUTCOMES_SCHEMA` by what was compared."""


class Decisions(Protocol):
    """What is decided of all rows of `cleaned`."""

    @property
    def outcomes(self) -> Outcomes:
        """What was found when texts were compared, for the next build by the same rules."""

    def between(self, start: datetime, end: datetime | None) -> pa.Table:
        """Return what is decided of the rows that were received between two times.

        Args:
            start: Time of the first row, or before.
            end: Time before which the last row was received; None for all rows after `start`.

        Returns:
            A table of `DECISIONS_SCHEMA`, in the order of receipt.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a stage leaves rows out, in words for those who read a release.

    Attributes:
        name: The reason, as the column `reason` has it.
        stage: The stage that leaves the rows out.
        left_out: What the rows have in common, as the end of a sentence about contributions that
            begins with "left out are those".
        threshold: What is compared with which number; None where nothing is measured.
        example: A made-up conversation that is left out, in a few words; None where a single
            conversation can't show it, or shouldn't be shown.
    """

    name: str
    stage: ComputedStage
    left_out: str
    threshold: str | None = None
    example: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSet:
    """A set of prompts and answers that models are tested on.

    Attributes:
        name: Name of the set; no two have the same.
        version: Version of the set.
        licence: SPDX id of its licence.
        sha256: SHA-256 of its items, in hexadecimal.
        items: Number of its items.
    """

    name: str
    version: str
    licence: str
    sha256: str
    items: int


@dataclass(frozen=True, slots=True)
class ScoreCondition:
    """A condition that a score meets if it exceeds a number.

    Attributes:
        category: The category of the score, of whichever scorer.
        above: The number, from 0 to 1.
    """

    category: str
    above: float

    def __str__(self) -> str:
        """Return the condition as settings state it."""
        return f"{self.category}>{self.above}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRules:
    """The rules that the stages are computed by.

    `clean` and `measures` are pickled and run in other processes. What they return for a row must
    not depend on the other rows of its batch.

    Attributes:
        clean: Turns a batch of raw rows, with `RAW_COLUMNS`, into as many rows of `cleaned` in the
            same order. The result lacks the columns `MEASURED`, and has a column `reason`: why the
            stage drops the row, null for a row that it keeps.
        measures: Computes the columns `MEASURED` from conversations and the language of each.
        decide: Decides, given all rows of `cleaned` in their order with the columns `facts`, a
            reader of further columns, and the outcomes of an earlier build, if there was one.
        facts: The columns of `cleaned` that `decide` needs of all rows.
        cleaning_version: A text that differs whenever `clean` may return something else for a row.
        curating_version: A text that differs whenever `measures` or `decide` may return something
            else, by their code, by their parameters or by the evaluation sets.
        reasons: Every reason for which rows are left out, in the order in which they are applied.
        evaluation_sets: The evaluation sets that rows of `curated` must not overlap with.
        has_scorers: Whether `clean` asks scorers.
    """

    clean: Callable[[pa.RecordBatch], pa.RecordBatch]
    measures: Callable[[pa.Array, pa.Array], Mapping[str, pa.Array]]
    decide: Callable[[Iterable[pa.RecordBatch], TextReader, Outcomes], Decisions]
    facts: Sequence[str]
    cleaning_version: str
    curating_version: str
    reasons: Sequence[Reason]
    evaluation_sets: Sequence[EvaluationSet] = ()
    has_scorers: bool = False
