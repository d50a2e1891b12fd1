"""Taking down: finding and recording what is to go, and erasing it, step by step."""

import logging
from collections.abc import Sequence
from functools import partial
from threading import Event
from time import monotonic
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from app.access.takedowns.contributions import TakenDownContributions
from app.access.takedowns.records import Takedown, TakedownKind, withdrawn_by
from app.access.takedowns.register import Takedowns
from app.state.db import Database
from app.takedown.errors import NothingToTakeDown, TakedownStopped
from app.takedown.finding import Finder, FoundByName
from app.takedown.steps import OnIds, Step
from app.takedown.waiting import Waiting
from app.telemetry import metrics
from catalog.reading.membership import NO_IDS

LOCK: Final = "takedown"
"""Name of the lock of the process that erases."""

log = logging.getLogger(__name__)


class TakedownService:
    """Takes down contributions: at once for readers, and soon from every file."""

    def __init__(
        self,
        database: Database,
        takedowns: Takedowns,
        taken_down: TakenDownContributions,
        finder: Finder,
        steps: Sequence[Step],
        hold_back: Sequence[OnIds],
        waiting: Waiting,
    ) -> None:
        """Prepare to take down.

        Args:
            database: Has the lock of the process that erases.
            takedowns: The register of takedowns.
            taken_down: What was taken down.
            finder: Finds contributions.
            steps: The steps of erasing, in their order.
            hold_back: Called right after contributions are recorded, so that nothing gives them
                out until they are erased.
            waiting: Waits on behalf of the steps.
        """
        self._database = database
        self._takedowns = takedowns
        self._taken_down = taken_down
        self._finder = finder
        self._steps = steps
        self._hold_back = hold_back
        self._waiting = waiting

    def request(
        self,
        kind: TakedownKind,
        identifiers: Sequence[str],
        *,
        reason: str | None,
        requested_by: str,
    ) -> list[Takedown]:
        """Record what is to be taken down. Readers don't see it from then on.

        What was asked for before, and has nothing new, isn't recorded again.

        Args:
            kind: What the identifiers name.
            identifiers: contribution_ids, conversation_ids or contributor_ids.
            reason: Why, in the words of who asks; None to give no reason.
            requested_by: Who asks, such as the name of an API key.

        Returns:
            The takedown of each identifier, in their order.

        Raises:
            NothingToTakeDown: The lake has nothing of some of them; nothing is recorded.
            CommitConflict: Other processes kept recording versions at the same time.
        """
        names = list(dict.fromkeys(identifiers))
        found = self._finder.find(kind, names)
        known = self._earlier(kind, names, found)
        unknown = [name for name in names if name not in found and name not in known]
        if unknown:
            raise NothingToTakeDown(kind, unknown)
        earlier = {
            name: takedown
            for name, takedown in known.items()
            # What an owner withdrew is refused from that owner, until somebody else asks as well.
            if withdrawn_by(takedown.requested_by) is None or withdrawn_by(requested_by)
        }
        new = {name: found.get(name, []) for name in names if name not in earlier}
        recorded = self._takedowns.record_all(kind, new, reason=reason, requested_by=requested_by)
        ids = {row.contribution_id for rows in new.values() for row in rows}
        if ids:
            self._hold_all_back(pa.array(sorted(ids), NO_IDS.type))
        takedowns = {**earlier, **dict(zip(new, recorded, strict=True))}
        return [takedowns[name] for name in names]

    def run(self, stop: Event | None = None) -> list[Takedown]:
        """Erase everything that isn't erased yet, after waiting for another process that does.

        When this is cut off, the next call does what is left.

        Args:
            stop: Ends the waits within the steps once it is set; None to wait however long.

        Returns:
            The takedowns that are erased now.

        Raises:
            TakedownStopped: `stop` was set; what is left is erased by the next call.
        """
        self._waiting.stop = stop or Event()
        with self._waiting.holding(self._database.lock(LOCK)):
            takedowns = self._takedowns.unfinished()
            metrics.takedowns_are(len(takedowns))
            if not takedowns:
                return []
            started = monotonic()
            newest_id = self._taken_down.newest_takedown_id()
            # Read after the takedowns, so that these have no other ids. Further ids do no harm.
            ids = self._taken_down.unfinished_ids()
            later = _LaterTakedowns(self._taken_down, ids, newest_id)
            self._waiting.meanwhile = partial(self._take_awaited_steps, later)
            log.info("erasing %d contributions of %d takedowns", len(ids), len(takedowns))
            self._take_all(ids)
            self._takedowns.finish(takedowns)
            metrics.takedowns_are(len(self._takedowns.unfinished()))
            metrics.erased(len(ids), monotonic() - started)
            log.info(
                "erased %d contributions of %d takedowns, %.3f s",
                *(len(ids), len(takedowns), monotonic() - started),
            )
        return [self._takedowns.find(each.takedown_id) or each for each in takedowns]

    def _earlier(
        self, kind: TakedownKind, names: Sequence[str], found: FoundByName
    ) -> dict[str, Takedown]:
        """Return the takedowns that were asked for before, of names with nothing new since."""
        named = self._taken_down.among(
            {row.contribution_id for rows in found.values() for row in rows}
        )
        old = [
            name
            for name in names
            if all(row.contribution_id in named for row in found.get(name, []))
        ]
        takedowns = ((name, self._takedowns.of(kind, name)) for name in old)
        return {name: takedown for name, takedown in takedowns if takedown}

    def _hold_all_back(self, ids: pa.Array) -> None:
        for hold_back in self._hold_back:
            hold_back(ids)

    def _take_all(self, ids: pa.Array) -> None:
        """Take all steps, also after one that failed, unless later ones need it.

        A bucket of releases that is away, or a broken map, keeps nothing in the tables' files.

        Raises:
            Exception: What the first step raised that failed.
        """
        failed: Exception | None = None
        # Again, since the process that recorded them may have been killed before it came to it.
        hold_back = [Step("holding back", each) for each in self._hold_back]
        for step in (*hold_back, *self._steps):
            error = self._attempt(step, ids)
            failed = failed or error
        if failed is not None:
            raise failed

    def _take_awaited_steps(self, later: "_LaterTakedowns") -> None:
        """Take the steps that readers wait for, for what came since the others were begun.

        All steps are taken for it in the next run. Releases would be held back until then.
        """
        ids = later.new_ids()
        if not len(ids):
            return
        hold_back = [Step("holding back", each) for each in self._hold_back]
        for step in (*hold_back, *(each for each in self._steps if each.is_waited_for)):
            self._attempt(step, ids)

    def _attempt(self, step: Step, ids: pa.Array) -> Exception | None:
        """Take a step, and return the error by which it failed, unless later ones need it."""
        try:
            self._take(step, ids)
        except TakedownStopped:
            raise
        except Exception as error:
            if step.is_needed:
                raise
            log.warning("takedown: %s failed: %s", step.name, type(error).__name__)
            return error
        return None

    @staticmethod
    def _take(step: Step, ids: pa.Array) -> None:
        started = monotonic()
        step.erase(ids)
        log.info("takedown: %s, %.3f s", step.name, monotonic() - started)


class _LaterTakedowns:
    """The contributions that are taken down while others are being erased."""

    def __init__(self, taken_down: TakenDownContributions, known: pa.Array, newest_id: int) -> None:
        """Know what is being erased.

        Args:
            taken_down: What was taken down.
            known: The contribution_ids that are being erased.
            newest_id: The highest id of their takedowns.
        """
        self._taken_down = taken_down
        self._known = known
        self._newest_id = newest_id

    def new_ids(self) -> pa.Array:
        """Return the contribution_ids that are new since the last call, ascending."""
        newest_id = self._taken_down.newest_takedown_id()
        if newest_id == self._newest_id:
            return NO_IDS
        ids = self._taken_down.unfinished_ids()
        fresh = ids.filter(pc.invert(pc.is_in(ids, self._known)))
        self._known, self._newest_id = ids, newest_id
        return fresh
