"""What stays of the contributions that were taken down, by which they are known again."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import pyarrow as pa
from sqlalchemy import Connection, Row, Select, bindparam, func, select, update
from sqlalchemy.orm import aliased

from app.access.errors import TakenDownForGood
from app.access.takedowns.records import TakenDown, withdrawn_by
from app.state.db import Database
from app.state.models import TakedownRecord, TakenDownContribution
from app.state.parts import in_parts
from catalog.reading.membership import NO_IDS

UNFINISHED: Final = TakedownRecord.erased_at.is_(None)
"""The condition on takedowns that aren't erased yet."""
_VERSION_SCHEMA: Final = pa.schema(
    {
        "contribution_id": pa.large_string(),
        "conversation_id": pa.large_string(),
        "content_hash": pa.large_string(),
        "sequence_number": pa.int64(),
    }
)
_ROWS_IN_MEMORY: Final = 10_000


class KnownBy(NamedTuple):
    """What a contribution that was taken down is known by if it comes back.

    Attributes:
        content_hash: The hash of its content.
        conversation_id: The conversation of which it was a version.
        requested_by: Who asked for its takedown.
    """

    content_hash: str
    conversation_id: str
    requested_by: str


class TakenDownContributions:
    """The contributions of a lake that were taken down, whether they are erased yet or not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def check(self, contribution_id: str) -> None:
        """Check that a contribution was not taken down.

        Raises:
            TakenDownForGood: The contribution was taken down.
        """
        if self.among([contribution_id]):
            raise TakenDownForGood(contribution_id)

    def rows(self, after: int = 0) -> Iterator[TakenDown]:
        """Yield what stays of the contributions, some thousand in memory, oldest takedown first.

        Args:
            after: Only takedowns with a higher id than this.
        """
        query = (
            select(TakenDownContribution.__table__)
            .where(TakenDownContribution.takedown_id > after)
            .order_by(TakenDownContribution.takedown_id)
        )
        with self._database.read() as connection:
            found = connection.execution_options(yield_per=_ROWS_IN_MEMORY).execute(query)
            for row in found:
                yield _taken_down(row)

    def rows_of(self, contribution_ids: Collection[str]) -> list[TakenDown]:
        """Return what stays of those of some contributions that were taken down, in any order."""
        with self._database.read() as connection:
            return rows_of(connection, contribution_ids)

    def among(self, contribution_ids: Collection[str]) -> set[str]:
        """Return those of some contributions that were taken down."""
        return {row.contribution_id for row in self.rows_of(contribution_ids)}

    def ids(self) -> pa.Array:
        """Return the contribution_ids of everything that was ever taken down, ascending."""
        return self._ids(select(TakenDownContribution.contribution_id))

    def newest_takedown_id(self) -> int:
        """Return the highest id of a takedown; 0 without any. It tells whether there are new ones.

        It takes one query of one row.
        """
        with self._database.read() as connection:
            return connection.scalar(select(func.max(TakedownRecord.takedown_id))) or 0

    def unfinished_ids(self) -> pa.Array:
        """Return the contribution_ids that aren't erased yet, ascending."""
        return self._ids(unfinished_rows().with_only_columns(TakenDownContribution.contribution_id))

    def pending_ids(self) -> list[str]:
        """Return the contribution_ids that aren't erased yet and whose commit isn't known."""
        query = unfinished_rows().where(TakenDownContribution.sequence_number.is_(None))
        with self._database.read() as connection:
            return [row.contribution_id for row in connection.execute(query)]

    def commits_are(self, sequence_numbers: Mapping[str, int]) -> None:
        """Record the commits that added contributions which were pending when they were named.

        Args:
            sequence_numbers: The number of the commit for each contribution_id.
        """
        if not sequence_numbers:
            return
        change = (
            update(TakenDownContribution)
            .where(TakenDownContribution.contribution_id == bindparam("of"))
            .values(sequence_number=bindparam("number"))
        )
        rows = [{"of": of, "number": number} for of, number in sequence_numbers.items()]
        with self._database.write() as connection:
            connection.execute(change, rows)

    def committed(self, after: int, until: int) -> pa.Table:
        """Return what stays of the versions that some commits added, in any order.

        Args:
            after: The sequence number before that of the first of the commits.
            until: The sequence number of the last of them.

        Returns:
            A table of contribution_id, conversation_id, content_hash and sequence_number.
        """
        columns = [getattr(TakenDownContribution, name) for name in _VERSION_SCHEMA.names]
        number = TakenDownContribution.sequence_number
        query = select(*columns).where(number > after, number <= until)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        values = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
        return pa.table(values, schema=_VERSION_SCHEMA)

    def partly_taken_down(self, conversation_ids: Collection[str]) -> dict[str, datetime]:
        """Return the conversations of which some versions were taken down, and later ones may stay.

        Args:
            conversation_ids: The conversations; of others, nothing was taken down, or they were
                taken down as a whole.

        Returns:
            When the first of their takedowns was recorded, by conversation_id.
        """
        conversation_id = TakenDownContribution.conversation_id
        query = (
            select(conversation_id, func.min(TakedownRecord.requested_at))
            .join(TakedownRecord, TakedownRecord.takedown_id == TakenDownContribution.takedown_id)
            .group_by(conversation_id)
            .having(func.count().filter(TakedownRecord.kind != "contribution") == 0)
        )
        found: dict[str, datetime] = {}
        with self._database.read() as connection:
            for some in in_parts(sorted(set(conversation_ids))):
                rows = connection.execute(query.where(conversation_id.in_(some)))
                found.update((name, first) for name, first in rows)
        return found

    def known_by(self, after: int = 0) -> Iterator[KnownBy]:
        """Yield what contributions are known by if they come back.

        It is many times quicker than `rows`.

        Args:
            after: Only takedowns with a higher id than this.
        """
        query = (
            select(
                TakenDownContribution.content_hash,
                TakenDownContribution.conversation_id,
                TakedownRecord.requested_by,
            )
            .join(TakedownRecord, TakedownRecord.takedown_id == TakenDownContribution.takedown_id)
            .where(TakenDownContribution.takedown_id > after)
        )
        with self._database.read() as connection:
            for each in (query, *map(_without_id, _asked_again(after))):
                found = connection.execution_options(yield_per=_ROWS_IN_MEMORY).execute(each)
                for part in found.partitions():
                    yield from map(KnownBy._make, part)

    def widened(self) -> set[str]:
        """Return the contributions that somebody else had taken down after their owner had.

        They are refused from everybody since.
        """
        with self._database.read() as connection:
            return {
                row.contribution_id
                for query in _asked_again(after=0)
                for row in connection.execute(query)
                if withdrawn_by(row.requested_by) is None
            }

    def withdrawn_alone(self, contribution_ids: Collection[str]) -> set[str]:
        """Return those of some contributions that their owners alone have had taken down."""
        query = (
            select(TakenDownContribution.contribution_id, TakedownRecord.requested_by)
            .join(TakedownRecord, TakedownRecord.takedown_id == TakenDownContribution.takedown_id)
            .where(TakenDownContribution.contribution_id.in_(bindparam("ids", expanding=True)))
        )
        with self._database.read() as connection:
            by_owners = {
                row.contribution_id
                for some in in_parts(sorted(set(contribution_ids)))
                for row in connection.execute(query, {"ids": some})
                if withdrawn_by(row.requested_by) is not None
            }
        return by_owners - self.widened() if by_owners else by_owners

    def _ids(self, query: Select[Any]) -> pa.Array:
        with self._database.read() as connection:
            # Sorted here, since databases order text in ways of their own.
            return pa.array(connection.scalars(query).all(), NO_IDS.type).sort()


