"""Reads streams of server-sent events, in which APIs send answers piece by piece.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html. An event's data are the
lines that begin with `data:`; APIs write one line of JSON, and some a last one that is `[DONE]`.
"""

from collections.abc import Iterator
from typing import Final

from chatlake_client import jsontext
from chatlake_client.containers.lines import BLANK_CHARS, NOT_TEXT, is_text, open_text, read_lines
from chatlake_client.containers.source import Source
from chatlake_client.records import Rejected, Row

FIELDS: Final = ("data:", "event:", "id:", "retry:", ":")
DATA: Final = "data:"
END: Final = "[DONE]"


def is_event_stream(lines: list[str]) -> bool:
    """Tell whether the first lines of a text are those of events, with JSON as their data."""
    data = [line.removeprefix(DATA).strip() for line in lines if line.startswith(DATA)]
    return (
        bool(data)
        and all(line.startswith(FIELDS) for line in lines)
        and data[0].startswith(("{", END))
    )


def read_events(source: Source) -> Iterator[Row | Rejected]:
    """Yield the data of each event."""
    with open_text(source, newline=None) as file:
        for number, line in enumerate(read_lines(file), start=1):
            text = line.strip(BLANK_CHARS)
            data = text.removeprefix(DATA).strip()
            if not text.startswith(DATA) or data == END:
                continue
            if not is_text(data):
                yield Rejected(number, NOT_TEXT, data)
                continue
            try:
                yield Row(number, jsontext.parse_row(data), source.share())
            except ValueError as error:
                yield Rejected(number, f"not JSON: {error}", data)
