"""What became of each release: being built, published, failed, or removed again.

The names that were ever published are kept here, so that a name always means the same rows.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any, Final, Literal, Protocol, cast
from uuid import uuid4

from sqlalchemy import Connection, RowMapping, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from app.releases.errors import ReleaseNameTaken, ReleaseOvertaken
from app.releases.recipe import NAMES, Recipe
from app.state.db import Database, insert_missing
from app.state.models import ReleaseRecord
from catalog.errors import LakeError

State = Literal["building", "published", "failed", "removed"]
Step = Literal["wait", "stage", "rows", "publish", "done"]
"""What a build is at: waiting for another, computing the stage, writing its rows, publishing."""

SEEN_EVERY_S: Final = 5.0
LOST_AFTER: Final = timedelta(seconds=60)
"""A build that has said nothing for so long was killed, or its machine was."""

_LOST: Final = "the build ended without a word, as when it is killed"
_UNTOLD: Final = "the build failed; the log of the process that built it says why"


class Observer(Protocol):
    """Whoever is told how a build gets on."""

    def step(self, step: Step, total: int | None) -> None:
        """A step begins, of so many rows, or of nobody knows how many."""

    def advance(self, rows: int) -> None:
        """So many more rows are done."""


class Nobody:
    """Is told, and does nothing."""

    def step(self, step: Step, total: int | None) -> None:
        """Pass over it."""

    def advance(self, rows: int) -> None:
        """Pass over it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What became of a release.

    Attributes:
        name: Its name.
        stage: What it holds.
        state: Whether it is being built, is published, failed, or was removed.
        step: What its build is or was at.
        rows_done: How many rows of the step are done.
        rows_total: Of how many; None when that isn't known.
        reason: Why it failed; None when it didn't.
        sequence_number: That of its snapshot, once it is published.
        started_at: When its build began; None when it was built before that was kept.
        updated_at: When its build last said something.
        ended_at: When it ended; None while it is built.
    """

    name: str
    stage: str
    state: State
    step: Step
    rows_done: int
    rows_total: int | None
    reason: str | None = None
    sequence_number: int | None = None
    started_at: datetime | None = None
    updated_at: datetime | None = None
    ended_at: datetime | None = None


class Build:
    """A build that is under way: tells the registry and an observer how it gets on."""

    def __init__(self, registry: "Registry", name: str, build_id: str, observer: Observer) -> None:
        self._registry = registry
        self._observer = observer
        self.name = name
        self.build_id = build_id
        self._at: dict[str, Any] = {"step": "wait", "rows_done": 0, "rows_total": None}

    def step(self, step: Step, total: int | None) -> None:
        """Begin a step, of so many rows if that is known.

        Raises:
            ReleaseOvertaken: Another build has taken over.
        """
        self._at = {"step": step, "rows_done": 0, "rows_total": total}
        self._observer.step(step, total)
        self.save()

    def advance(self, rows: int) -> None:
        """Have so many more rows done; it is saved soon."""
        self._at["rows_done"] += rows
        self._observer.advance(rows)

    def save(self) -> None:
        """Say where the build is.

        Raises:
            ReleaseOvertaken: Another build has taken over.
        """
        self._registry.change(self, **self._at)

    def published(self, rows: int, sequence_number: int) -> None:
        """Say that the release can be had, with so many rows.

        Raises:
            ReleaseOvertaken: Another build has taken over.
        """
        self._at = {"step": "done", "rows_done": rows, "rows_total": rows}
        now = self._registry.now()
        self._registry.change(
            self, **self._at, state="published", sequence_number=sequence_number, ended_at=now
        )


class Registry:
    """Keeps what became of releases, in the relational database."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self.now = clock

    def find(self, name: str) -> Status | None:
        """Return what became of a release; None when it isn't known."""
        if not NAMES.allows(name):
            # PostgreSQL refuses to look for some of them: none of its texts holds a NUL.
            return None
        query = select(ReleaseRecord.__table__).where(ReleaseRecord.name == name)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return self._status(row) if row else None

    @contextmanager
    def building(self, recipe: Recipe, observer: Observer) -> Iterator[tuple[Build, bool]]:
        """Take a name, and yield a build of it, and whether an earlier one died at publishing.

        What becomes of the block is what becomes of the build. While it runs, a thread says that it
        does.

        Raises:
            ReleaseNameTaken: The name is that of another release, or of a build that is under way.
        """
        build = Build(self, recipe.name, str(uuid4()), observer)
        died_publishing = self._begin(build, recipe.stage)
        done = Event()
        thread = Thread(target=self._keep_saying, args=(build, done), name="release", daemon=True)
        thread.start()
        try:
            yield build, died_publishing
        except BaseException as error:
            reason = str(error) if isinstance(error, LakeError) else _UNTOLD
            # What failed is told by the exception; that it can't be written down comes second.
            with suppress(SQLAlchemyError, ReleaseOvertaken):
                self.change(build, state="failed", reason=reason, ended_at=self.now())
            raise
        finally:
            done.set()
            thread.join()

    def change(self, build: Build, **values: Any) -> None:
        """Change what is kept of a build.

        Raises:
            ReleaseOvertaken: Another build has taken over.
        """
        ours = (ReleaseRecord.name == build.name) & (ReleaseRecord.build_id == build.build_id)
        statement = update(ReleaseRecord).where(ours).values(seen_at=self.now(), **values)
        with self._database.write() as connection:
            if connection.execute(statement).rowcount == 0:
                raise ReleaseOvertaken(build.name)

    def found_published(self, name: str, rows: int, sequence_number: int) -> None:
        """Say of a build that couldn't say it that its release, of so many rows, can be had.

        It ended when it last said something.
        """
        silent = ReleaseRecord.state.in_(("building", "failed"))
        statement = (
            update(ReleaseRecord)
            .where(ReleaseRecord.name == name, silent)
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

    def removed(self, name: str, stage: str) -> None:
        """Keep the name of a release that is removed, so that no other gets it."""
        now = self.now()
        values = {"state": "removed", "ended_at": now, "seen_at": now, "build_id": str(uuid4())}
        with self._database.write() as connection:
            found = update(ReleaseRecord).where(ReleaseRecord.name == name).values(**values)
            if connection.execute(found).rowcount == 0:
                _insert(connection, {**_fresh(name, stage, now), **values})

    def _begin(self, build: Build, stage: str) -> bool:
        now = self.now()
        with self._database.write() as connection:
            query = select(ReleaseRecord.__table__).where(ReleaseRecord.name == build.name)
            row = connection.execute(query.with_for_update()).mappings().first()
            values = {**_fresh(build.name, stage, now), "build_id": build.build_id}
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
    def _keep_saying(build: Build, done: Event) -> None:
        while not done.wait(SEEN_EVERY_S):
            # The next time will do; a build that was overtaken finds out by itself.
            with suppress(SQLAlchemyError, ReleaseOvertaken):
                build.save()


def _fresh(name: str, stage: str, now: datetime) -> dict[str, Any]:
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
    inserted = connection.execute(insert_missing(connection, ReleaseRecord), values).rowcount
    return bool(inserted)
