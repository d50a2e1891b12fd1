"""Takedowns: what was asked to be erased, and what stays of it, in the relational database.

What stays of a contribution is enough to know it again: its id, its conversation_id, its content
hash and the number of its commit. No text is kept. A contribution belongs to the first takedown
that named it. Readers don't see it from the moment at which the takedown is recorded; once it is
erased, there is nothing left to hide.

The ids of takedowns become visible in ascending order, so whoever has read up to an id finds
everything new above it.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple, get_args

import pyarrow as pa
from sqlalchemy import (
    Connection,
    Row,
    Select,
    bindparam,
    func,
    insert,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.orm import aliased

from app.access.errors import TakenDownForGood
from app.access.hidden import HiddenContributions
from app.state import ledger
from app.state.db import Database
from app.state.models import TakedownRecord, TakenDownContribution
from app.state.parts import in_parts
from catalog.membership import NO_IDS

TakedownKind = Literal["contribution", "conversation", "contributor"]
"""Whether a contribution, all versions of a conversation, or all of a contributor is taken down."""
TAKEDOWN_KINDS: Final[tuple[TakedownKind, ...]] = get_args(TakedownKind)

_CONTRIBUTOR: Final = "contributor:"
"""How names of requesters begin who are contributors; no API key or user has such a name."""

LATE_AFTER: Final = timedelta(seconds=60)
"""Age from which an unfinished takedown ends what keeps it waiting, such as a build of stages."""
_VERSION_SCHEMA: Final = pa.schema(
    {
        "contribution_id": pa.large_string(),
        "conversation_id": pa.large_string(),
        "content_hash": pa.large_string(),
        "sequence_number": pa.int64(),
    }
)
_ROWS_IN_MEMORY: Final = 10_000
_COLUMNS: Final[Sequence[Any]] = (
    TakedownRecord.takedown_id,
    TakedownRecord.kind,
    TakedownRecord.identifier,
    TakedownRecord.reason,
    TakedownRecord.requested_by,
    TakedownRecord.requested_at,
    TakedownRecord.erased_at,
)
_UNFINISHED: Final = TakedownRecord.erased_at.is_(None)


@dataclass(frozen=True, slots=True)
class TakenDown:
    """What stays of a contribution that was taken down.

    Attributes:
        contribution_id: The contribution.
        conversation_id: The conversation of which it is a version.
        content_hash: SHA-256 of its canonical content, in hexadecimal digits.
        sequence_number: Number of the commit that added it; None while it isn't committed.
    """

    contribution_id: str
    conversation_id: str
    content_hash: str
    sequence_number: int | None


@dataclass(frozen=True, slots=True)
class Takedown:
    """What was asked to be taken down.

    Attributes:
        takedown_id: The id, which only grows.
        kind: What the identifier names.
        identifier: A contribution_id, conversation_id or contributor_id.
        reason: Why, in the words of who asked; None when they gave no reason.
        requested_by: Who asked, such as the name of an API key.
        requested_at: When it was recorded and hidden.
        erased_at: When no file held it any more; None while it is being erased.
    """

    takedown_id: int
    kind: TakedownKind
    identifier: str
    reason: str | None
    requested_by: str
    requested_at: datetime
    erased_at: datetime | None


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


@dataclass(frozen=True, slots=True)
class TakenDownId:
    """An entry of the public feed.

    Attributes:
        takedown_id: The takedown to which the contribution belongs.
        contribution_id: The contribution.
        taken_down_at: When it was hidden.
    """

    takedown_id: int
    contribution_id: str
    taken_down_at: datetime


def requester(contributor_id: str) -> str:
    """Return what records of takedowns call a contributor who asked."""
    return f"{_CONTRIBUTOR}{contributor_id}"


def withdrawn_by(requested_by: str) -> str | None:
    """Return the contributor_id of the owner who asked for a takedown; None if somebody else did.

    Args:
        requested_by: Who asked, as records of takedowns call them.
    """
    owner = requested_by.removeprefix(_CONTRIBUTOR)
    return None if owner == requested_by else owner


class Takedowns:
    """The takedowns of a lake."""

    def __init__(
        self,
        database: Database,
        hidden: HiddenContributions,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._hidden = hidden
        self._clock = clock

    def record(
        self,
        kind: TakedownKind,
        identifier: str,
        rows: Iterable[TakenDown],
        *,
        reason: str | None,
        requested_by: str,
    ) -> Takedown:
        """Record a takedown and hide its contributions, in one transaction.

        Args:
            kind: What the identifier names.
            identifier: A contribution_id, conversation_id or contributor_id.
            rows: The contributions. Those that an earlier takedown names stay with that one.
            reason: Why, in the words of who asked; None to give no reason.
            requested_by: Who asks.
        """
        named = {identifier: rows}
        (takedown,) = self.record_all(kind, named, reason=reason, requested_by=requested_by)
        return takedown

    def record_all(
        self,
        kind: TakedownKind,
        named: Mapping[str, Iterable[TakenDown]],
        *,
        reason: str | None,
        requested_by: str,
    ) -> list[Takedown]:
        """Record a takedown for each of some identifiers, as `record` does, all of them or none.

        Args:
            kind: What the identifiers name.
            named: The contributions of each identifier.
            reason: Why, in the words of who asked; None to give no reason.
            requested_by: Who asks.
        """
        values: dict[str, Any] = {
            "kind": kind,
            "reason": reason,
            "requested_by": requested_by,
            "requested_at": self._clock(),
            "erased_at": None,
        }
        given = {name: {row.contribution_id: row for row in rows} for name, rows in named.items()}
        takedowns: list[Takedown] = []
        hidden: list[str] = []
        with self._database.write() as connection:
            _lock(connection)
            known = {
                row.contribution_id
                for row in _rows_of(connection, {each for rows in given.values() for each in rows})
            }
            for identifier, rows in given.items():
                added = insert(TakedownRecord).values(identifier=identifier, **values)
                takedown_id = connection.execute(
                    added.returning(TakedownRecord.takedown_id)
                ).scalar_one()
                takedowns.append(Takedown(takedown_id=takedown_id, identifier=identifier, **values))
                first_named = [row for each, row in rows.items() if each not in known]
                if first_named:
                    connection.execute(
                        insert(TakenDownContribution),
                        [asdict(row) | {"takedown_id": takedown_id} for row in first_named],
                    )
                hidden += [row.contribution_id for row in first_named]
                known.update(rows)
            self._hidden.hide(connection, hidden, "takedown")
        return takedowns

    def find(self, takedown_id: int) -> Takedown | None:
        """Return the takedown with an id; None when there is none."""
        found = self._select(_takedowns().where(TakedownRecord.takedown_id == takedown_id))
        return found[0] if found else None

    def of(self, kind: TakedownKind, identifier: str) -> Takedown | None:
        """Return the newest takedown that was asked for by an identifier; None without one.

        A contribution may also have been taken down with its conversation or its contributor: then
        that takedown is returned.
        """
        found = self._select(
            _takedowns(newest_first=True)
            .where(TakedownRecord.kind == kind, TakedownRecord.identifier == identifier)
            .limit(1)
        )
        if not found and kind == "contribution":
            owner = select(TakenDownContribution.takedown_id).where(
                TakenDownContribution.contribution_id == identifier
            )
            found = self._select(_takedowns().where(TakedownRecord.takedown_id.in_(owner)))
        return found[0] if found else None

    def newest(self, limit: int) -> list[Takedown]:
        """Return the newest takedowns, newest first."""
        return self._select(_takedowns(newest_first=True).limit(limit))

    def requested_by(self, requested_by: str, limit: int) -> list[Takedown]:
        """Return the newest takedowns that somebody asked for, newest first.

        Args:
            requested_by: Who asked, as `requester` and the names of API keys have it.
            limit: Most takedowns to return.
        """
        query = _takedowns(newest_first=True).where(TakedownRecord.requested_by == requested_by)
        return self._select(query.limit(limit))

    def check(self, contribution_id: str) -> None:
        """Return unless a contribution was taken down.

        Raises:
            TakenDownForGood: The contribution was taken down.
        """
        if self.among([contribution_id]):
            raise TakenDownForGood(contribution_id)

    def newest_id(self) -> int:
        """Return the highest id of a takedown; 0 without any. It tells whether there are new ones.

        It takes one query of one row.
        """
        with self._database.read() as connection:
            return connection.scalar(select(func.max(TakedownRecord.takedown_id))) or 0

    def unfinished(self) -> list[Takedown]:
        """Return the takedowns that aren't erased yet, oldest first."""
        return self._select(_takedowns().where(_UNFINISHED))

    def unfinished_ids(self) -> pa.Array:
        """Return the contribution_ids that aren't erased yet, ascending."""
        return self._ids(
            _unfinished_rows().with_only_columns(TakenDownContribution.contribution_id)
        )

    def is_late(self) -> bool:
        """Tell whether a takedown has waited so long that it comes before all other work."""
        query = select(func.min(TakedownRecord.requested_at)).where(_UNFINISHED)
        with self._database.read() as connection:
            oldest = connection.scalar(query)
        return oldest is not None and self._clock() - oldest > LATE_AFTER

    def taken_down_ids(self) -> pa.Array:
        """Return the contribution_ids of everything that was ever taken down, ascending."""
        return self._ids(select(TakenDownContribution.contribution_id))

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
            for each in (query, *_asked_again(after)):
                found = connection.execution_options(yield_per=_ROWS_IN_MEMORY).execute(each)
                for part in found.partitions():
                    yield from map(KnownBy._make, part)

    def rows_of(self, contribution_ids: Collection[str]) -> list[TakenDown]:
        """Return what stays of those of some contributions that were taken down, in any order."""
        with self._database.read() as connection:
            return _rows_of(connection, contribution_ids)

    def among(self, contribution_ids: Collection[str]) -> set[str]:
        """Return those of some contributions that were taken down."""
        return {row.contribution_id for row in self.rows_of(contribution_ids)}

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

    def page(self, after: tuple[int, str] | None, limit: int) -> list[TakenDownId]:
        """Return a part of the public feed, in the order in which contributions were taken down.

        Args:
            after: takedown_id and contribution_id of the last entry that was read; None to begin.
            limit: Most entries to return.
        """
        position = TakenDownContribution.takedown_id, TakenDownContribution.contribution_id
        query = (
            select(*position, TakedownRecord.requested_at)
            .join(TakedownRecord, TakedownRecord.takedown_id == TakenDownContribution.takedown_id)
            .order_by(*position)
            .limit(limit)
        )
        if after is not None:
            query = query.where(tuple_(*position) > tuple_(*after))
        with self._database.read() as connection:
            return [TakenDownId(*row) for row in connection.execute(query)]

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

    def pending_ids(self) -> list[str]:
        """Return the contribution_ids that aren't erased yet and whose commit isn't known."""
        query = _unfinished_rows().where(TakenDownContribution.sequence_number.is_(None))
        with self._database.read() as connection:
            return [row.contribution_id for row in connection.execute(query)]

    def count_off(self, erased_ids: pa.Array) -> None:
        """Take contributions that were erased off the counts in the ledger, each once.

        Args:
            erased_ids: The contribution_ids of whole takedowns.
        """
        erased = set(erased_ids.to_pylist())
        with self._database.write() as connection:
            rows = connection.execute(
                _unfinished_rows().where(TakedownRecord.is_counted.is_(False))
            ).all()
            counted = [row for row in rows if row.contribution_id in erased]
            numbers = Counter(row.sequence_number for row in counted)
            numbers.pop(None, None)
            ledger.subtract(connection, numbers)
            for takedown_id in {row.takedown_id for row in counted}:
                connection.execute(
                    update(TakedownRecord)
                    .where(TakedownRecord.takedown_id == takedown_id)
                    .values(is_counted=True)
                )

    def finish(self, takedowns: Collection[Takedown]) -> None:
        """Record that takedowns are erased: nothing of them is left to hide."""
        now = self._clock()
        for some in in_parts(takedown.takedown_id for takedown in takedowns):
            of_them = TakenDownContribution.takedown_id.in_(some)
            # The database was written anew before: nothing else cleans the pages that become free.
            with self._database.write_erasing() as connection:
                # Takedowns first, as `record_all` does: on PostgreSQL, two transactions that lock
                # them and the list of what is hidden in different orders wait for each other.
                connection.execute(
                    update(TakedownRecord)
                    .where(TakedownRecord.takedown_id.in_(some), _UNFINISHED)
                    .values(erased_at=now)
                )
                ids = connection.scalars(
                    select(TakenDownContribution.contribution_id).where(of_them)
                ).all()
                self._hidden.show(connection, ids, "takedown")
        self._database.checkpoint(kept_bytes=0)

    def _select(self, query: Select[Any]) -> list[Takedown]:
        with self._database.read() as connection:
            return [Takedown(**row) for row in connection.execute(query).mappings()]

    def _ids(self, query: Select[Any]) -> pa.Array:
        with self._database.read() as connection:
            # Sorted here, since databases order text in ways of their own.
            return pa.array(connection.scalars(query).all(), NO_IDS.type).sort()


