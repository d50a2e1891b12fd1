"""Finding the contributions that a takedown is about, in the table and in the journal."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import And, EqualTo, GreaterThanOrEqual, In, LessThanOrEqual
from pyiceberg.table import Table

from app.access.takedowns.records import TakedownKind, TakenDown
from app.ingest.journal.pending import Pending
from app.query.contributions.pages import read_rows
from app.query.filters import received_between
from app.query.history.versions import Versions
from app.query.snapshots import SnapshotView
from catalog.reading.membership import NO_IDS
from catalog.reading.scan import read
from catalog.records import time_of
from catalog.schema import ID, SEQUENCE_NUMBER
from catalog.snapshots import to_snapshot

_CONVERSATION_ID: Final = "conversation_id"
_CONTRIBUTOR_ID: Final = "contributor_id"
_COLUMNS: Final = (ID, _CONVERSATION_ID, "content_hash", SEQUENCE_NUMBER)
_COLUMN_OF: Final[dict[TakedownKind, str]] = {
    "contribution": ID,
    "conversation": _CONVERSATION_ID,
    "contributor": _CONTRIBUTOR_ID,
}

FoundByName = dict[str, list[TakenDown]]
"""Contributions by the identifier that named them."""


class Finder:
    """Finds contributions by what a takedown names, whether readers see them or not."""

    def __init__(
        self, load_table: Callable[[], Table], pending: Pending, versions: Versions
    ) -> None:
        """Find contributions.

        Args:
            load_table: Returns the raw table as it is now.
            pending: Finds what isn't in the table yet.
            versions: Tells the versions of a conversation.
        """
        self._load_table = load_table
        self._pending = pending
        self._versions = versions

    def find(self, kind: TakedownKind, identifiers: Sequence[str]) -> FoundByName:
        """Return the contributions that are named; an identifier without any is left out.

        Args:
            kind: What the identifiers name. A contribution comes with the versions that it
                superseded, a conversation with all of its versions.
            identifiers: contribution_ids, conversation_ids or contributor_ids.

        Raises:
            CommitConflict: Other processes kept recording versions at the same time.
        """
        # The journal first: what is committed meanwhile is in the table that is loaded afterwards.
        pending = self._pending.matching(_COLUMN_OF[kind], identifiers)
        if kind == "contribution":
            of_conversations = pc.unique(pending[_CONVERSATION_ID]).to_pylist()
            versions = self._pending.matching(_CONVERSATION_ID, of_conversations)
            found = self._up_to(self._view(), identifiers, pending, versions)
        else:
            found = self._all_of(self._view(), kind, identifiers, pending)
        return {name: rows for name, rows in found.items() if rows}

    def sequence_numbers(self, contribution_ids: Collection[str]) -> dict[str, int]:
        """Return the number of the commit that added each contribution that the table has."""
        rows = _rows_of(self._view(), contribution_ids)
        return {row.contribution_id: row.sequence_number or 0 for row in rows}

    def contributor_of(self, contribution_id: str) -> str | None:
        """Return who sent a contribution; None when it is anonymous, or isn't in the lake."""
        if not _is_id(contribution_id):
            return None
        pending = self._pending.matching(ID, [contribution_id])
        wanted = pa.array([contribution_id], NO_IDS.type)
        committed = read_rows(self._view(), wanted, [ID, _CONTRIBUTOR_ID], max_bytes=1)
        owners = [*pending[_CONTRIBUTOR_ID].to_pylist(), *committed[_CONTRIBUTOR_ID].to_pylist()]
        return owners[0] if owners else None

    def _view(self) -> SnapshotView:
        table = self._load_table()
        newest = table.current_snapshot()
        return SnapshotView(table, to_snapshot(newest) if newest else None)

    def _all_of(
        self, view: SnapshotView, kind: TakedownKind, names: Sequence[str], pending: pa.Table
    ) -> FoundByName:
        committed = (
            self._of_conversations(view, names)
            if kind == "conversation"
            else _of_contributors(view, names)
        )
        column = _COLUMN_OF[kind]
        return {
            name: _distinct(
                committed.get(name, []), _waiting(pending.filter(pc.equal(pending[column], name)))
            )
            for name in names
        }

    def _up_to(
        self, view: SnapshotView, ids: Sequence[str], pending: pa.Table, versions: pa.Table
    ) -> FoundByName:
        """Return contributions with the versions that they superseded.

        Args:
            view: The table.
            ids: The contribution_ids.
            pending: Those of the contributions that are pending.
            versions: All pending versions of the same conversations, in their order.
        """
        committed = {row.contribution_id: row for row in _rows_of(view, ids)}
        waiting = {row.contribution_id: row for row in _waiting(pending)}
        targets = {**waiting, **committed}
        conversation_ids = {row.conversation_id for row in targets.values()}
        history = self._of_conversations(view, sorted(conversation_ids))
        found: FoundByName = {}
        for name, target in targets.items():
            before = history.get(target.conversation_id, [])
            if target.sequence_number is not None:
                found[name] = [row for row in before if _order(row) <= _order(target)]
            else:
                is_version = pc.equal(versions[_CONVERSATION_ID], target.conversation_id)
                found[name] = _distinct(
                    before, _ending(_waiting(versions.filter(is_version)), name)
                )
        return found

    def _of_conversations(self, view: SnapshotView, conversation_ids: Sequence[str]) -> FoundByName:
        """Return every committed version of conversations that the table has."""
        ids = {
            version.contribution_id
            for conversation_id in conversation_ids
            for version in self._versions.of(view, conversation_id)
        }
        # What has no id of its client is a conversation by itself, which has its own id.
        ids.update(conversation_ids)
        found: FoundByName = {}
        for row in _rows_of(view, ids):
            found.setdefault(row.conversation_id, []).append(row)
        return found


