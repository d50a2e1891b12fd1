"""Erasing from the journal: what is pending is committed first, and then erased like all else.

So a claim or an upload loses nothing, and there is one way only in which rows leave the lake. The
committer gives a payload up once the ledger has its contributions.
"""

from time import monotonic
from typing import Final

import pyarrow as pa
from sqlalchemy import delete, select

from app.access.refreshed import MAX_AGE_S
from app.access.takedowns.contributions import TakenDownContributions
from app.ingest.journal.pending import ENTRY_ID, Pending
from app.state.db import Database
from app.state.models import IdempotencyKey, TakenDownContribution
from app.state.parts import in_parts
from app.takedown.finding import Finder
from app.takedown.waiting import POLL_S, Waiting
from app.versions.keys import CONTENT_HASH
from catalog.schema import ID

_KEYS_PER_STEP: Final = 200
"""Keys that a transaction removes: submissions wait for as many pages to be written."""


class JournalErasure:
    """Sees to it that the journal holds no contribution, and nothing that answers for one."""

    def __init__(
        self,
        database: Database,
        taken_down: TakenDownContributions,
        pending: Pending,
        finder: Finder,
        waiting: Waiting,
    ) -> None:
        """Prepare to erase.

        Args:
            database: The database of the journal.
            taken_down: Knows which contributions weren't committed when they were named.
            pending: Tells what the journal holds. A committer has to run.
            finder: Finds the commits of contributions.
            waiting: Waits for the committer.
        """
        self._database = database
        self._taken_down = taken_down
        self._pending = pending
        self._finder = finder
        self._waiting = waiting
        self._began = monotonic()

    def erase(self, ids: pa.Array) -> None:
        """Wait until the journal holds none of the contributions, and record their commits.

        Raises:
            TakedownStopped: The process is to end.
        """
        self._began = monotonic()
        if self._taken_down.pending_ids():
            rows = self._pending.matching(ID, ids.to_pylist())
            entry_ids = set(rows[ENTRY_ID].to_pylist())
            while entry_ids := self._pending.hurry(entry_ids):
                self._waiting.wait(POLL_S)
            found = self._finder.sequence_numbers(self._taken_down.pending_ids())
            self._taken_down.commits_are(found)
        self._forget_keys()

    def erase_late(self, ids: pa.Array) -> None:
        """Wait until the journal holds nothing that was accepted after it was taken down.

        A process learns what is refused within `MAX_AGE_S`, and accepts it until then. The commit
        drops it, and the journal gives its payload up.

        Raises:
            TakedownStopped: The process is to end.
        """
        self._waiting.wait(self._began + MAX_AGE_S - monotonic())
        hashes: set[str] = set()
        with self._database.read() as connection:
            for some in in_parts(ids.to_pylist()):
                query = select(TakenDownContribution.content_hash)
                among = TakenDownContribution.contribution_id.in_(some)
                hashes.update(connection.scalars(query.where(among)))
        again = self._pending.matching(CONTENT_HASH, sorted(hashes))
        entry_ids = set(again[ENTRY_ID].to_pylist())
        while entry_ids := self._pending.hurry(entry_ids):
            self._waiting.wait(POLL_S)

    def _forget_keys(self) -> None:
        """Forget the idempotency keys: no repetition is to be answered as if it were stored."""
        query = select(IdempotencyKey.key).where(
            IdempotencyKey.contribution_id.in_(select(TakenDownContribution.contribution_id))
        )
        with self._database.read() as connection:
            keys = connection.scalars(query).all()
        for some in in_parts(keys, _KEYS_PER_STEP):
            with self._database.write() as connection:
                connection.execute(delete(IdempotencyKey).where(IdempotencyKey.key.in_(some)))
