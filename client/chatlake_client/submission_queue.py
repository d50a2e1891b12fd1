"""Keeps submissions until the service has taken them, in a SQLite file.

SQLite rather than files that are appended to, because it keeps what was committed through a crash
of the process and of the machine (`synchronous = FULL`), lets several threads and processes share
one file, and ships with Python on every system. With its write-ahead log a submission costs one
sync.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chatlake_client import jsontext
from chatlake_client.errors import QueueError
from chatlake_client.queue_file import open_queue_file, queue_errors, switch_to_wal
from chatlake_client.records import Rejected
from chatlake_client.submission import RejectedSubmission

SCHEMA_VERSION: Final = 1
# Triggers keep the totals, so that a bound is checked without reading all rows.
SCHEMA: Final = (
    """CREATE TABLE submissions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        body BLOB NOT NULL,
        call_id TEXT,
        server_errors INTEGER NOT NULL DEFAULT 0,
        status INTEGER,
        message TEXT,
        errors TEXT
    )""",
    "CREATE INDEX queued ON submissions (id) WHERE status IS NULL",
    "CREATE INDEX rejected ON submissions (id) WHERE status IS NOT NULL",
    "CREATE INDEX calls ON submissions (call_id) WHERE call_id IS NOT NULL",
    "CREATE TABLE totals (submissions INTEGER NOT NULL, size_bytes INTEGER NOT NULL)",
    "INSERT INTO totals VALUES (0, 0)",
    """CREATE TRIGGER added AFTER INSERT ON submissions BEGIN
        UPDATE totals SET submissions = submissions + 1, size_bytes = size_bytes + length(new.body);
    END""",
    """CREATE TRIGGER removed AFTER DELETE ON submissions BEGIN
        UPDATE totals SET submissions = submissions - 1, size_bytes = size_bytes - length(old.body);
    END""",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)
_TOTALS: Final = "SELECT submissions, size_bytes FROM totals"


@dataclass(frozen=True, slots=True)
class QueuedSubmission:
    """A submission that waits to be delivered.

    Attributes:
        queue_id: The submission's number in the queue; later submissions have higher ones.
        body: The JSON object to be sent, as text.
        server_errors: How often the service has answered this submission with an internal error.
    """

    queue_id: int
    body: bytes
    server_errors: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The numbers and sizes of the submissions that a queue holds.

    Attributes:
        queued: How many submissions wait.
        rejected: How many rejected submissions are kept.
        size_bytes: The size of all of them.
    """

    queued: int
    rejected: int
    size_bytes: int


