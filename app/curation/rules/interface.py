"""The interface of the rules to the pipeline: functions over Arrow, and versions.

The pipeline is given its rules as `StageRules`. It imports none of them, so tests can run it with
rules of their own.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from catalog.stages import OPTIONAL_COLUMNS

RAW_COLUMNS: Final = (
    "contribution_id",
    "received_at",
    "source",
    "agent_id",
    "submitter_id",
    "attribution",
    "conversation",
    *OPTIONAL_COLUMNS,
)
"""The columns of the raw table that `clean` reads."""
REASON: Final = "reason"
"""Name of the column that says why a row is dropped."""

TextReader = Callable[[Sequence[str]], Iterator[pa.RecordBatch]]
"""Reads the rows of `cleaned` that have the given contribution_ids, in the order of the stage:
record batches with the columns `contribution_id` and `conversation`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRules:
    """The rules that the stages are computed by.

    `clean`, `signals` and `bands` are pickled and run in other processes. What they return for a
    row must not depend on the other rows of its batch.

    Attributes:
        clean: Turns a batch of raw rows, with `RAW_COLUMNS`, into as many rows of `cleaned` in the
            same order. The result lacks `signals` and `bands`, and has a column `reason`: why the
            stage drops the row, null for a row that it keeps.
        signals: Computes the column `signals` from conversations.
        bands: Computes the column `bands` from conversations.
        decide: Returns the rows of `curated_dropped`, given all rows of `cleaned` with the columns
            `facts`, and a reader of their conversations.
        facts: The columns of `cleaned` that `decide` needs. All rows of them are held in memory.
        cleaning_version: A text that differs whenever `clean` may return something else for a row.
        curating_version: A text that differs whenever `signals`, `bands` or `decide` may return
            something else, by their code or by their parameters.
    """

    clean: Callable[[pa.RecordBatch], pa.RecordBatch]
    signals: Callable[[pa.Array], pa.Array]
    bands: Callable[[pa.Array], pa.Array]
    decide: Callable[[pa.Table, TextReader], pa.Table]
    facts: Sequence[str]
    cleaning_version: str
    curating_version: str
