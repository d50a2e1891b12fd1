"""Recognises the kind of a file by its content.

The file's name decides only where the content fits more than one kind.
"""

import enum
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chatlake_client import jsontext
from chatlake_client.containers import json_values
from chatlake_client.containers.events import is_event_stream
from chatlake_client.containers.lines import BLANK_CHARS, open_text, read_lines
from chatlake_client.containers.markdown import is_markdown_chat
from chatlake_client.containers.source import Source
from chatlake_client.containers.transcript import is_transcript

HEAD_CHARS: Final = 64 * 1024
DELIMITERS: Final = (",", ";", "\t")
UNKNOWN_KIND: Final = (
    "neither JSON, JSONL, CSV, Parquet nor Arrow, and no transcript in Markdown or plain text"
)


class Kind(enum.Enum):
    """A kind of file that the client reads."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    MARKDOWN = "markdown"
    TRANSCRIPT = "transcript"
    PARQUET = "parquet"
    ARROW = "arrow"
    EVENTS = "events"


MAGICS: Final = {b"PAR1": Kind.PARQUET, b"ARROW1": Kind.ARROW, b"\xff\xff\xff\xff": Kind.ARROW}
"""How files of columns begin: Parquet, a file of Arrow, and a stream of Arrow."""


def kind_of(source: Source, is_header: Callable[[list[str]], bool]) -> Kind:
    """Return the kind of a file.

    Args:
        source: The file.
        is_header: Tells whether names of columns are those of rows that can be read.

    Raises:
        ValueError: The file is of no kind that the client reads.
    """
    with source.open() as file:
        magic = file.read(max(map(len, MAGICS)))
    if kind := next((MAGICS[known] for known in MAGICS if magic.startswith(known)), None):
        return kind
    head = _head(source)
    match head.text[:1]:
        case "":
            return Kind.JSONL  # An empty file holds no rows, in any kind.
        case "[" | "{":
            return _kind_of_json(source, head)
        case json_values.RECORD_SEPARATOR:
            return Kind.JSON
        case _:
            return _kind_of_plain_text(source, head, is_header)


def delimiter_of(header: str) -> str:
    """Return the character that separates the cells of a CSV file's header line."""
    return max(DELIMITERS, key=header.count)


@dataclass(frozen=True, slots=True)
class _Head:
    """The beginning of a text.

    Attributes:
        text: The first characters, without white space at both ends.
        is_cut: Whether the text goes on.
    """

    text: str
    is_cut: bool

    @property
    def lines(self) -> list[str]:
        """The lines that are whole, without blank ones."""
        lines = self.text.split("\n")
        whole = lines[:-1] if self.is_cut else lines
        return [stripped for line in whole if (stripped := line.strip(BLANK_CHARS))]


def _head(source: Source) -> _Head:
    with open_text(source, newline=None) as file:
        while chars := file.read(HEAD_CHARS):
            if text := chars.lstrip(BLANK_CHARS):
                is_cut = bool(rest := file.read(1)) and len(chars) == HEAD_CHARS
                return _Head(text + rest if is_cut else text.rstrip(BLANK_CHARS), is_cut)
    return _Head("", is_cut=False)


def _kind_of_json(source: Source, head: _Head) -> Kind:
    """Tell JSON values over many lines from JSONL, one value a line."""
    lines = head.lines
    if not lines:
        return Kind.JSONL if _second_line(source).startswith(head.text[0]) else Kind.JSON
    if _is_value(lines[0]):
        return Kind.JSON if len(lines) == 1 and not head.is_cut else Kind.JSONL
    if len(lines) == 1 and not head.is_cut:
        return Kind.JSONL if source.suffix in {".jsonl", ".ndjson"} else Kind.JSON
    if head.text[0] == "[":
        # Lists of turns, one a line, of which the first one is broken.
        is_a_list_a_line = all(line[0] + line[-1] == "[]" for line in lines[1:])
        return Kind.JSONL if lines[1:] and is_a_list_a_line else Kind.JSON
    return Kind.JSON if _starts_json(head.text) else Kind.JSONL


def _second_line(source: Source) -> str:
    """Return the first characters of the line after a long one."""
    is_after_line = False
    with open_text(source, newline=None) as file:
        for piece in read_lines(file, HEAD_CHARS):
            if is_after_line and (line := piece.strip(BLANK_CHARS)):
                return line
            is_after_line = is_after_line or (piece.endswith("\n") and not piece.isspace())
    return ""


def _kind_of_plain_text(
    source: Source, head: _Head, is_header: Callable[[list[str]], bool]
) -> Kind:
    """Tell transcripts, events, JSONL with a broken first line, and CSV; refuse any other text."""
    if is_markdown_chat(head.text):
        return Kind.MARKDOWN
    if is_transcript(head.text):
        return Kind.TRANSCRIPT
    if is_event_stream(head.lines):
        return Kind.EVENTS
    if any(map(_is_value, head.lines)):
        return Kind.JSONL
    header = head.text.partition("\n")[0]
    is_named_csv = source.suffix in {".csv", ".tsv"}
    if "\0" not in header and (is_named_csv or is_header(_cells(header))):
        return Kind.CSV
    raise ValueError(UNKNOWN_KIND)


def _cells(line: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(delimiter_of(line))]


def _is_value(line: str) -> bool:
    try:
        return isinstance(jsontext.parse(line), dict | list)
    except jsontext.RepeatedKeyError:
        return True
    except ValueError:
        return False


def _starts_json(text: str) -> bool:
    """Tell whether a text is the start of a JSON text: it has no error before its end."""
    try:
        json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        # The position of a text without an end is its beginning.
        return error.pos >= len(text) or error.msg.startswith("Unterminated string")
    except (RecursionError, ValueError):
        return False
    return True
