"""Decides which rows of `cleaned` are dropped, and for which reason."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.curation.rules.curating.arrays import Ints, one_array, to_numpy
from app.curation.rules.curating.candidates import find_candidates
from app.curation.rules.curating.near_duplicates import near_duplicates
from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.quality import QUALITY_REASONS, judge, net_ratings
from app.curation.rules.curating.share import over_share
from app.curation.rules.interface import TextReader
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
"""The columns of `cleaned` that the decision is made from."""
REASONS: Final = (*QUALITY_REASONS, "duplicate", "near_duplicate", "contributor_share")
"""Why rows are dropped, in the order of the rules."""


def decide(facts: pa.Table, read_texts: TextReader, parameters: CuratingParameters) -> pa.Table:
    """Return the rows that are dropped, each with the first reason that applies.

    The rules of quality and ratings come first, then exact duplicates, near duplicates, and the cap
    on a contributor's share. A rule sees only rows that no earlier one dropped. The best of
    duplicates is kept, and so are the best rows of a contributor: by net rating, then by number of
    words, then the earliest. A later rule may drop a row that was kept instead of another; then
    both have a row in the result.

    Args:
        facts: All rows of `cleaned`, in any order, with the columns `FACTS`.
        read_texts: Reads conversations. Only those of rows that may be near duplicates are read.
        parameters: The thresholds.

    Returns:
        The dropped rows with the columns of `curated_dropped`, ascending by received_at and
        contribution_id.

    Raises:
        TextsMissing: Conversations weren't found.
    """
    facts = _by_preference(facts)
    dropped = _DroppedRows(facts)
    reasons, measures = judge(facts, parameters)
    bad = np.flatnonzero(to_numpy(pc.is_valid(reasons)))
    dropped.add(reasons.take(pa.array(bad)), bad, measure=to_numpy(measures.take(pa.array(bad))))
    _drop_duplicates(dropped)
    _drop_near_duplicates(dropped, read_texts, parameters)
    left = dropped.left()
    over = over_share(
        dropped.column("submitter_id", left),
        parameters.max_contributor_share,
        parameters.min_contributor_rows,
    )
    dropped.add("contributor_share", left[over])
    return dropped.table()


class _DroppedRows:
    """The rows that are dropped so far, of facts in order of preference."""

    def __init__(self, facts: pa.Table) -> None:
        self._facts = facts
        self._is_left = np.ones(facts.num_rows, np.bool_)
        self._parts: list[pa.Table] = []

    def left(self) -> Ints:
        """Return the indices of the rows that aren't dropped, in order of preference."""
        return np.flatnonzero(self._is_left)

    def column(self, name: str, rows: Ints) -> pa.Array:
        """Return a column of the rows with these indices."""
        return one_array(self._facts.column(name)).take(pa.array(rows))

    def add(
        self,
        reason: str | pa.Array,
        rows: Ints,
        kept: Ints | None = None,
        measure: NDArray[np.float64] | None = None,
    ) -> None:
        """Drop rows.

        Args:
            reason: The reason of all of them, or an array with a reason for each.
            rows: Indices of the rows.
            kept: Index of the row that is kept instead of each; None if no row is.
            measure: The value that the rule measured of each; None if it measures none.
        """
        self._is_left[rows] = False
        nothing = pa.nulls(len(rows))
        columns = {
            "contribution_id": self.column("contribution_id", rows),
            "received_at": self.column("received_at", rows),
            "reason": pa.repeat(reason, len(rows)) if isinstance(reason, str) else reason,
            "kept_id": nothing if kept is None else self.column("contribution_id", kept),
            "measure": nothing if measure is None else pa.array(measure, pa.float64()),
        }
        arrays = [columns[field.name].cast(field.type) for field in DROPPED_ARROW_SCHEMA]
        self._parts.append(pa.Table.from_arrays(arrays, schema=DROPPED_ARROW_SCHEMA))

    def table(self) -> pa.Table:
        """Return the dropped rows, with the columns of `curated_dropped`."""
        order = [("received_at", "ascending"), ("contribution_id", "ascending")]
        return pa.concat_tables(self._parts).sort_by(order).combine_chunks()


def _by_preference(facts: pa.Table) -> pa.Table:
    """Return the rows in order of preference, best first. No two are equal, since ids differ."""
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


def _drop_duplicates(dropped: _DroppedRows) -> None:
    left = dropped.left()
    first = _first_equal(dropped.column("content_hash", left))
    later = np.flatnonzero(first != np.arange(len(first)))
    dropped.add("duplicate", left[later], kept=left[first[later]], measure=np.ones(len(later)))


def _first_equal(content_hashes: pa.Array) -> Ints:
    """Return the index of the first row with the same hash as each row, which may be itself."""
    codes = to_numpy(content_hashes.dictionary_encode().indices)
    _, first, places = np.unique(codes, return_index=True, return_inverse=True)
    return first[places].astype(np.int64)


def _drop_near_duplicates(
    dropped: _DroppedRows, read_texts: TextReader, parameters: CuratingParameters
) -> None:
    left = dropped.left()
    words = to_numpy(pc.struct_field(dropped.column("signals", left), "words"))
    candidates = find_candidates(dropped.column("bands", left))
    ids = dropped.column("contribution_id", left)
    found = list(near_duplicates(candidates, ids, words, read_texts, parameters.min_jaccard))
    rows = np.array([pair.row for pair in found], np.int64)
    kept = np.array([pair.kept_row for pair in found], np.int64)
    similarities = np.array([pair.similarity for pair in found], np.float64)
    dropped.add("near_duplicate", left[rows], kept=left[kept], measure=similarities)
