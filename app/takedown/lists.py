"""Lists of takedowns outside of a lake: written beside its backups, and applied after a restore.

A line is a JSON object with a `contribution_id`, and with what stays of the contribution if it is
known: `conversation_id`, `content_hash` and `taken_down_at`; and with `withdrawn_by`, the
contributor_id of the owner who withdrew it, if nobody else had it taken down as well. Without that,
its content is refused from everybody. Pages of `GET /v1/takedowns`, which have ids and times alone,
are read too.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select

from app.access.takedowns.contributions import TakenDownContributions
from app.access.takedowns.records import TakenDown, requester, withdrawn_by
from app.access.takedowns.register import Takedowns
from app.state.db import Database
from app.state.models import TakedownRecord, TakenDownContribution
from app.takedown.finding import Finder
from app.takedown.service import TakedownService
from catalog.errors import Invalid

_AT_ONCE: Final = 1_000
_REASON: Final = "taken down before the lake was restored"


class ListMalformed(Invalid):
    """A line isn't an entry of a list of takedowns.

    Attributes:
        line: Number of the line, from 1.
    """

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line} of the list of takedowns: {problem}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a list.

    Attributes:
        known: Entries that the lake had as taken down before.
        taken_down: Contributions that the lake held, and that are taken down now.
        recorded: Entries that the lake doesn't hold, and that are refused from now on.
        unrecorded: Entries that the lake doesn't hold, and of which the list has only the id.
    """

    known: int
    taken_down: int
    recorded: int
    unrecorded: int


class _Entry(msgspec.Struct):
    contribution_id: UUID
    conversation_id: str | None = None
    content_hash: str | None = None
    withdrawn_by: str | None = None


class _Page(msgspec.Struct):
    taken_down: list[_Entry]


class TakedownLists:
    """Writes and applies lists."""

    def __init__(
        self,
        database: Database,
        takedowns: Takedowns,
        taken_down: TakenDownContributions,
        finder: Finder,
        service: TakedownService,
    ) -> None:
        self._database = database
        self._takedowns = takedowns
        self._taken_down = taken_down
        self._finder = finder
        self._service = service

    def lines(self) -> Iterator[str]:
        """Yield all takedowns as lines, in the order in which they were recorded."""
        position = TakenDownContribution.takedown_id, TakenDownContribution.contribution_id
        query = (
            select(
                TakenDownContribution.contribution_id,
                TakenDownContribution.conversation_id,
                TakenDownContribution.content_hash,
                TakedownRecord.requested_at.label("taken_down_at"),
                TakedownRecord.requested_by,
            )
            .join(TakedownRecord, TakedownRecord.takedown_id == TakenDownContribution.takedown_id)
            .order_by(*position)
        )
        widened = self._taken_down.widened()
        with self._database.read() as connection:
            rows = connection.execution_options(yield_per=_AT_ONCE).execute(query).mappings()
            for row in rows:
                entry = dict(row)
                owner = withdrawn_by(entry.pop("requested_by"))
                if row["contribution_id"] in widened:
                    owner = None
                yield json.dumps(entry | ({"withdrawn_by": owner} if owner else {}), default=str)

    def apply(self, lines: Iterable[str], requested_by: str) -> Applied:
        """Take down what a list names, as far as it isn't taken down yet.

        Args:
            lines: The lines of the list.
            requested_by: Who applies it.

        Raises:
            ListMalformed: A line isn't an entry; what was before it has been applied.
        """
        counts = dict.fromkeys(("known", "taken_down", "recorded", "unrecorded"), 0)
        entries = _read(lines)
        while some := list(islice(entries, _AT_ONCE)):
            for name, count in self._apply_some(some, requested_by).items():
                counts[name] += count
        return Applied(**counts)

    def _apply_some(self, entries: Sequence[_Entry], requested_by: str) -> Counter[str]:
        by_id = {str(entry.contribution_id): entry for entry in entries}
        known = self._taken_down.among(by_id)
        self._widen([by_id[each] for each in sorted(known)], requested_by)
        by_owner: dict[str | None, list[str]] = {}
        for each, entry in by_id.items():
            if each not in known:
                by_owner.setdefault(entry.withdrawn_by, []).append(each)
        counts = Counter(known=len(known))
        for owner, new in by_owner.items():
            asks = requested_by if owner is None else requester(owner)
            counts += self._take_down([by_id[each] for each in new], asks)
        return counts

    def _widen(self, entries: Sequence[_Entry], requested_by: str) -> None:
        """Refuse from everybody what the lake refuses from its owner, and the list from everybody.

        Pages of the feed don't tell, so they change nothing.
        """
        from_all = [
            str(entry.contribution_id)
            for entry in entries
            if entry.withdrawn_by is None and entry.content_hash is not None
        ]
        alone = self._taken_down.withdrawn_alone(from_all)
        if alone:
            self._service.request(
                "contribution", sorted(alone), reason=_REASON, requested_by=requested_by
            )

    def _take_down(self, entries: Sequence[_Entry], requested_by: str) -> Counter[str]:
        """Take down again what somebody asked for, and return what became of how many entries."""
        by_id = {str(entry.contribution_id): entry for entry in entries}
        found = self._finder.find("contribution", list(by_id))
        if found:
            self._service.request(
                "contribution", list(found), reason=_REASON, requested_by=requested_by
            )
        absent = [entry for each, entry in by_id.items() if each not in found]
        rows = [row for entry in absent if (row := _taken_down(entry))]
        if rows:
            # One takedown for all of them: there is nothing to erase.
            self._takedowns.record(
                "contribution",
                rows[0].contribution_id,
                rows,
                reason=_REASON,
                requested_by=requested_by,
            )
        return Counter(
            taken_down=len(found), recorded=len(rows), unrecorded=len(absent) - len(rows)
        )


def _read(lines: Iterable[str]) -> Iterator[_Entry]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            content: Any = msgspec.json.decode(line)
            if isinstance(content, dict) and "taken_down" in content:
                yield from msgspec.convert(content, _Page).taken_down
            else:
                yield msgspec.convert(content, _Entry)
        except msgspec.MsgspecError as error:
            raise ListMalformed(number, str(error)) from error


def _taken_down(entry: _Entry) -> TakenDown | None:
    """Return what stays of a contribution; None when the list has only its id."""
    if entry.conversation_id is None or entry.content_hash is None:
        return None
    return TakenDown(str(entry.contribution_id), entry.conversation_id, entry.content_hash, None)
