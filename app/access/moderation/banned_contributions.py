"""Hides what banned contributors sent, and shows it again when a ban is lifted.

Nothing may slip by between a ban and a commit that happen at the same time, in whatever order:

- The committer hides the rows of banned contributors before it appends a batch, and looks again at
  the list after that, before readers find the batch in the ledger.
- What a ban finds in the table is hidden after the ban was recorded.

So a row of a ban that the committer didn't know of after its append was in the table when the ban
looked there. What is hidden is recorded with its contributor. Both are written in transactions that
keep the list of bans as it is, so that none hides anything once the ban was lifted.

Workers don't know of a ban at once, and an upload may be under way. What they take then is hidden
like the rest. If the ban asked for a takedown, which can't have found it, the committer's process
asks for another one (`app.background.bans`).

A process may be killed anywhere: `update` goes on with what it finds unfinished, in the committer's
process and before whatever is built of the lake.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.dataset as ds
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import EqualTo
from pyiceberg.table import Table
from sqlalchemy import Connection, delete, func, select, update

from app.access.moderation.bans import Bans
from app.access.visibility.hidden import HiddenContributions
from app.state.db import Database, insert_missing
from app.state.models import BannedContribution, BanRecord
from app.state.parts import in_parts
from catalog.reading.plans import plan
from catalog.reading.scan import read
from catalog.reading.staged_rows import read_staged
from catalog.records import Contribution
from catalog.schema import ID
from catalog.snapshots import to_snapshot
from catalog.table import load_table
from catalog.writing.staging import StagedFile

_ROWS_IN_A_TRANSACTION: Final = 5_000
_CONTRIBUTOR: Final = "contributor_id"

Sent = tuple[str, str]
"""A contribution_id, and the contributor_id of who sent it."""


class CommittedBatch(Protocol):
    """The rows of a commit: `app.ingest.commits.claims.Batch`."""

    @property
    def rows(self) -> Sequence[Contribution]:
        """Rows that the journal holds."""

    @property
    def files(self) -> Sequence[StagedFile]:
        """Data files with the other rows."""


class BannedContributions:
    """Keeps what banned contributors sent hidden, however and whenever it came."""

    def __init__(
        self,
        database: Database,
        hidden: HiddenContributions,
        bans: Bans,
        catalog: Callable[[], Catalog],
    ) -> None:
        """Keep contributions hidden.

        Args:
            database: The database.
            hidden: The list of what is hidden.
            bans: The bans.
            catalog: Returns the Iceberg catalog.
        """
        self._database = database
        self._hidden = hidden
        self._bans = bans
        self._catalog = catalog

    def update(self) -> None:
        """Hide what was sent by those who were banned, and show that of lifted bans again."""
        unfinished = select(BanRecord.contributor_id, BanRecord.state).where(
            BanRecord.state != "banned"
        )
        with self._database.read() as connection:
            found = connection.execute(unfinished).all()
        for contributor_id, state in found:
            if state == "lifted":
                self._show_all(contributor_id)
            else:
                self._hide_all(contributor_id)

    def hidden_ids(self) -> pa.Array:
        """Return the ids of all that is hidden now, ascending, after finishing what isn't."""
        self.update()
        return self._hidden.ids()

    def count(self, contributor_id: str) -> int:
        """Return how many contributions of a contributor are hidden by a ban."""
        query = select(func.count()).where(BannedContribution.contributor_id == contributor_id)
        with self._database.read() as connection:
            return connection.scalar(query) or 0

    def hide_in(self, table: Table, batch: CommittedBatch, known: int | None = None) -> int:
        """Hide the rows of a batch that banned contributors sent.

        It is called before the batch is appended and again afterwards, see the module.

        Args:
            table: The table that the batch is for.
            batch: The rows.
            known: What the call before the append returned; None for that call.

        Returns:
            How often the list of bans had changed when it was looked at.
        """
        while True:
            number, banned = self._bans.current()
            if number == known or not banned:
                return number
            sent = list(_sent_by(banned, table, batch))
            if self._hide(sent, number):
                return number

    def _hide(self, sent: Sequence[Sent], number: int) -> bool:
        """Hide contributions if the list of bans is still the one by which they were found."""
        if not sent:
            return True
        with self._database.write() as connection:
            if self._bans.lock(connection) != number:
                return False
            self._record(connection, sent)
        return True

    def _hide_all(self, contributor_id: str) -> None:
        """Hide what a banned contributor has in the table, and note that this is done."""
        for ids in in_parts(
            _found(load_table(self._catalog()), contributor_id), _ROWS_IN_A_TRANSACTION
        ):
            with self._database.write() as connection:
                self._bans.lock(connection)
                if _state(connection, contributor_id) not in {"hiding", "banned"}:
                    return
                self._record(connection, [(each, contributor_id) for each in ids])
        with self._database.write() as connection:
            connection.execute(
                update(BanRecord)
                .where(BanRecord.contributor_id == contributor_id, BanRecord.state == "hiding")
                .values(state="banned")
            )

    def _show_all(self, contributor_id: str) -> None:
        """Show what was hidden of a contributor whose ban was lifted, and forget the ban."""
        is_theirs = BannedContribution.contributor_id == contributor_id
        some = select(BannedContribution.contribution_id).where(is_theirs)
        while True:
            with self._database.write() as connection:
                self._bans.lock(connection)
                if _state(connection, contributor_id) != "lifted":
                    return
                ids = connection.scalars(some.limit(_ROWS_IN_A_TRANSACTION)).all()
                if not ids:
                    connection.execute(
                        delete(BanRecord).where(BanRecord.contributor_id == contributor_id)
                    )
                    return
                self.forget(connection, ids)

    def forget(self, connection: Connection, ids: Iterable[str]) -> None:
        """Don't hide contributions by a ban any more.

        Args:
            connection: A transaction that writes.
            ids: The contribution_ids; those that aren't hidden so are passed over.
        """
        for some in in_parts(ids):
            self._hidden.show(connection, some, "ban")
            column = BannedContribution.contribution_id
            connection.execute(delete(BannedContribution).where(column.in_(some)))

    def _record(self, connection: Connection, sent: Sequence[Sent]) -> None:
        connection.execute(
            insert_missing(connection, BannedContribution),
            [{"contribution_id": each, _CONTRIBUTOR: contributor} for each, contributor in sent],
        )
        self._hidden.hide(connection, [each for each, _ in sent], "ban")


def _state(connection: Connection, contributor_id: str) -> str | None:
    query = select(BanRecord.state).where(BanRecord.contributor_id == contributor_id)
    return connection.scalar(query)


def _found(table: Table, contributor_id: str) -> Iterator[str]:
    """Yield the ids of what a contributor has in a table, whether the ledger knows it or not."""
    newest = table.current_snapshot()
    if newest is None:
        return
    is_theirs = EqualTo(_CONTRIBUTOR, contributor_id)
    for batch in read(table, plan(table, to_snapshot(newest), is_theirs), [ID], is_theirs):
        yield from batch.column(0).to_pylist()


def _sent_by(banned: frozenset[str], table: Table, batch: CommittedBatch) -> Iterator[Sent]:
    """Yield the rows of a batch that some contributors sent."""
    for row in batch.rows:
        if row.contributor_id in banned:
            yield row.contribution_id, row.contributor_id
    are_theirs = ds.field(_CONTRIBUTOR).isin(list(banned))
    for rows in read_staged(table, batch.files, [ID, _CONTRIBUTOR], are_theirs):
        yield from zip(*(column.to_pylist() for column in rows.columns), strict=True)