def _unfinished_rows() -> Select[Any]:
    return (
        select(TakenDownContribution.__table__)
        .join(TakedownRecord, TakedownRecord.takedown_id == TakenDownContribution.takedown_id)
        .where(_UNFINISHED)
    )


def _takedowns(*, newest_first: bool = False) -> Select[Any]:
    number = TakedownRecord.takedown_id
    return select(*_COLUMNS).order_by(number.desc() if newest_first else number)


def _taken_down(row: Row[Any]) -> TakenDown:
    return TakenDown(
        contribution_id=row.contribution_id,
        conversation_id=row.conversation_id,
        content_hash=row.content_hash,
        sequence_number=row.sequence_number,
    )


def _lock(connection: Connection) -> None:
    """Keep other transactions from recording until this one has ended; SQLite does so itself.

    Otherwise a takedown could become visible after one with a higher id.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(text("LOCK TABLE takedowns IN EXCLUSIVE MODE"))


def _asked_again(after: int) -> Iterator[Select[str, str, str]]:
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
            select(row.content_hash, row.conversation_id, again.requested_by)
            .join(first, first.takedown_id == row.takedown_id)
            .join(again, names_it & (again.takedown_id > row.takedown_id))
            .where(again.kind == kind, again.takedown_id > after)
        )


def _rows_of(connection: Connection, contribution_ids: Collection[str]) -> list[TakenDown]:
    query = select(TakenDownContribution.__table__).where(
        TakenDownContribution.contribution_id.in_(bindparam("ids", expanding=True))
    )
    return [
        _taken_down(row)
        for some in in_parts(sorted(set(contribution_ids)))
        for row in connection.execute(query, {"ids": some})
    ]
