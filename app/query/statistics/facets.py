"""Counts beside a list of contributions: by day, and by the most frequent values of columns."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from app.query.contributions.narrowing import Narrowing
from app.query.contributions.pages import GoesOn, always
from app.query.contributions.selection import DayOfRows, Selection
from app.query.contributions.staged import StagedContributions, StageFilters, StageView
from app.query.counts.dimensions import columns_of
from app.query.counts.rows import SUMMED, RowCounts, count_rows
from app.query.counts.summaries import Part, Summaries
from app.query.filters import Filters
from app.query.replaced import ReplacedReader
from app.query.row_index.contributors import CONTRIBUTOR
from app.query.row_index.sums import ContributorSums
from app.query.snapshots import SnapshotView
from app.query.statistics.stage_counts import STAGE_COLUMNS, STAGE_SUMMED, StageCounts

_MOST_VALUES: Final = 1_000
"""Number of values of a column above which it isn't counted by them."""
_SHOWN_VALUES: Final = 8
_MOST_UNCOUNTED: Final = 20_000
"""Rows of files whose counts don't tell that are read before a page is shown."""
_BY: Final = (*SUMMED, CONTRIBUTOR)
_COLUMNS: Final = (*columns_of(SUMMED), CONTRIBUTOR)

Counts = Iterable[tuple[str | None, int]]


@dataclass(frozen=True, slots=True)
class Facet:
    """Counts of contributions by the values of a column or of a field of turns.

    Attributes:
        name: The column or field.
        values: The most frequent values with their numbers of contributions, the most frequent
            first; None stands for those without a value. Empty when there are too many values.
        more: Number of other values.
        has_too_many: Whether there are too many values to count by.
    """

    name: str
    values: tuple[tuple[str | None, int], ...]
    more: int = 0
    has_too_many: bool = False


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """Counts of selected contributions.

    Attributes:
        total: Number of contributions.
        days: Days (UTC) with the numbers of contributions that were received on them, ascending.
        facets: Counts by value. By a field of turns, a contribution counts for each of its values.
        since: The first day (UTC) whose contributions are counted, where counting ended before it
            had looked at all days; else None.
    """

    total: int
    days: tuple[tuple[date, int], ...]
    facets: tuple[Facet, ...]
    since: date | None = None


class Facets:
    """Counts what is selected, at once where the counts of files tell, and else row by row."""

    def __init__(
        self,
        replaced: ReplacedReader,
        summaries: Summaries,
        contributor_sums: ContributorSums,
        staged: StagedContributions,
        stage_counts: StageCounts,
        narrowing: Narrowing,
    ) -> None:
        """Count contributions.

        Args:
            replaced: Tells what later versions replaced.
            summaries: Has the counts of files.
            contributor_sums: Counts by contributor from what an index has of files.
            staged: Reads the computed stages.
            stage_counts: Has the counts of files of stages.
            narrowing: Tells by indexes which rows may be selected.
        """
        self._replaced = replaced
        self._summaries = summaries
        self._contributor_sums = contributor_sums
        self._staged = staged
        self._stage_counts = stage_counts
        self._narrowing = narrowing

    def is_quick(self, view: SnapshotView, filters: Filters) -> bool:
        """Tell whether the counts of files tell all, or nearly all.

        Nobody may have counted the newest files yet, and compaction may have put rows of an older
        snapshot into files with newer rows. Such files have to be read.
        """
        return (
            Summaries.can_count(filters)
            and self._summaries.uncounted_rows(view, filters) <= _MOST_UNCOUNTED
        )

    def is_quick_in(self, view: StageView, filters: StageFilters) -> bool:
        """Tell whether the counts of a stage's files tell all, or nearly all."""
        return (
            StageCounts.can_count(filters)
            and self._stage_counts.uncounted_rows(view, filters) <= _MOST_UNCOUNTED
        )

    def count(self, view: SnapshotView, filters: Filters, goes_on: GoesOn = always) -> FacetCounts:
        """Count the selected contributions of a snapshot; see `is_quick`.

        Args:
            view: The table as of a snapshot.
            filters: The conditions.
            goes_on: Ends counting where contributions are looked at, of which the newest come
                first.
        """
        if Summaries.can_count(filters):
            counts = _sum_of(self._summaries.parts(view, filters), SUMMED)
            return replace(counts, facets=(*counts.facets, self._contributors(view, filters)))
        selection = Selection.of(view, filters, self._replaced, self._narrowing)
        return _count_days(selection.days(_COLUMNS, newest_first=True), _BY, goes_on)

    def count_stage(
        self, view: StageView, filters: StageFilters, goes_on: GoesOn = always
    ) -> FacetCounts:
        """Count the selected rows of a computed stage, also by language; as `count` does."""
        if StageCounts.can_count(filters):
            return _sum_of(self._stage_counts.parts(view, filters), STAGE_SUMMED)
        days = self._staged.days(view, filters, STAGE_COLUMNS, newest_first=True)
        return _count_days(days, STAGE_SUMMED, goes_on)

    def _contributors(self, view: SnapshotView, filters: Filters) -> Facet:
        found = self._contributor_sums.count(view, filters, (CONTRIBUTOR,), _SHOWN_VALUES)
        if found is None:
            return Facet(CONTRIBUTOR, (), has_too_many=True)
        groups = found.groups.sort_by([("contributions", "descending"), (CONTRIBUTOR, "ascending")])
        columns = (groups[name].to_pylist() for name in (CONTRIBUTOR, "contributions"))
        return Facet(
            CONTRIBUTOR, tuple(zip(*columns, strict=True)), found.total_groups - groups.num_rows
        )


