"""Reads values as rows of a file, and conversations as submissions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chatlake_client.containers.rows import read_members
from chatlake_client.contract import Defaults, Terms, submissions_of
from chatlake_client.conversation import Conversation, Turn
from chatlake_client.errors import RowError
from chatlake_client.importer import RECOGNITION, Found, read_conversations
from chatlake_client.records import Json, Rejected, Row, Skipped
from chatlake_client.shapes.fields import Losses
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.recognition import shape_of
from chatlake_client.shapes.shape import Shape


def read_rows(path: Path) -> Iterator[Row | Rejected]:
    """The rows of a file, and of all members of an archive."""
    for member in read_members(path, RECOGNITION):
        yield from member.rows


def found_of(row: object) -> tuple[Conversation, Losses]:
    """The conversation of a row, and what it loses.

    Raises:
        RowError: The row is rejected.
    """
    shape, value = shape_of(row)
    losses = Losses()
    if isinstance(shape, Shape):
        conversation = shape.read(losses.open(value, level=Level.ROW))
    else:
        conversation = shape.read([part for _, part in shape.parts(value)], losses)
    assert conversation is not None
    if not conversation.turns:
        raise RowError("no turn")
    return conversation, losses


def conversation_of(row: object) -> Conversation:
    """The conversation of a row."""
    return found_of(row)[0]


def body_of(row: object, defaults: Defaults, *, is_lossy: bool = False) -> Json:
    """The submission of a row."""
    ((body, _),) = submissions_of(*found_of(row), Terms(defaults, is_lossy=is_lossy))
    return body


def texts(turns: list[Turn]) -> list[tuple[str | None, str | None]]:
    """Who says what."""
    return [(turn.role, turn.content) for turn in turns]


def read_all(path: Path) -> tuple[list[Conversation], list[Rejected], list[Skipped]]:
    """The conversations of a file, its rejected rows and its skipped ones."""
    items = list(read_conversations(path))
    return (
        [item.conversation for item in items if isinstance(item, Found)],
        [item for item in items if isinstance(item, Rejected)],
        [item for item in items if isinstance(item, Skipped)],
    )


def file_of(path: Path, *rows: Any) -> Path:
    """A file with one row a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
