"""Rows of JSON and JSONL files."""

from collections.abc import Callable, Iterator
from itertools import chain

from chatlake_client import jsontext
from chatlake_client.containers.json_values import RECORD_SEPARATOR, Broken, JsonValues
from chatlake_client.containers.lines import (
    BLANK_CHARS,
    MAX_LINE_CHARS,
    NOT_TEXT,
    is_text,
    open_text,
    read_lines,
)
from chatlake_client.containers.source import Source
from chatlake_client.records import Rejected, Row

RowsWithin = Callable[[object], list[object]]


def read_json(
    source: Source, rows_within: RowsWithin, is_turn: Callable[[object], bool]
) -> Iterator[Row | Rejected]:
    """Yield the rows of JSON values: of an array, or of values beside one another.

    Args:
        source: The file.
        rows_within: Returns the rows of an object, which may be one row itself.
        is_turn: Tells whether the elements of an array are turns of one conversation.

    Raises:
        ValueError: The text breaks off, or holds a value that nothing ends.
    """
    with open_text(source, newline=None) as file:
        reader = JsonValues(file)
        values = _row_values(reader, rows_within, is_turn)
        for number, value in enumerate(values, start=1):
            yield _checked_row(number, value, source.share())


def _row_values(
    reader: JsonValues, rows_within: RowsWithin, is_turn: Callable[[object], bool]
) -> Iterator[object]:
    first_char = reader.first_char()
    if first_char == RECORD_SEPARATOR:
        yield from reader.values()
        return
    while char := reader.next_char():
        if char == "[":
            yield from _rows_of_array(reader, is_turn)
        else:
            value = reader.value()
            yield from [value] if isinstance(value, Broken) else rows_within(value)


def _rows_of_array(reader: JsonValues, is_turn: Callable[[object], bool]) -> Iterator[object]:
    elements = reader.elements()
    for first in elements:
        if is_turn(first):
            yield [first, *elements]
        else:
            yield from chain([first], elements)


def _checked_row(number: int, value: object, file_share: float) -> Row | Rejected:
    if isinstance(value, Broken):
        return Rejected(number, value.reason, value.text)
    try:
        jsontext.refuse_deep(value)
    except ValueError as error:
        return Rejected(number, str(error), None)
    return Row(number, value, file_share)


def read_jsonl(source: Source) -> Iterator[Row | Rejected]:
    """Yield the rows of a file with one JSON value a line."""
    number = 0
    is_inside_long_line = False
    with open_text(source, newline=None) as file:
        for line in read_lines(file):
            was_inside_long_line = is_inside_long_line
            is_inside_long_line = len(line) == MAX_LINE_CHARS and not line.endswith("\n")
            if was_inside_long_line:
                continue
            number += 1
            if is_inside_long_line:
                yield Rejected(number, f"longer than {MAX_LINE_CHARS} characters", None)
            elif text := line.strip(BLANK_CHARS + RECORD_SEPARATOR):
                yield _parsed_line(number, text, source.share())


def _parsed_line(number: int, text: str, file_share: float) -> Row | Rejected:
    if not is_text(text):
        return Rejected(number, NOT_TEXT, text)
    try:
        return Row(number, jsontext.parse_row(text), file_share)
    except jsontext.RepeatedKeyError as error:
        return Rejected(number, str(error), text)
    except ValueError as error:
        return Rejected(number, f"not JSON: {error}", text)
