"""Reads the conversations of files: rows from containers, conversations from rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from chatlake_client.containers.rows import Member, Recognition, read_members
from chatlake_client.conversation import Conversation
from chatlake_client.errors import RowError, UnreadableFileError
from chatlake_client.records import Rejected, Row, Skipped
from chatlake_client.shapes.documents import (
    is_conversation,
    is_event,
    is_header,
    is_turn,
    rows_within,
)
from chatlake_client.shapes.fields import Losses
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.recognition import shape_of
from chatlake_client.shapes.shape import OF_THE_FILE, Shape
from chatlake_client.threads import CollectedThread, Threads

RECOGNITION: Final = Recognition(is_header, is_turn, rows_within)
HEAD_ROWS: Final = 100
"""How many rows of an archive's member are looked at before it is skipped."""


@dataclass(slots=True)
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
            yield _of_thread(thread)
        if failure:
            raise failure


def _of_member(member: Member, threads: Threads) -> Iterator[Found | Rejected | Skipped]:
    """Yield what the rows of a member become.

    Rows that no shape knows are rejected. Beside rows that one knows, those in which nobody says
    anything are events of a program's log, and skipped.
    """
    is_known = False
    waiting: list[Rejected] = []
    for row in _known_rows(member) if member.name else member.rows:
        item = _of_row(row, member.name, threads) if isinstance(row, Row) else row
        if isinstance(item, Rejected):
            item = replace(item, member=member.name)
            if is_event(item.row) and (is_known or len(waiting) < HEAD_ROWS):
                waiting.append(item)
            else:
                yield item
        else:
            is_known = True
            if item:
                yield item
        if is_known:
            yield from (Skipped(event.line) for event in waiting)
            waiting.clear()
    yield from waiting


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


def _of_row(row: Row, member: str, threads: Threads) -> Found | Rejected | Skipped | None:
    """Return what a row holds; None for a part of a conversation, which is collected."""
    try:
        shape, value = shape_of(row.value)
    except RowError as error:
        return Rejected(row.line, str(error), row.value)
    if isinstance(shape, Shape):
        losses = Losses()
        opened = losses.open(value, level=Level.ROW)
        return _found(partial(shape.read, opened), losses, row.line, row.value, row.file_share)
    parts = list(shape.parts(value))
    for thread, part in parts:
        threads.add(shape, member if thread == OF_THE_FILE else thread, row.line, part)
    return None if parts else Skipped(row.line)


def _of_thread(thread: CollectedThread) -> Found | Rejected | Skipped:
    parts, losses = thread.parts, Losses()
    source = parts if len(parts) > 1 else parts[0]
    return _found(partial(thread.shape.read, parts, losses), losses, thread.line, source, 1.0)


def _found(
    read: Callable[[], Conversation | None],
    losses: Losses,
    line: int,
    source: object,
    file_share: float,
) -> Found | Rejected | Skipped:
    """Read one conversation; what goes wrong costs only itself."""
    try:
        conversation = read()
    except RowError as error:
        return Rejected(line, str(error), source)
    except RecursionError:
        return Rejected(line, "nested too deeply", source)
    if conversation is None:
        return Skipped(line)
    if not conversation.turns:
        return Rejected(line, "no turn", source)
    return Found(line, source, conversation, losses, file_share)
