"""What stages do with rows: pure functions over Arrow, and the versions of their rules.

The pipeline knows no rule. It is given these, and this is the one place where they come together.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

Texts = Callable[[Sequence[str]], Iterator[pa.RecordBatch]]
"""Reads contribution_id and conversation of cleaned contributions, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFunctions:
    """The rules of the stages.

    `clean`, `signals` and `bands` run in other processes, which get them pickled. Each must give
    the same for the same row, whatever other rows are beside it.

    Attributes:
        clean: From rows of the raw table to those of `cleaned`, as many and in the same order,
            without `signals` and `bands`, and with the `reason` for leaving a row out, null when it
            stays.
        signals: From conversations to the column `signals`.
        bands: From conversations to the column `bands`.
        decide: From all rows of `cleaned`, with the columns `facts`, to those of `curated_dropped`.
        facts: The columns that are decided by; of all rows they are in memory.
        cleaning_version: Changes whenever a row of `cleaned` may.
        curating_version: Changes whenever `decide` may decide otherwise: its rules and parameters.
    """

    clean: Callable[[pa.RecordBatch], pa.RecordBatch]
    signals: Callable[[pa.Array], pa.Array]
    bands: Callable[[pa.Array], pa.Array]
    decide: Callable[[pa.Table, Texts], pa.Table]
    facts: Sequence[str]
    cleaning_version: str
    curating_version: str
