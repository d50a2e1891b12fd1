"""Tells rows and turns from what holds them: lists, headers of tables, backups of applications."""

from typing import Final, TypeGuard

from chatlake_client.records import Json
from chatlake_client.shapes import backups, vocabulary
from chatlake_client.shapes.fields import Losses
from chatlake_client.shapes.meaning import Level, holds_answer
from chatlake_client.shapes.recognition import is_known, is_row, row_within
from chatlake_client.shapes.requests import ANSWERED_KEYS, ASKED_KEYS
from chatlake_client.shapes.tables import rows_of_table

EVENT_KEYS: Final = ("type", "event", "kind", "role")
"""Keys that say what an event is."""
SPOKEN_KEYS: Final = frozenset(
    {*vocabulary.SAYING_KEYS, *ASKED_KEYS, *ANSWERED_KEYS, "messages", "body", "error", "result"}
) - {"data"}
MAX_EVENT_CHARS: Final = 200
"""How long a text may be that an event states; what somebody says may be longer."""
MAX_DEPTH_OF_ROWS: Final = 3
"""How many objects may lie around the conversations of a document."""


def is_turn(value: object) -> bool:
    """Tell whether a value is a turn that belongs to the list in which it stands."""
    return isinstance(value, dict) and vocabulary.speaks(value) and not is_row(value)


def is_conversation(value: object) -> bool:
    """Tell whether a value is a row, or a list of turns."""
    return any(map(is_turn, value)) if isinstance(value, list) else is_row(value)


def is_event(value: object) -> bool:
    """Tell whether a value is an event of a program's log, in which nobody says anything."""
    if not (isinstance(value, dict) and any(isinstance(value.get(key), str) for key in EVENT_KEYS)):
        return False
    held = [value, *(inner for inner in value.values() if isinstance(inner, dict))]
    return not any(
        key in SPOKEN_KEYS or (isinstance(text, str) and len(text) > MAX_EVENT_CHARS)
        for one in held
        for key, text in one.items()
    )


def is_header(names: list[str]) -> bool:
    """Tell whether names of columns are those of rows with a known shape."""
    return is_known(dict.fromkeys(names, "x"))


def rows_within(document: object) -> list[object]:
    """Return the rows of an object that holds one list of them, or the one row itself.

    Raises:
        ValueError: The object states something beside the list that the rows would lose.
    """
    if not isinstance(document, dict):
        return [document]
    if (found := backups.chats_of(document)) is not None:
        return list(found)
    if is_row(document):
        return [document]
    if (table := rows_of_table(document)) is not None:
        return list(table)
    return [document] if row_within(document) else _rows_held(document)


def _rows_held(document: Json) -> list[object]:
    lists = {key: value for key, value in document.items() if _holds_objects(value)}
    known = [key for key, values in lists.items() if any(map(is_row, values))]
    if not known and (rows := _rows_below(document)):
        return rows
    if len(known or lists) != 1:
        return [document]
    (key,) = known or lists
    rows = lists[key]
    del document[key]
    _refuse_loss(document, f"the list {key}")
    # Turns of an object are one conversation, and those of the next object are another.
    return [rows] if any(map(is_turn, rows)) else rows


def _holds_objects(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list) and (not value or any(isinstance(x, dict | list) for x in value))


def _rows_below(document: Json) -> list[object]:
    """Return the rows that lie deeper in an object, such as a backup of an application.

    Raises:
        ValueError: An object around them states something that the rows would lose.
    """
    rows: list[object] = []
    waiting = [(document, 0)]
    while waiting:
        holder, depth = waiting.pop()
        beside: Json = {}
        inner: list[tuple[Json, int]] = []
        found = 0
        for key, value in holder.items():
            if is_row(value) or (isinstance(value, list) and any(map(is_row, value))):
                rows += value if isinstance(value, list) else [value]
                found += 1
            else:
                beside[key] = value
                if isinstance(value, dict) and depth < MAX_DEPTH_OF_ROWS:
                    inner.append((value, depth + 1))
        if _are_two_sides(holder, beside):
            return [document]
        if found:
            _refuse_loss(beside, "the conversations")
        waiting += reversed(inner)
    return rows


def _are_two_sides(holder: Json, beside: Json) -> bool:
    """Tell whether an object holds what was asked apart from what was answered."""
    found = holder.keys() - beside.keys()
    if any(isinstance(holder[key], dict) for key in found) and holds_answer(beside):
        return True
    return bool(found & {*ASKED_KEYS, "request"}) and bool(found & set(ANSWERED_KEYS))


def _refuse_loss(beside: Json, rows: str) -> None:
    losses = Losses()
    losses.open(beside, level=Level.ROW)
    _, lost = losses.count(tuple)
    if lost:
        raise ValueError(
            f"would lose {', '.join(lost)} beside {rows}: state it in each row, or remove it"
        )