def rows_of(connection: Connection, contribution_ids: Collection[str]) -> list[TakenDown]:
    """Return what stays of those of some contributions that were taken down, in any order."""
    query = select(TakenDownContribution.__table__).where(
        TakenDownContribution.contribution_id.in_(bindparam("ids", expanding=True))
    )
    return [
        _taken_down(row)
        for some in in_parts(sorted(set(contribution_ids)))
        for row in connection.execute(query, {"ids": some})
    ]


def unfinished_rows() -> Select[Any]:
    """Return the query for what stays of the contributions that aren't erased yet."""
    return (
        select(TakenDownContribution.__table__)
        .join(TakedownRecord, TakedownRecord.takedown_id == TakenDownContribution.takedown_id)
        .where(UNFINISHED)
    )


def _taken_down(row: Row[Any]) -> TakenDown:
    return TakenDown(
        contribution_id=row.contribution_id,
        conversation_id=row.conversation_id,
        content_hash=row.content_hash,
        sequence_number=row.sequence_number,
    )


def _without_id(query: Select[str, str, str, str]) -> Select[Any]:
    return query.with_only_columns(*list(query.selected_columns)[1:])


def _asked_again(after: int) -> Iterator[Select[str, str, str, str]]:
    """Yield the queries for what newer takedowns ask for that an earlier one has taken down.

    Its rows stay with the earlier one; who asks decides from whom it is refused since.

    Args:
        after: Only takedowns with a higher id than this.
    """
    first, again = aliased(TakedownRecord), aliased(TakedownRecord)
    row = TakenDownContribution
    for kind, names_it in (
        ("contribution", row.contribution_id == again.identifier),
        ("conversation", row.conversation_id == again.identifier),
        ("contributor", (first.kind == again.kind) & (first.identifier == again.identifier)),
    ):
        yield (
            select(row.contribution_id, row.content_hash, row.conversation_id, again.requested_by)
            .join(first, first.takedown_id == row.takedown_id)
            .join(again, names_it & (again.takedown_id > row.takedown_id))
            .where(again.kind == kind, again.takedown_id > after)
        )
