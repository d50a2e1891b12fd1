"""What indexes and counts tell of the contributions that filters select: few rows to look at.

They propose rows, and the scan decides about them. What they don't know is read.
"""

from collections.abc import Mapping
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import BooleanExpression, In
from pyiceberg.table import Table

from app.query.counts.files import FileCounts
from app.query.counts.rows import LANGUAGE, SUMMED
from app.query.filters import Filters
from app.query.row_index.index import RowIndex
from app.query.row_index.stages import StageRowIndex
from app.query.snapshots import SnapshotView
from app.query.text_index.folder import TextIndexes
from app.state.derived import DerivedLost
from app.versions.index import VersionIndex
from catalog.reading.plans import EVERY_ROW, PlannedFile, plan
from catalog.reading.scan import CandidateRows, all_rows
from catalog.schema import ID
from catalog.snapshots import Snapshot


class Narrowing:
    """Narrows what is read for a value that few rows have, a conversation or a text."""

    def __init__(
        self,
        counts: FileCounts,
        rows: RowIndex,
        stage_rows: StageRowIndex,
        versions: VersionIndex,
        texts: TextIndexes | None,
    ) -> None:
        """Narrow by indexes and counts.

        Args:
            counts: Tells which files have none of a source, an agent, a rating or a model.
            rows: Tells the rows of contributors and of contents in the raw table.
            stage_rows: Tells them in the stages.
            versions: Tells the versions of conversations.
            texts: Indexes of texts; None to read all texts.
        """
        self._counts = counts
        self._rows = rows
        self._stage_rows = stage_rows
        self._versions = versions
        self._texts = texts

    def condition(self, view: SnapshotView, filters: Filters) -> BooleanExpression:
        """Return a condition on ids that all selected contributions meet.

        Args:
            view: The table as of a snapshot.
            filters: What is selected by.
        """
        ids = self._versions_of(view, filters.conversation_id)
        return EVERY_ROW if ids is None else In(ID, ids)

    def candidates(self, filters: Filters) -> CandidateRows:
        """Return what tells which rows of a data file of the raw table may be selected.

        Args:
            filters: What is selected by.
        """
        found = self._by_counts_and_texts(filters, {})
        if filters.contributor_id is not None:
            found = _in_both(self._rows.of_contributor(filters.contributor_id), found)
        if filters.content_hash is not None:
            found = _in_both(self._rows.of_content(filters.content_hash), found)
        return found

    def candidates_in_stage(self, filters: Filters, language: str | None) -> CandidateRows:
        """Return what tells which rows of a data file of a stage may be selected.

        Args:
            filters: What is selected by.
            language: The language that rows have to have; None for any.
        """
        found = self._by_counts_and_texts(filters, {LANGUAGE: language})
        if filters.contributor_id is not None:
            rows = self._stage_rows.rows_with("contributor_id", filters.contributor_id)
            found = _in_both(rows, found)
        if filters.content_hash is not None:
            rows = self._stage_rows.rows_with("content_hash", filters.content_hash)
            found = _in_both(rows, found)
        return found

    def _by_counts_and_texts(
        self, filters: Filters, further: Mapping[str, str | None]
    ) -> CandidateRows:
        """Return what counts of files and indexes of texts tell.

        Args:
            filters: What is selected by.
            further: What files are counted by beside the conditions of filters, with the values.
        """
        found: CandidateRows = all_rows
        counted = ((name, getattr(filters, name)) for name in SUMMED)
        wanted = {name: value for name, value in (*counted, *further.items()) if value is not None}
        if wanted:
            found = self._counts.candidates(wanted)
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
