"""Refusing what may not come (back): what was taken down, and what a banned contributor sends.

What a moderator or the operator took down is refused from everybody: a submission of its
conversation, and one with its content. What its owner withdrew is refused from its owner. Others
may send the same content: otherwise anybody could keep a text out of the lake by sending a copy of
it and withdrawing that.

Each process keeps what it has to know in memory, and reads what is new of it when it is needed and
older than `MAX_AGE_S`. What was accepted in that time is dropped by the committer, which asks the
database before each commit.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.access.refreshed import MAX_AGE_S, Refreshed
from app.access.takedowns.contributions import KnownBy, TakenDownContributions
from app.access.takedowns.records import withdrawn_by
from app.ingest.errors import ContributorBanned, TakenDownBefore
from app.ingest.text_set import TextSet, hashes_of
from catalog.errors import LakeError
from catalog.records import Contribution

Banned = Callable[[], Container[str]]
"""Returns the contributor_ids of those who are banned now."""


def nobody() -> Container[str]:
    """Return the contributor_ids of a lake that bans nobody."""
    return ()


@dataclass(frozen=True, slots=True)
class Refused:
    """What is refused at a moment.

    Attributes:
        banned: The contributor_ids of those who are banned.
        taken_down: What a contribution that was taken down is known by: its conversation_id, and
            its content hash. If its owner withdrew it, that is the `_own_content` in place of the
            content hash.
    """

    banned: Container[str] = ()
    taken_down: TextSet = field(default_factory=TextSet)

    def reason(self, contribution: Contribution) -> LakeError | None:
        """Return why a contribution is refused; None if it isn't."""
        if contribution.contributor_id in self.banned:
            return ContributorBanned()
        if self.taken_down and (
            # Only its owner can make the conversation_id of what was withdrawn.
            contribution.conversation_id in self.taken_down
            or self.refuses_content(contribution.contributor_id, contribution.content_hash)
        ):
            return TakenDownBefore()
        return None

    def refuses_content(self, contributor_id: str | None, content_hash: str) -> bool:
        """Tell whether a content is refused from everybody, or from its contributor.

        Args:
            contributor_id: The contributor; None for an anonymous one, who can't withdraw anything.
            content_hash: The hash of the content.
        """
        return content_hash in self.taken_down or (
            contributor_id is not None
            and _own_content(contributor_id, content_hash) in self.taken_down
        )

    def reasons(self, rows: pa.Table) -> dict[int, LakeError]:
        """Return why rows are refused, by their positions.

        Args:
            rows: Contributions with these columns of the raw table: `contributor_id`,
                `content_hash` and `conversation_id`.
        """
        found: dict[int, LakeError] = {}
        if self.taken_down:
            are_taken_down = self._among_taken_down(rows)
            found.update((place, TakenDownBefore()) for place in _places(are_taken_down))
        contributors = rows["contributor_id"].combine_chunks().dictionary_encode()
        are_banned = [each in self.banned for each in contributors.dictionary.to_pylist()]
        if any(are_banned):
            by_row = pa.array(are_banned, pa.bool_()).take(contributors.indices).fill_null(False)
            found.update((place, ContributorBanned()) for place in _places(by_row))
        return found

    def _among_taken_down(self, rows: pa.Table) -> NDArray[np.bool_]:
        columns = ("contributor_id", "content_hash", "conversation_id")
        contributors, contents, conversations = (rows[name].to_pylist() for name in columns)
        found = self.taken_down.are_in(contents) | self.taken_down.are_in(conversations)
        # Without a contributor it is the content hash alone, which was looked for.
        own = (
            _own_content(each or "", of) for each, of in zip(contributors, contents, strict=True)
        )
        return found | self.taken_down.are_in(own)


def _own_content(contributor_id: str, content_hash: str) -> str:
    """Return a text that stands for a content of a contributor.

    It is longer than every content hash and conversation_id. All content hashes have one length, so
    no two pairs are one text.
    """
    return contributor_id + content_hash


def _texts_of(known: KnownBy) -> tuple[str, str]:
    """Return the texts by which a contribution that was taken down is known."""
    owner = withdrawn_by(known.requested_by)
    content = known.content_hash if owner is None else _own_content(owner, known.content_hash)
    return known.conversation_id, content


_NOTHING: Final = Refused()


def refuse_nothing() -> Refused:
    """Return what is refused by a part of the service that refuses nothing."""
    return _NOTHING


class Refusals:
    """Tells what is refused, to all ways in."""

    def __init__(self, taken_down: TakenDownContributions, banned: Banned = nobody) -> None:
        """Refuse what was taken down, and those who are banned.

        Args:
            taken_down: What was taken down in the lake.
            banned: Asked for each group of submissions and each chunk of lines, so it has to answer
                from memory.
        """
        self._contributions = taken_down
        self._banned = banned
        self._known_id = 0
        self._known = TextSet()
        self._taken_down = Refreshed(self._read)

    def current(self, max_age_s: float = MAX_AGE_S) -> Refused:
        """Return what is refused, as of at most `max_age_s` seconds ago, and who is banned.

        Raises:
            SQLAlchemyError: The database can't be read.
        """
        return Refused(self._banned(), self._taken_down.get(max_age_s))

    def _read(self) -> TextSet:
        newest_id = self._contributions.newest_takedown_id()
        if newest_id > self._known_id:
            known = self._contributions.known_by(after=self._known_id)
            new = hashes_of(chain.from_iterable(map(_texts_of, known)))
            self._known = self._known.with_more(new)
            self._known_id = newest_id
        return self._known


def _places(are_refused: NDArray[np.bool_] | pa.Array) -> list[int]:
    places: list[int] = np.flatnonzero(are_refused).tolist()
    return places
