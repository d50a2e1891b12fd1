"""What indexes and counts tell of the contributions that filters select: few files and rows.

They propose files and rows, and the scan decides about these. What they don't know is read.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import BooleanExpression, In
from pyiceberg.table import Table

from app.query.contributors.index import ContributorIndex
from app.query.file_counts import SUMMED, FileCounts
from app.query.filters import Filters
from app.query.snapshots import SnapshotView
from app.query.text_index.folder import TextIndexes
from app.state.derived import DerivedLost
from app.state.parts import in_parts
from app.versions.index import VersionIndex
from catalog.plans import EVERY_ROW, PlannedFile, plan
from catalog.scan import CandidateRows, all_rows
from catalog.schema import ID
from catalog.snapshots import Snapshot

_ASKED_AT_ONCE: Final = 64
"""Files whose counts are looked up together. A page often ends with the first of them."""

File = TypeVar("File", bound=PlannedFile)


class Narrowing:
    """Narrows what is read for a contributor, a conversation, a text, or the value of a column."""

    def __init__(
        self,
        contributors: ContributorIndex,
        versions: VersionIndex,
        texts: TextIndexes | None,
        file_counts: FileCounts,
    ) -> None:
        """Narrow by indexes.

        Args:
            contributors: Tells the rows of contributors.
            versions: Tells the versions of conversations.
            texts: Indexes of texts; None to read all texts.
            file_counts: Tells which values a file has none of.
        """
        self._contributors = contributors
        self._versions = versions
        self._texts = texts
        self._file_counts = file_counts

    def condition(self, view: SnapshotView, filters: Filters) -> BooleanExpression:
        """Return a condition on ids that all selected contributions meet.

        Args:
            view: The table as of a snapshot.
            filters: What is selected by.
        """
        ids = self._versions_of(view, filters.conversation_id)
        return EVERY_ROW if ids is None else In(ID, ids)

    def files(
        self, files: Iterable[File], filters: Filters, others: Iterable[tuple[str, str]] = ()
    ) -> Iterator[File]:
        """Yield those of some data files that may have a selected row, as far as counts tell.

        Args:
            files: The files, which are asked for as they are needed.
            filters: What is selected by.
            others: Other columns by which files of stages are counted, with the values that rows
                have to have.
        """
        wanted: dict[str, str | None] = dict.fromkeys(filters.absent & {*SUMMED})
        wanted |= {name: value for name in SUMMED if (value := getattr(filters, name)) is not None}
        wanted |= dict(others)
        if not wanted:
            yield from files
            return
        for some in in_parts(files, _ASKED_AT_ONCE):
            known = self._file_counts.of([file.path for file in some])
            for file in some:
                if file.path not in known or not known[file.path].lacks(wanted):
                    yield file

    def candidates(self, filters: Filters) -> CandidateRows:
        """Return what tells which rows of a data file may be selected."""
        found: CandidateRows = all_rows
        if filters.contributor_id is not None:
            found = self._contributors.candidates(filters.contributor_id) or found
        if filters.q is not None and self._texts:
            found = _in_both(found, self._texts.candidates(filters.q))
        return found

    def _versions_of(self, view: SnapshotView, conversation_id: str | None) -> list[str] | None:
        """Return the ids of what may be versions of a conversation; None if they aren't known."""
        if conversation_id is None or view.snapshot is None:
            return None
        with suppress(DerivedLost):
            versions = self._versions.of(conversation_id, view.snapshot.sequence_number)
            # Only after it was asked: who fills it anew sets the watermark in the end.
            if _has_all(view.table, view.snapshot, self._versions.watermark()):
                # What nobody can replace is a conversation of its own id, which the index lacks.
                return [conversation_id, *(each.contribution_id for each in versions)]
        return None


def _has_all(table: Table, snapshot: Snapshot, watermark: int) -> bool:
    """Tell whether the index of versions has all rows of a snapshot.

    Commits that only compact files may come after its watermark.
    """
    return watermark >= snapshot.sequence_number or not plan(table, snapshot, after=watermark)


def _in_both(first: CandidateRows, second: CandidateRows) -> CandidateRows:
    """Return what tells the rows that both of two indexes tell, asking the second one last."""

    def candidates(file: PlannedFile) -> pa.Array | None:
        rows = first(file)
        if rows is not None and not len(rows):
            return rows
        others = second(file)
        if rows is None or others is None:
            return others if rows is None else rows
        return rows.filter(pc.is_in(rows, others))

    return candidates
