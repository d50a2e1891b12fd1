"""The status of each release: building, published, failed or removed.

The name of a release that was once published stays here for ever, so that it always means the same
rows.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any, Final, cast
from uuid import uuid4

from sqlalchemy import Connection, RowMapping, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from app.releases.errors import ReleaseNameTaken, ReleaseOvertaken
from app.releases.recipe import RELEASE_NAMES, Recipe
from app.releases.status import ProgressReporter, State, Status, Step
from app.state.db import Database, insert_missing
from app.state.models import ReleaseRecord
from catalog.errors import LakeError

HEARTBEAT_S: Final = 5.0
LOST_AFTER: Final = timedelta(seconds=60)
"""A build without a heartbeat for this long was killed, or its machine was."""

_LOST: Final = "the build ended without a word, as when it is killed"
_UNTOLD: Final = "the build failed; the log of the process that built it says why"


class Build:
    """A running build, which reports its progress to the registry and to a reporter.

    Attributes:
        name: Name of the release.
        build_id: Id of this build; another build of the same name has another.
    """

    def __init__(
        self, registry: "Registry", name: str, build_id: str, reporter: ProgressReporter | None
    ) -> None:
        self.name = name
        self.build_id = build_id
        self._registry = registry
        self._reporter = reporter
        self._progress: dict[str, Any] = {"step": "wait", "rows_done": 0, "rows_total": None}

    def step(self, step: Step, total: int | None) -> None:
        """Begin a step.

        Args:
            step: The step.
            total: Number of rows that it handles; None when that isn't known.

        Raises:
            ReleaseOvertaken: Another build has taken over.
        """
        self._progress = {"step": step, "rows_done": 0, "rows_total": total}
        if self._reporter:
            self._reporter.step(step, total)
        self.save()

    def begin_publishing(self, sequence_number: int) -> None:
        """Begin the last step: from now on, the name of the release stands for its snapshot.

        Args:
            sequence_number: Sequence number of the snapshot.

        Raises:
            ReleaseOvertaken: Another build has taken over.
        """
        self.step("publish", None)
        self._registry.update(self, sequence_number=sequence_number)

    def advance(self, rows: int) -> None:
        """Count more rows as handled; the next heartbeat saves it."""
        self._progress["rows_done"] += rows
        if self._reporter:
            self._reporter.advance(rows)

    def save(self) -> None:
        """Write the progress to the registry.

        Raises:
            ReleaseOvertaken: Another build has taken over.
        """
        self._registry.update(self, **self._progress)

    def mark_published(self, rows: int, sequence_number: int) -> None:
        """Record that the release is published.

        Args:
            rows: Number of rows of the release.
            sequence_number: Sequence number of its snapshot.

        Raises:
            ReleaseOvertaken: Another build has taken over.
        """
        self._progress = {"step": "done", "rows_done": rows, "rows_total": rows}
        self._registry.update(
            self,
            **self._progress,
            state="published",
            sequence_number=sequence_number,
            ended_at=self._registry.now(),
        )


class Registry:
    """Keeps the status of releases in the relational database.

    Attributes:
        now: Returns the time.
    """

    def __init__(
        self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self.now = clock

    def find(self, name: str) -> Status | None:
        """Return the status of a release; None when the registry doesn't know the name."""
        if not RELEASE_NAMES.allows(name):
            # PostgreSQL would refuse a name with a NUL, which none of its texts can hold.
            return None
        query = select(ReleaseRecord.__table__).where(ReleaseRecord.name == name)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return self._status(row) if row else None

    def names_of(self, *states: State) -> list[str]:
        """Return the names of the releases in some states, in order."""
        query = select(ReleaseRecord.__table__).order_by(ReleaseRecord.name)
        with self._database.read() as connection:
            known = [self._status(row) for row in connection.execute(query).mappings()]
        return [status.name for status in known if status.state in states]

    @contextmanager
    def building(
        self, recipe: Recipe, reporter: ProgressReporter | None = None
    ) -> Iterator[tuple[Build, bool]]:
        """Take the name of a release for the time of a block that builds it.

        The build is recorded as failed when the block raises an error. While the block runs, a
        thread writes heartbeats to the registry.

        Args:
            recipe: The release to build.
            reporter: Receives the progress of the build; None when it isn't reported.

        Yields:
            The build, and whether an earlier build of this name was killed while it published.

        Raises:
            ReleaseNameTaken: Another release or a running build has the name.
        """
        build = Build(self, recipe.name, str(uuid4()), reporter)
        died_publishing = self._begin(build, recipe.stage)
        done = Event()
        thread = Thread(
            target=self._write_heartbeats, args=(build, done), name="release", daemon=True
        )
        thread.start()
        try:
            yield build, died_publishing
        except BaseException as error:
            reason = str(error) if isinstance(error, LakeError) else _UNTOLD
            # The error of the build matters more than one of recording it.
            with suppress(SQLAlchemyError, ReleaseOvertaken):
                self.update(build, state="failed", reason=reason, ended_at=self.now())
            raise
        finally:
            done.set()
            thread.join()

    def update(self, build: Build, **values: Any) -> None:
        """Write values to the record of a build, with a heartbeat.

        Raises:
            ReleaseOvertaken: Another build has taken over.
        """
        is_own = (ReleaseRecord.name == build.name) & (ReleaseRecord.build_id == build.build_id)
        statement = update(ReleaseRecord).where(is_own).values(seen_at=self.now(), **values)
        with self._database.write() as connection:
            if connection.execute(statement).rowcount == 0:
                raise ReleaseOvertaken(build.name)

    def mark_found_published(self, name: str, rows: int, sequence_number: int) -> None:
        """Record that a release is published whose build was killed before it could record that.

        The build counts as ended at its last heartbeat.

        Args:
            name: Name of the release.
            rows: Number of its rows.
            sequence_number: Sequence number of its snapshot.
        """
        is_unfinished = ReleaseRecord.state.in_(("building", "failed"))
        statement = (
            update(ReleaseRecord)
            .where(ReleaseRecord.name == name, is_unfinished)
            .values(
                state="published",
                step="done",
                rows_done=rows,
                rows_total=rows,
                reason=None,
                sequence_number=sequence_number,
                ended_at=func.coalesce(ReleaseRecord.ended_at, ReleaseRecord.seen_at),
            )
        )
        with self._database.write() as connection:
            connection.execute(statement)

    def mark_removed(self, name: str, stage: str) -> None:
        """Record that a release is removed; its name stays taken."""
        now = self.now()
        values = {"state": "removed", "ended_at": now, "seen_at": now, "build_id": str(uuid4())}
        with self._database.write() as connection:
            statement = update(ReleaseRecord).where(ReleaseRecord.name == name).values(**values)
            if connection.execute(statement).rowcount == 0:
                _insert(connection, {**_new_record(name, stage, now), **values})

    def _begin(self, build: Build, stage: str) -> bool:
        """Record a new build; return whether an earlier one was killed while it published."""
        now = self.now()
        with self._database.write() as connection:
            query = select(ReleaseRecord.__table__).where(ReleaseRecord.name == build.name)
            row = connection.execute(query.with_for_update()).mappings().first()
            values = {**_new_record(build.name, stage, now), "build_id": build.build_id}
            if row is None:
                if not _insert(connection, values):
                    raise ReleaseNameTaken(build.name)
                return False
            if self._status(row).state != "failed":
                raise ReleaseNameTaken(build.name)
            connection.execute(
                update(ReleaseRecord).where(ReleaseRecord.name == build.name).values(**values)
            )
            return bool(row["state"] == "building" and row["step"] == "publish")

    def _status(self, row: RowMapping) -> Status:
        is_lost = row["state"] == "building" and self.now() - row["seen_at"] > LOST_AFTER
        return Status(
            name=row["name"],
            stage=row["stage"],
            state=cast("State", "failed" if is_lost else row["state"]),
            step=cast("Step", row["step"]),
            rows_done=row["rows_done"],
            rows_total=row["rows_total"],
            reason=_LOST if is_lost else row["reason"],
            sequence_number=row["sequence_number"],
            started_at=row["started_at"],
            updated_at=row["seen_at"],
            ended_at=row["seen_at"] if is_lost else row["ended_at"],
        )

    @staticmethod
    def _write_heartbeats(build: Build, done: Event) -> None:
        while not done.wait(HEARTBEAT_S):
            # The next heartbeat will do; a build that was overtaken finds out when it updates.
            with suppress(SQLAlchemyError, ReleaseOvertaken):
                build.save()


def _new_record(name: str, stage: str, now: datetime) -> dict[str, Any]:
    return {
        "name": name,
        "build_id": "",
        "stage": stage,
        "state": "building",
        "step": "wait",
        "rows_done": 0,
        "rows_total": None,
        "reason": None,
        "sequence_number": None,
        "started_at": now,
        "seen_at": now,
        "ended_at": None,
    }


def _insert(connection: Connection, values: dict[str, Any]) -> bool:
    """Insert a record; return False when there is one of this name."""
    inserted = connection.execute(insert_missing(connection, ReleaseRecord), values).rowcount
    return bool(inserted)
