"""The decision on every cleaned row: kept, or left out for one reason."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.curation.pipeline.functions import Texts
from app.curation.rules.curating.duplicates import originals
from app.curation.rules.curating.near import near_duplicates
from app.curation.rules.curating.parameters import Curating
from app.curation.rules.curating.quality import QUALITY_REASONS, judge, net_ratings
from app.curation.rules.curating.share import over_share
from app.curation.rules.curating.suspects import find_suspects
from app.curation.rules.curating.words import Ints, numpy, one_array
from catalog.stages import DROPPED_ARROW_SCHEMA

FACTS: Final = (
    "contribution_id",
    "received_at",
    "submitter_id",
    "content_hash",
    "language",
    "signals",
    "bands",
)
"""The columns of `cleaned` that are decided by."""
REASONS: Final = (*QUALITY_REASONS, "duplicate", "near_duplicate", "contributor_share")
"""Why rows are left out, in the order in which it is asked."""


def decide(facts: pa.Table, texts: Texts, parameters: Curating) -> pa.Table:
    """Return the rows that are left out, each under the first reason that applies.

    First come the rules of quality and ratings, then exact duplicates, near duplicates, and the
    cap on a contributor's share: what one leaves out, the next ones don't see. Of duplicates the
    best is kept, and of a contributor's rows the best ones: by net rating, then words, then the
    earliest. What was kept instead of a row may be left out by a later rule, and then has a row of
    its own.

    Args:
        facts: Every row of the stage `cleaned`, in any order, with the columns `FACTS`.
        texts: Reads the conversations of rows, of those alone that may be near duplicates.
        parameters: The thresholds.

    Returns:
        A row for each that is left out, with the columns of `curated_dropped`, ascending by
        received_at and contribution_id.

    Raises:
        TextsMissing: Texts weren't found.
    """
    facts = _in_preference(facts)
    dropped = _Dropped(facts)
    reasons, measures = judge(facts, parameters)
    bad = np.flatnonzero(numpy(pc.is_valid(reasons)))
    dropped.add(reasons.take(pa.array(bad)), bad, measure=numpy(measures.take(pa.array(bad))))
    _drop_duplicates(dropped)
    _drop_near_duplicates(dropped, texts, parameters)
    left = dropped.left()
    over = over_share(
        dropped.of("submitter_id", left),
        parameters.max_contributor_share,
        parameters.min_contributor_rows,
    )
    dropped.add("contributor_share", left[over])
    return dropped.table()


class _Dropped:
    """Rows that are left out so far, of facts in order of preference."""

    def __init__(self, facts: pa.Table) -> None:
        self._facts = facts
        self._left = np.ones(facts.num_rows, np.bool_)
        self._parts: list[pa.Table] = []

    def left(self) -> Ints:
        """Return the rows that aren't left out, by preference."""
        return np.flatnonzero(self._left)

    def of(self, column: str, rows: Ints) -> pa.Array:
        """Return a column of rows."""
        return one_array(self._facts.column(column)).take(pa.array(rows))

    def add(
        self,
        reason: str | pa.Array,
        rows: Ints,
        kept: Ints | None = None,
        measure: NDArray[np.float64] | None = None,
    ) -> None:
        """Leave rows out, for one reason or one each."""
        self._left[rows] = False
        nothing = pa.nulls(len(rows))
        columns = {
            "contribution_id": self.of("contribution_id", rows),
            "received_at": self.of("received_at", rows),
            "reason": pa.repeat(reason, len(rows)) if isinstance(reason, str) else reason,
            "kept_id": nothing if kept is None else self.of("contribution_id", kept),
            "measure": nothing if measure is None else pa.array(measure, pa.float64()),
        }
        arrays = [columns[field.name].cast(field.type) for field in DROPPED_ARROW_SCHEMA]
        self._parts.append(pa.Table.from_arrays(arrays, schema=DROPPED_ARROW_SCHEMA))

    def table(self) -> pa.Table:
        """Return what is left out, as `curated_dropped` has it."""
        order = [("received_at", "ascending"), ("contribution_id", "ascending")]
        return pa.concat_tables(self._parts).sort_by(order).combine_chunks()


def _in_preference(facts: pa.Table) -> pa.Table:
    """Return the rows from the best one on; ids make the order one of all rows."""
    keys = pa.table(
        {
            "net_rating": net_ratings(facts),
            "words": pc.struct_field(one_array(facts.column("signals")), "words"),
            "received_at": facts.column("received_at"),
            "contribution_id": facts.column("contribution_id"),
        }
    )
    order = [
        ("net_rating", "descending"),
        ("words", "descending"),
        ("received_at", "ascending"),
        ("contribution_id", "ascending"),
    ]
    return facts.take(pc.sort_indices(keys, order))


def _drop_duplicates(dropped: _Dropped) -> None:
    left = dropped.left()
    first = originals(dropped.of("content_hash", left))
    later = np.flatnonzero(first != np.arange(len(first)))
    dropped.add("duplicate", left[later], kept=left[first[later]], measure=np.ones(len(later)))


def _drop_near_duplicates(dropped: _Dropped, texts: Texts, parameters: Curating) -> None:
    left = dropped.left()
    words = numpy(pc.struct_field(dropped.of("signals", left), "words"))
    suspects = find_suspects(dropped.of("bands", left))
    ids = dropped.of("contribution_id", left)
    found = list(near_duplicates(suspects, ids, words, texts, parameters.min_jaccard))
    rows = np.array([pair.row for pair in found], np.int64)
    kept = np.array([pair.kept_row for pair in found], np.int64)
    similarities = np.array([pair.similarity for pair in found], np.float64)
    dropped.add("near_duplicate", left[rows], kept=left[kept], measure=similarities)
