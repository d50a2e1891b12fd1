"""Decides which rows of `cleaned` are dropped, and for which reason."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.curation.rules.curating.arrays import Ints, codes_of, one_array, to_numpy
from app.curation.rules.curating.candidates import find_candidates
from app.curation.rules.curating.near_duplicates import Rows, near_duplicates
from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.prompt_groups import prompt_groups
from app.curation.rules.curating.quality import QUALITY_REASONS, judge
from app.curation.rules.curating.share import SHARED_BY, SHARES, over_shares
from app.curation.rules.interface import DECISIONS_SCHEMA, NO_NETWORKS, TextReader
from app.curation.rules.reasons import CONTAMINATED
from catalog.schema import ID
from catalog.stages import DROPPED_ARROW_SCHEMA

FACTS: Final = (
    "contribution_id",
    "received_at",
    "source",
    "contributor_id",
    "content_hash",
    "language",
    "signals",
    "bands",
    "prompt",
    "evaluation_set",
    "overlap",
    "sequence_number",
)
"""The columns of `cleaned` that the decisions are made from."""
REASONS: Final = (
    CONTAMINATED,
    *QUALITY_REASONS,
    "duplicate",
    "near_duplicate",
    *SHARES,
)
"""Why rows are dropped, in the order of the rules."""


def decisions(
    facts: pa.Table,
    read_texts: TextReader,
    parameters: CuratingParameters,
    networks: pa.Table = NO_NETWORKS,
) -> pa.Table:
    """Return what is decided of rows: which are dropped, and the prompt groups of the others.

    Args:
        facts: All rows of `cleaned`, in any order, with the columns `FACTS`.
        read_texts: Reads conversations.
        parameters: The thresholds.
        networks: From which network contributors sent, a table of `NETWORKS_SCHEMA`.

    Returns:
        A table of `DECISIONS_SCHEMA` with the rows of `decide` and of `prompt_groups`.

    Raises:
        TextsMissing: Conversations weren't found.
    """
    dropped = decide(facts, read_texts, parameters, networks)
    kept = facts.filter(pc.invert(pc.is_in(facts.column(ID), dropped.column(ID).combine_chunks())))
    groups = prompt_groups(kept, read_texts, parameters.min_similarity)
    return pa.concat_tables([dropped, groups], promote_options="default").select(
        DECISIONS_SCHEMA.names
    )


def decide(
    facts: pa.Table,
    read_texts: TextReader,
    parameters: CuratingParameters,
    networks: pa.Table = NO_NETWORKS,
) -> pa.Table:
    """Return the rows that are dropped, each with the first reason that applies.

    What overlaps with an evaluation set comes first, then the rules of quality and ratings, exact
    duplicates, near duplicates, and the caps on shares. A rule sees only rows that no earlier one
    dropped. Of duplicates, the one that was committed first is kept, whoever sent the others and
    however they are rated: nobody's copy takes the place of an original. Commits tell which came
    first, and not times or ids: what nobody could read yet, nobody can have copied, whatever the
    clocks of nodes say. A row that was kept instead of another may be dropped itself; then both
    have a row in the result.

    Args:
        facts: All rows of `cleaned`, in any order, with the columns `FACTS`.
        read_texts: Reads conversations. Only those of rows that may be near duplicates are read.
        parameters: The thresholds.
        networks: From which network contributors sent, a table of `NETWORKS_SCHEMA`.

    Returns:
        The dropped rows with the columns of `curated_dropped`, ascending by received_at and
        contribution_id.

    Raises:
        TextsMissing: Conversations weren't found.
    """
    facts = facts.sort_by([("received_at", "ascending"), ("contribution_id", "ascending")])
    dropped = _DroppedRows(facts)
    _drop_contaminated(dropped)
    reasons, measures = judge(facts, parameters)
    left = dropped.left()
    bad = left[to_numpy(pc.is_valid(reasons.take(pa.array(left))))]
    dropped.add(reasons.take(pa.array(bad)), bad, measure=to_numpy(measures.take(pa.array(bad))))
    _drop_duplicates(dropped)
    _drop_near_duplicates(dropped, read_texts, parameters.min_similarity)
    left = dropped.left()
    over = over_shares(facts.select(SHARED_BY).take(pa.array(left)), networks, parameters)
    dropped.add(over.drop_null(), left[to_numpy(pc.is_valid(over))])
    return dropped.table()


class _DroppedRows:
    """The rows that are dropped so far, of facts in the order of receipt."""

    def __init__(self, facts: pa.Table) -> None:
        self._facts = facts
        self._is_left = np.ones(facts.num_rows, np.bool_)
        self._places = _places_by_commit(facts)
        self._parts: list[pa.Table] = []

    def left(self) -> Ints:
        """Return the indices of the rows that aren't dropped, ascending."""
        return np.flatnonzero(self._is_left)

    def left_by_commit(self) -> Ints:
        """Return the indices of the rows that aren't dropped, in the order of commits."""
        left = self.left()
        return left[np.argsort(self._places[left])]

    def column(self, name: str, rows: Ints) -> pa.Array:
        """Return a column of the rows with these indices."""
        return one_array(self._facts.column(name)).take(pa.array(rows))

    def add(
        self,
        reason: str | pa.Array,
        rows: Ints,
        kept: Ints | None = None,
        measure: NDArray[np.float64] | None = None,
        evaluation_set: pa.Array | None = None,
    ) -> None:
        """Drop rows.

        Args:
            reason: The reason of all of them, or an array with a reason for each.
            rows: Indices of the rows.
            kept: Index of the row that is kept instead of each; None if no row is.
            measure: The value that the rule measured of each; None if it measures none.
            evaluation_set: The evaluation set that each overlaps with; None if none does.
        """
        self._is_left[rows] = False
        nothing = pa.nulls(len(rows))
        columns = {
            "contribution_id": self.column("contribution_id", rows),
            "received_at": self.column("received_at", rows),
            "reason": pa.repeat(reason, len(rows)) if isinstance(reason, str) else reason,
            "kept_id": nothing if kept is None else self.column("contribution_id", kept),
            "measure": nothing if measure is None else pa.array(measure, pa.float64()),
            "evaluation_set": nothing if evaluation_set is None else evaluation_set,
        }
        arrays = [columns[field.name].cast(field.type) for field in DROPPED_ARROW_SCHEMA]
        self._parts.append(pa.Table.from_arrays(arrays, schema=DROPPED_ARROW_SCHEMA))

    def table(self) -> pa.Table:
        """Return the dropped rows, with the columns of `curated_dropped`."""
        order = [("received_at", "ascending"), ("contribution_id", "ascending")]
        return pa.concat_tables(self._parts).sort_by(order).combine_chunks()