def _of_contributors(view: SnapshotView, contributor_ids: Sequence[str]) -> FoundByName:
    condition = In(_CONTRIBUTOR_ID, contributor_ids)
    found: FoundByName = {}
    columns = [*_COLUMNS, _CONTRIBUTOR_ID]
    for batch in read(view.table, view.files(condition), columns, condition):
        for name in pc.unique(batch[_CONTRIBUTOR_ID]).to_pylist():
            of_name = batch.filter(pc.equal(batch[_CONTRIBUTOR_ID], name))
            found.setdefault(name, []).extend(_committed(of_name))
    return found


def _rows_of(view: SnapshotView, contribution_ids: Collection[str]) -> list[TakenDown]:
    """Return those of some contributions that the table has, from files of their days alone."""
    ids = sorted(each for each in contribution_ids if _is_id(each))
    if not ids:
        return []
    received = received_between(time_of(ids[0]), time_of(ids[-1]) + timedelta(milliseconds=1))
    within = (
        EqualTo(ID, ids[0])
        if len(ids) == 1
        else And(GreaterThanOrEqual(ID, ids[0]), LessThanOrEqual(ID, ids[-1]))
    )
    condition = And(received, within)
    wanted = pa.array(ids, pa.large_string())
    return [
        row
        for batch in read(view.table, view.files(condition), _COLUMNS, condition)
        for row in _committed(batch.filter(pc.is_in(batch[ID], wanted)))
    ]


def _is_id(text: str) -> bool:
    """Tell whether a text could be a contribution_id: its time is in the calendar."""
    try:
        return str(UUID(text)) == text and bool(time_of(text))
    except (ValueError, OverflowError):
        return False


def _committed(rows: pa.RecordBatch) -> Iterator[TakenDown]:
    columns = (rows[name].to_pylist() for name in _COLUMNS)
    return (TakenDown(*values) for values in zip(*columns, strict=True))


def _waiting(rows: pa.Table) -> list[TakenDown]:
    ids, conversation_ids, hashes = (rows[name].to_pylist() for name in _COLUMNS[:3])
    return [
        TakenDown(*values, sequence_number=None)
        for values in zip(ids, conversation_ids, hashes, strict=True)
    ]


def _ending(rows: list[TakenDown], contribution_id: str) -> list[TakenDown]:
    """Return rows up to that of a contribution."""
    ids = [row.contribution_id for row in rows]
    return rows[: ids.index(contribution_id) + 1]


def _distinct(committed: list[TakenDown], waiting: list[TakenDown]) -> list[TakenDown]:
    """Return each contribution once, as committed where it is."""
    by_id = {row.contribution_id: row for row in (*waiting, *committed)}
    return list(by_id.values())


def _order(row: TakenDown) -> tuple[int, str]:
    """Return the place of a version among those of its conversation."""
    return row.sequence_number or 0, row.contribution_id
