"""Reads the conversations of files: rows from containers, conversations from rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from chatlake_client.containers.rows import Member, Recognition, read_members
from chatlake_client.conversation import Conversation
from chatlake_client.errors import RowError, UnreadableFileError
from chatlake_client.records import Rejected, Row, Skipped
from chatlake_client.shapes.fields import Losses
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.registry import (
    is_conversation,
    is_header,
    is_turn,
    rows_within,
    shape_of,
)
from chatlake_client.shapes.shape import OF_THE_FILE, Shape
from chatlake_client.threads import CollectedThread, Threads

RECOGNITION: Final = Recognition(is_header, is_turn, rows_within)
HEAD_ROWS: Final = 100
"""How many rows of an archive's member are looked at before it is skipped."""


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation that was found in a file.

    Attributes:
        line: The number of its row, or of its first row.
        source: The row, or the rows, as the file states them.
        conversation: The conversation.
        losses: What of the rows no field of the conversation holds.
        file_share: How much of the file has been read, from 0 to 1.
    """

    line: int
    source: object
    conversation: Conversation
    losses: Losses
    file_share: float


def read_conversations(path: Path) -> Iterator[Found | Rejected | Skipped]:
    """Yield the conversations of a file, and the rows that aren't any.

    Conversations that are spread over several rows come last, in the order of their first rows.
    Members of an archive that hold no conversations are skipped.

    Raises:
        UnreadableFileError: The file can't be read at all, or not to its end. What was read has
            been yielded.
    """
    with Threads() as threads:
        failure: UnreadableFileError | None = None
        try:
            for member in read_members(path, RECOGNITION):
                yield from _of_member(member, threads)
        except UnreadableFileError as error:
            failure = error
        for thread in threads.read():
            yield from _of_thread(thread)
        if failure:
            raise failure


def _of_member(member: Member, threads: Threads) -> Iterator[Found | Rejected | Skipped]:
    rows = _known_rows(member) if member.name else member.rows
    for row in rows:
        items = _of_row(row, member.name, threads) if isinstance(row, Row) else [row]
        for item in items:
            yield replace(item, member=member.name) if isinstance(item, Rejected) else item


def _known_rows(member: Member) -> Iterator[Row | Rejected | Skipped]:
    """Yield the rows of a member, if there is one with a known shape among the first ones."""
    head: list[Row | Rejected] = []
    is_known = False
    try:
        for row in member.rows:
            head.append(row)
            is_known = isinstance(row, Row) and is_conversation(row.value)
            if is_known or len(head) == HEAD_ROWS:
                break
        if is_known:
            yield from head
            yield from member.rows
        else:
            yield Skipped(0)
    except UnreadableFileError as error:
        if is_known:
            yield Rejected(0, f"{member.name} can't be read on: {error.reason}", None)
        else:
            yield Skipped(0)


def _of_row(row: Row, member: str, threads: Threads) -> Iterator[Found | Rejected | Skipped]:
    try:
        shape, value = shape_of(row.value)
    except RowError as error:
        yield Rejected(row.line, str(error), row.value)
        return
    if isinstance(shape, Shape):
        read = shape.read
        yield from _read(
            lambda losses: read(losses.open(value, level=Level.ROW)),
            row.line,
            row.value,
            row.file_share,
        )
        return
    parts = list(shape.parts(value))
    for thread, part in parts:
        threads.add(shape, member if thread == OF_THE_FILE else thread, row.line, part)
    if not parts:
        yield Skipped(row.line)


def _of_thread(thread: CollectedThread) -> Iterator[Found | Rejected | Skipped]:
    parts = thread.parts
    source = parts if len(parts) > 1 else parts[0]
    return _read(lambda losses: thread.shape.read(parts, losses), thread.line, source, 1.0)


def _read(
    read: Callable[[Losses], Conversation | None], line: int, source: object, file_share: float
) -> Iterator[Found | Rejected | Skipped]:
    """Read one conversation; what goes wrong costs only itself."""
    losses = Losses()
    try:
        conversation = read(losses)
    except RowError as error:
        yield Rejected(line, str(error), source)
    except RecursionError:
        yield Rejected(line, "nested too deeply", source)
    else:
        if conversation is None:
            yield Skipped(line)
        elif not conversation.turns:
            yield Rejected(line, "no turn", source)
        else:
            yield Found(line, source, conversation, losses, file_share)