def _places_by_commit(facts: pa.Table) -> Ints:
    """Return the place of each row when they are sorted by commit, and then by receipt.

    Args:
        facts: Rows in the order of receipt.
    """
    numbers = one_array(facts.column("sequence_number"))
    order = to_numpy(pc.array_sort_indices(numbers)).astype(np.int64)
    places = np.empty(facts.num_rows, np.int64)
    places[order] = np.arange(facts.num_rows)
    return places


def _drop_contaminated(dropped: _DroppedRows) -> None:
    """Drop the rows that overlap with an evaluation set."""
    left = dropped.left()
    rows = left[to_numpy(pc.is_valid(dropped.column("evaluation_set", left)))]
    dropped.add(
        CONTAMINATED,
        rows,
        measure=to_numpy(dropped.column("overlap", rows)),
        evaluation_set=dropped.column("evaluation_set", rows),
    )


def _drop_duplicates(dropped: _DroppedRows) -> None:
    """Drop all but the first of equal rows."""
    left = dropped.left_by_commit()
    hashes = codes_of(dropped.column("content_hash", left))
    _, first, groups = np.unique(hashes, return_index=True, return_inverse=True)
    kept = first[groups]
    later = np.flatnonzero(kept != np.arange(len(left)))
    dropped.add("duplicate", left[later], kept=left[kept[later]], measure=np.ones(len(later)))


def _drop_near_duplicates(
    dropped: _DroppedRows, read_texts: TextReader, min_similarity: float
) -> None:
    """Drop the rows that are near duplicates of a kept row.

    Args:
        dropped: The rows that are dropped so far.
        read_texts: Reads conversations.
        min_similarity: The least similarity of near duplicates.
    """
    left = dropped.left_by_commit()
    rows = Rows(
        ids=dropped.column("contribution_id", left),
        words=to_numpy(pc.struct_field(dropped.column("signals", left), "words")),
    )
    candidates = find_candidates(dropped.column("bands", left))
    found = list(near_duplicates(candidates, rows, read_texts, min_similarity))
    near = np.array([pair.row for pair in found], np.int64)
    kept = np.array([pair.kept_row for pair in found], np.int64)
    similarities = np.array([pair.similarity for pair in found], np.float64)
    dropped.add("near_duplicate", left[near], kept=left[kept], measure=similarities)