def _sum_of(parts: Iterable[Part], names: tuple[str, ...]) -> FacetCounts:
    """Return the sum of counts of files, by some of what these are counted by."""
    sums = _Sums(names)
    for part in parts:
        sums.add(part.day, part.counts, part.sign)
    return sums.counts()


def _count_days(days: Iterable[DayOfRows], names: tuple[str, ...], goes_on: GoesOn) -> FacetCounts:
    """Count the rows of days, the newest of which come first, until counting is to end."""
    sums = _Sums(names)
    counted: date | None = None
    rows = 0
    for each in days:
        if counted is not None and not goes_on(rows):
            return replace(sums.counts(), since=counted)
        rows += each.rows
        sums.add(each.day, count_rows(each.batches, names))
        counted = each.day
    return sums.counts()


class _Sums:
    """Sums of counts by day and by the values of some columns, of which it keeps few enough."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._days: defaultdict[date, int] = defaultdict(int)
        self._values: dict[str, dict[str | None, int] | None] = {name: {} for name in names}

    def add(self, day: date, counts: RowCounts, sign: int = 1) -> None:
        """Add the counts of rows of a day, or take them away.

        Args:
            day: The day.
            counts: The counts.
            sign: 1 to add the counts, -1 to take them away.
        """
        self._days[day] += sign * counts.contributions
        for name in self._values:
            values = counts.by.get(name)
            if values is None:
                self._values[name] = None
            else:
                self._add_values(name, ((value, sign * number) for value, number, _ in values))

    def counts(self) -> FacetCounts:
        """Return the sums."""
        days = tuple(sorted((day, number) for day, number in self._days.items() if number))
        facets = tuple(_facet(name, values) for name, values in self._values.items())
        return FacetCounts(sum(number for _, number in days), days, facets)

    def _add_values(self, name: str, counts: Counts) -> None:
        known = self._values[name]
        if known is None:
            return
        for value, number in counts:
            known[value] = known.get(value, 0) + number
        if len(known) > _MOST_VALUES:
            self._values[name] = None


def _facet(name: str, values: Mapping[str | None, int] | None) -> Facet:
    if values is None:
        return Facet(name, (), has_too_many=True)
    found = [(value, number) for value, number in values.items() if number > 0]
    found.sort(key=lambda each: (-each[1], each[0] or ""))
    return Facet(name, tuple(found[:_SHOWN_VALUES]), max(0, len(found) - _SHOWN_VALUES))
