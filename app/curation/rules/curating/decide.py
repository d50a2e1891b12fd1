"""Decides which rows of `cleaned` are dropped, and for which reason."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.curation.rules.curating.arrays import Ints
from app.curation.rules.curating.columns import StoredColumns
from app.curation.rules.curating.duplicates import minhash
from app.curation.rules.curating.duplicates.candidates import Candidates, find_candidates, repeated
from app.curation.rules.curating.duplicates.near_duplicates import near_duplicates
from app.curation.rules.curating.duplicates.outcomes import FoundPairs, find_in_groups
from app.curation.rules.curating.duplicates.reading import Rows
from app.curation.rules.curating.facts import Facts
from app.curation.rules.curating.ids import id_texts, random_ends
from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.prompt_groups import prompt_groups, prompts_of
from app.curation.rules.curating.quality.rules import QUALITY_REASONS
from app.curation.rules.curating.share import SHARES, SharedRows, over_shares
from app.curation.rules.interface import (
    DECISIONS_SCHEMA,
    NO_NETWORKS,
    NO_OUTCOMES,
    Outcomes,
    TextReader,
)
from app.curation.rules.reasons import CONTAMINATED

REASONS: Final = (
    CONTAMINATED,
    *QUALITY_REASONS,
    "duplicate",
    "near_duplicate",
    *SHARES,
)
"""Why rows are dropped, in the order of the rules."""
_NONE: Final = -1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class RowDecisions:
    """What is decided of rows, an element for each row in the order of receipt.

    Attributes:
        ids: The contribution_id of each row, as `id_numbers` returns them.
        times: The times of receipt in microseconds.
        reasons: The place in `REASONS` of why the row is dropped; -1 if it is kept.
        kept_rows: Index of the row that is kept instead; -1 if no row is.
        measures: The value that the rule measured; NaN if it measures none.
        sets: The place in `set_names` of the evaluation set that the row overlaps with, if it is
            dropped for that.
        set_names: Names of evaluation sets.
        groups: The prompt group.
        has_group: Whether the prompt group is another one than the row's own prompt.
        outcomes: What was found when texts were compared, for the next build.
    """

    ids: NDArray[np.uint64]
    times: Ints
    reasons: NDArray[np.int8]
    kept_rows: NDArray[np.int32]
    measures: NDArray[np.float64]
    sets: NDArray[np.int16]
    set_names: list[str]
    groups: Ints
    has_group: NDArray[np.bool_]
    outcomes: Outcomes = field(default_factory=dict)

    def between(self, start: datetime, end: datetime | None) -> pa.Table:
        """Return what is decided of the rows that were received between two times.

        Args:
            start: Time of the first row, or before.
            end: Time before which the last row was received; None for all rows after `start`.

        Returns:
            A table of `DECISIONS_SCHEMA`, in the order of receipt.
        """
        first = np.searchsorted(self.times, (start - _EPOCH) // _MICROSECOND)
        after = len(self.times)
        if end is not None:
            after = int(np.searchsorted(self.times, (end - _EPOCH) // _MICROSECOND))
        part = slice(int(first), after)
        is_decided = (self.reasons[part] != _NONE) | self.has_group[part]
        return self._table(part.start + np.flatnonzero(is_decided))

    def _table(self, rows: Ints) -> pa.Table:
        reasons, kept, measures = self.reasons[rows], self.kept_rows[rows], self.measures[rows]
        has_group = self.has_group[rows]
        columns = {
            "contribution_id": id_texts(self.ids[rows]),
            "received_at": pa.array(self.times[rows]),
            "reason": _named(REASONS, reasons),
            "kept_id": _where(kept != _NONE, id_texts(self.ids[kept])),
            "measure": _where(~np.isnan(measures), pa.array(measures)),
            "evaluation_set": _named(self.set_names, self.sets[rows]),
            "prompt_group": _where(has_group, pa.array(self.groups[rows])),
        }
        arrays = [columns[each.name].cast(each.type) for each in DECISIONS_SCHEMA]
        return pa.Table.from_arrays(arrays, schema=DECISIONS_SCHEMA)


def _where(is_valid: NDArray[np.bool_], values: pa.Array) -> pa.Array:
    """Return values, and null where they don't count."""
    places = pa.array(np.arange(len(values)), mask=~is_valid)
    return values.take(places)


def _named(names: Iterable[str], places: NDArray[np.integer]) -> pa.Array:
    """Return the names at some places, and null where a place is -1."""
    indices = pa.array(places.astype(np.int64), mask=places == _NONE)
    return pa.array(list(names), pa.large_string()).take(indices)


def decisions(
    facts: Iterable[pa.RecordBatch],
    read_texts: TextReader,
    parameters: CuratingParameters,
    networks: pa.Table = NO_NETWORKS,
    known: Outcomes | None = None,
) -> RowDecisions:
    """Decide which rows are dropped, each for the first reason that applies, and group prompts.

    What overlaps with an evaluation set comes first, then the rules of quality and ratings, exact
    duplicates, near duplicates, and the caps on shares. A rule sees only rows that no earlier one
    dropped. Of duplicates, the one that was committed first is kept, whoever sent the others and
    however they are rated: nobody's copy takes the place of an original. Commits tell which came
    first, and not times or ids: what nobody could read yet, nobody can have copied, whatever the
    clocks of nodes say. A row that was kept instead of another may be dropped itself.

    The rows that are left are of prompt groups.

    Args:
        facts: All rows of `cleaned`, in the order of receipt, with the columns `FACTS`.
        read_texts: Reads columns. Texts are read only of rows that may be near duplicates.
        parameters: The thresholds.
        networks: From which network contributors sent, a table of `NETWORKS_SCHEMA`.
        known: The outcomes of an earlier build by the same rules, so that the same rows needn't be
            compared again; None if there are none.

    Raises:
        TextsMissing: Conversations weren't found.
        OSError: The temporary disk is full.
    """
    with StoredColumns() as columns:
        stored = Facts(columns)
        stored.store(facts, parameters, networks)
        return _Deciding(stored, read_texts, parameters, known or {}).result()