class SubmissionQueue:
    """A bounded queue that threads and processes share.

    Args:
        path: The SQLite file, which is made if it isn't there; None keeps the queue in memory.
        max_submissions: How many submissions the queue holds at most, rejected ones included.
        max_bytes: How large these submissions are together at most.

    Raises:
        QueueError: The file can't be opened, or is no queue.
    """

    def __init__(self, path: Path | None, *, max_submissions: int, max_bytes: int) -> None:
        self._path = path
        self._max_submissions = max_submissions
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        with queue_errors(path):
            self._connection = open_queue_file(path)
        try:
            # First, because switching would change a file that is something else.
            self._make_tables()
            with queue_errors(path):
                switch_to_wal(self._connection)
                self._connection.execute("PRAGMA synchronous = FULL")
                # macOS syncs to the disk itself only when it is asked to.
                self._connection.execute("PRAGMA fullfsync = ON")
        except QueueError:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def add(self, bodies: Sequence[bytes], call_id: str | None = None) -> int:
        """Add as many submissions as there is room for, in order, and return how many.

        Those that were added are durable, all in one transaction.

        Args:
            bodies: The submissions, each as one line of JSON.
            call_id: The call that they are counted by in `totals_of_call`; None counts them by
                none.
        """
        with self._transaction() as connection:
            held, held_bytes = connection.execute(_TOTALS).fetchone()
            for added, body in enumerate(bodies):
                held_bytes += len(body)
                if not self._fits(held + added + 1, held_bytes):
                    return added
                connection.execute(
                    "INSERT INTO submissions (body, call_id) VALUES (?, ?)", (body, call_id)
                )
        return len(bodies)

    def oldest(self, max_submissions: int, max_bytes: int) -> list[QueuedSubmission]:
        """Return the oldest submissions that wait, at least one if there is any.

        Args:
            max_submissions: How many are returned at most.
            max_bytes: The size after which no further one is returned.
        """
        found: list[QueuedSubmission] = []
        size_bytes = 0
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, body, server_errors FROM submissions "
                "WHERE status IS NULL ORDER BY id LIMIT ?",
                (max_submissions,),
            )
            for queue_id, body, server_errors in rows:
                found.append(QueuedSubmission(queue_id, body, server_errors))
                size_bytes += len(body)
                if size_bytes >= max_bytes:
                    break
        return found

    def settle(
        self, accepted: Iterable[int], rejected: Iterable[Rejected], failed: Iterable[int]
    ) -> None:
        """Record the outcomes of an upload, all in one transaction.

        Args:
            accepted: Numbers of submissions that the service has stored: they are removed.
            rejected: Submissions that the service refuses, with `line` as their number: they are
                kept apart.
            failed: Numbers of submissions that the service answered with an internal error: they
                stay, and the error is counted.
        """
        with self._transaction() as connection:
            connection.executemany(
                "DELETE FROM submissions WHERE id = ?", [(queue_id,) for queue_id in accepted]
            )
            connection.executemany(
                "UPDATE submissions SET status = ?, message = ?, errors = ? WHERE id = ?",
                [
                    (outcome.status, outcome.message, _json_text(outcome.errors), outcome.line)
                    for outcome in rejected
                ],
            )
            connection.executemany(
                "UPDATE submissions SET server_errors = server_errors + 1 WHERE id = ?",
                [(queue_id,) for queue_id in failed],
            )

    def totals(self) -> Totals:
        """Return what the queue holds now."""
        return self._totals("TRUE", ())

    def totals_of_call(self, call_id: str) -> Totals:
        """Return what the queue holds of one call's submissions."""
        return self._totals("call_id = ?", (call_id,))

    def has_room(self, size_bytes: int) -> bool:
        """Tell whether there is room for one more submission of this size."""
        with self._reading() as connection:
            held, held_bytes = connection.execute(_TOTALS).fetchone()
        return self._fits(held + 1, held_bytes + size_bytes)

    def newest_id(self) -> int:
        """Return the number of the newest submission that waits; 0 when none does."""
        with self._reading() as connection:
            (newest,) = connection.execute(
                "SELECT coalesce(max(id), 0) FROM submissions WHERE status IS NULL"
            ).fetchone()
        return int(newest)

    def waits(self, up_to: int) -> bool:
        """Tell whether any submission with at most this number waits."""
        with self._reading() as connection:
            (found,) = connection.execute(
                "SELECT EXISTS (SELECT 1 FROM submissions WHERE status IS NULL AND id <= ?)",
                (up_to,),
            ).fetchone()
        return bool(found)

    def rejected(self) -> list[RejectedSubmission]:
        """Return the rejected submissions, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, body, status, message, errors FROM submissions "
                "WHERE status IS NOT NULL ORDER BY id"
            ).fetchall()
        return [
            RejectedSubmission.of(queue_id, body, status, message, json.loads(errors))
            for queue_id, body, status, message, errors in rows
        ]

    def requeue(self, queue_id: int) -> bool:
        """Let a rejected submission wait again; return whether there was one of this number."""
        return self._change_rejected(
            "UPDATE submissions SET status = NULL, message = NULL, errors = NULL, "
            "server_errors = 0 WHERE id = ? AND status IS NOT NULL",
            queue_id,
        )

    def discard(self, queue_id: int) -> bool:
        """Remove a rejected submission; return whether there was one of this number."""
        return self._change_rejected(
            "DELETE FROM submissions WHERE id = ? AND status IS NOT NULL", queue_id
        )

    def _make_tables(self) -> None:
        """Make the tables of a new file, and refuse a file that isn't a queue of this version."""
        with self._transaction() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if version == 0 and tables == 0:
                for statement in SCHEMA:
                    connection.execute(statement)
            elif version != SCHEMA_VERSION:
                raise QueueError(self._path, f"not a queue of version {SCHEMA_VERSION}")

    def _fits(self, submissions: int, size_bytes: int) -> bool:
        return submissions <= self._max_submissions and size_bytes <= self._max_bytes

    def _change_rejected(self, statement: str, queue_id: int) -> bool:
        with self._transaction() as connection:
            return connection.execute(statement, (queue_id,)).rowcount > 0

    def _totals(self, condition: str, values: tuple[str, ...]) -> Totals:
        with self._reading() as connection:
            row = connection.execute(
                "SELECT count(*) FILTER (WHERE status IS NULL), "  # noqa: S608  # conditions are constants
                "count(*) FILTER (WHERE status IS NOT NULL), coalesce(sum(length(body)), 0) "
                f"FROM submissions WHERE {condition}",
                values,
            ).fetchone()
        return Totals(*row)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection, and the file against other writers, for one transaction."""
        with self._reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                # SQLite itself has rolled back after some errors, such as a full disk.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection, for one statement that only reads."""
        with self._lock, queue_errors(self._path):
            yield self._connection


def _json_text(value: object) -> str:
    return jsontext.dump(value).decode()
