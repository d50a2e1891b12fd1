"""Collects the rows of conversations that are spread over a file."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from types import TracebackType
from typing import Self

from chatlake_client import jsontext
from chatlake_client.records import Json
from chatlake_client.shapes.shape import ThreadShape


@dataclass(frozen=True, slots=True)
class CollectedThread:
    """The rows of one conversation.

    Attributes:
        shape: The rows' shape.
        line: The number of the first row.
        parts: The rows, or the parts of rows, in the file's order.
    """

    shape: ThreadShape
    line: int
    parts: list[Json]


class Threads:
    """The rows of one file that belong to conversations of several rows.

    They are kept in a temporary SQLite database, which moves from memory to disk as it grows.
    """

    def __init__(self) -> None:
        self._rows = sqlite3.connect("", isolation_level=None)
        self._rows.execute("PRAGMA journal_mode = OFF")
        self._rows.execute("CREATE TABLE threads (key TEXT PRIMARY KEY, thread INTEGER)")
        self._rows.execute(
            "CREATE TABLE parts (thread INTEGER, place INTEGER, line INTEGER, shape TEXT, "
            "part BLOB, PRIMARY KEY (thread, place)) WITHOUT ROWID"
        )
        self._shapes: dict[str, ThreadShape] = {}
        self._places = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._rows.close()

    def add(self, shape: ThreadShape, thread: str | None, line: int, part: Json) -> None:
        """Add a row, or a part of one.

        Args:
            shape: The row's shape.
            thread: The id of its conversation among those of the shape; None for one of its own.
            line: The row's number.
            part: The row, or the part.
        """
        self._shapes[shape.name] = shape
        self._places += 1
        number = self._places if thread is None else self._number_of(shape, thread)
        self._rows.execute(
            "INSERT INTO parts VALUES (?, ?, ?, ?, ?)",
            (number, self._places, line, shape.name, jsontext.dump(part)),
        )

    def read(self) -> Iterator[CollectedThread]:
        """Yield the collected rows of each conversation, in the order of their first rows."""
        rows = self._rows.execute(
            "SELECT thread, line, shape, part FROM parts ORDER BY thread, place"
        )
        for _, group in groupby(rows, key=itemgetter(0)):
            parts = list(group)
            _, line, shape, _ = parts[0]
            yield CollectedThread(
                self._shapes[shape], line, [json.loads(part) for *_, part in parts]
            )

    def _number_of(self, shape: ThreadShape, thread: str) -> int:
        """Return the number of a thread: the place of its first part."""
        self._rows.execute(
            "INSERT OR IGNORE INTO threads VALUES (?, ?)",
            (jsontext.dump([shape.name, thread]), self._places),
        )
        (number,) = self._rows.execute(
            "SELECT thread FROM threads WHERE key = ?", (jsontext.dump([shape.name, thread]),)
        ).fetchone()
        return int(number)