class _Deciding:
    """Decides rule by rule, and keeps what was decided so far."""

    def __init__(
        self,
        facts: Facts,
        read_texts: TextReader,
        parameters: CuratingParameters,
        known: Mapping[str, pa.Table],
    ) -> None:
        self._facts = facts
        self._read_texts = read_texts
        self._parameters = parameters
        self._known = known
        self._outcomes: dict[str, pa.Table] = {}
        self._ids = facts.ids()
        self._times = facts.numbers("time")
        rules = facts.numbers("rule")
        number = len(self._times)
        self._reasons = np.where(rules == _NONE, _NONE, rules + 1).astype(np.int8)
        self._measures = facts.numbers("measure").astype(np.float64)
        self._kept_rows = np.full(number, _NONE, np.int32)
        self._sets = facts.numbers("evaluation set").astype(np.int16)

    def result(self) -> RowDecisions:
        """Apply the rules after those of quality, in their order, and return what is decided."""
        self._drop_contaminated()
        self._drop_duplicates()
        self._drop_near_duplicates()
        self._drop_beyond_shares()
        groups, has_group = self._grouped()
        return RowDecisions(
            self._ids,
            self._times,
            self._reasons,
            self._kept_rows,
            self._measures,
            self._sets,
            self._facts.evaluation_sets,
            groups,
            has_group,
            self._outcomes,
        )

    def _left(self) -> Ints:
        """Return the indices of the rows that aren't dropped, ascending."""
        return np.flatnonzero(self._reasons == _NONE)

    def _left_by_commit(self) -> Ints:
        """Return the indices of the rows that aren't dropped, in the order of commits."""
        left = self._left()
        commits = self._facts.numbers("commit")[left]
        return left[np.argsort(commits, kind="stable")]

    def _drop(
        self, reason: str, rows: Ints, kept: Ints | int, measures: NDArray[np.float64] | float
    ) -> None:
        self._reasons[rows] = REASONS.index(reason)
        self._kept_rows[rows] = kept
        self._measures[rows] = measures

    def _drop_contaminated(self) -> None:
        """Drop the rows that overlap with an evaluation set."""
        rows = np.flatnonzero(self._sets != _NONE)
        self._drop(CONTAMINATED, rows, _NONE, self._facts.numbers("overlap")[rows])

    def _drop_duplicates(self) -> None:
        """Drop all but the first of equal rows."""
        left = self._left_by_commit()
        hashes = self._facts.content_hashes()
        rows = left[np.sort(repeated(hashes[left, 0])[0])]
        # Whole hashes tell, of the few rows whose first halves are equal.
        order = np.lexsort([np.arange(len(rows)), *hashes[rows].T])
        ordered = hashes[rows[order]]
        begins = np.ones(len(rows), np.bool_)
        begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
        first = order[np.flatnonzero(begins)[np.cumsum(begins) - 1]]
        self._drop("duplicate", rows[order[~begins]], rows[first[~begins]], 1.0)

    def _drop_near_duplicates(self) -> None:
        """Drop the rows that are near duplicates of a kept row."""
        left = self._left_by_commit()
        candidates = find_candidates(self._facts.band_reader(left), minhash.BANDS, len(left))
        rows = self._rows(left)
        known = self._known.get("conversations", NO_OUTCOMES)

        def compare(chosen: Candidates) -> FoundPairs:
            pairs = list(near_duplicates(chosen, rows, self._parameters.min_similarity))
            return FoundPairs(
                np.array([pair.row for pair in pairs], np.int64),
                np.array([pair.kept_row for pair in pairs], np.int64),
                np.array([pair.similarity for pair in pairs], np.float64),
            )

        # With the commits, since which row is kept follows from their order.
        keys = rows.ids + self._facts.numbers("commit")[left].astype(np.uint64)[:, np.newaxis]
        found, outcomes = find_in_groups(candidates, keys, known, compare)
        self._outcomes["conversations"] = outcomes
        self._drop("near_duplicate", left[found.rows], left[found.others], found.measures)

    def _drop_beyond_shares(self) -> None:
        """Drop the rows beyond the shares of contributors, networks and bursts."""
        left = self._left()
        contributors, sources, networks = (
            self._facts.numbers(name)[left] for name in ("contributor", "source", "network")
        )
        ends = random_ends(self._ids[left])
        rows = SharedRows(ends, self._times[left], contributors, sources, networks)
        shares = over_shares(rows, self._parameters)
        for share, reason in enumerate(SHARES):
            self._drop(reason, left[shares == share], _NONE, np.nan)

    def _grouped(self) -> tuple[Ints, NDArray[np.bool_]]:
        """Return the prompt group of each row that is left, and whether it isn't its own prompt."""
        left = self._left()
        hashes = self._facts.numbers("prompt")
        prompts = prompts_of(self._facts, left, self._read_texts)
        known = self._known.get("prompts", NO_OUTCOMES)
        found, outcomes = prompt_groups(prompts, self._parameters.min_similarity, known)
        self._outcomes["prompts"] = outcomes
        groups = hashes.astype(np.int64)
        groups[left] = found
        return groups, groups != hashes

    def _rows(self, rows: Ints) -> Rows:
        return Rows(self._ids[rows], self._facts.numbers("words")[rows], self._read_texts)
