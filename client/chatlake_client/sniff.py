"""Recognises the kind of a file by its content.

The file's name decides only where the content fits more than one kind.
"""

import enum
import json
from collections.abc import Iterator
from pathlib import Path

from chatlake_client import jsontext
from chatlake_client.errors import UnreadableFileError
from chatlake_client.formats import KNOWN_KEYS
from chatlake_client.lines import BLANK_CHARS, open_text, read_lines

PARQUET_MAGIC = b"PAR1"
HEAD_CHARS = 64 * 1024
DELIMITERS = (",", ";", "\t")
UNKNOWN_KIND = "neither JSON, JSONL, CSV nor Parquet"


class Kind(enum.Enum):
    """A kind of file that the client reads."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


def kind_of(path: Path) -> Kind:
    """Return the kind of a file.

    Raises:
        UnreadableFileError: The file is of no kind that the client reads.
        OSError: The file can't be opened.
    """
    if not path.is_file():
        # A pipe can't be read a second time after its kind was found.
        raise UnreadableFileError(path, "not a regular file")
    with path.open("rb") as file:
        if file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC:
            return Kind.PARQUET
    head = _head(path)
    match head[0][0] if head else "":
        case "":
            return Kind.JSONL  # An empty file holds no rows, in any kind.
        case "[":
            return Kind.JSON
        case "{":
            return _kind_of_objects(path, head)
        case _:
            return _kind_of_plain_text(path, head)


def delimiter_of(header: str) -> str:
    """Return the character that separates the cells of a CSV file's header line."""
    return max(DELIMITERS, key=header.count)


def _head(path: Path) -> list[str]:
    """Return the first lines that aren't blank: two or more, unless the file has fewer."""
    head: list[str] = []
    with open_text(path, newline=None) as file:
        for line in _stripped(read_lines(file)):
            head.append(line)
            if len(head) > 1 and sum(map(len, head)) > HEAD_CHARS:
                break
    return head


def _stripped(lines: Iterator[str]) -> Iterator[str]:
    return (stripped for line in lines if (stripped := line.strip(BLANK_CHARS)))


def _kind_of_objects(path: Path, head: list[str]) -> Kind:
    """Tell JSON, one object over many lines, from JSONL, one object a line."""
    if _is_object(head[0]):
        return Kind.JSON if len(head) == 1 else Kind.JSONL
    if len(head) == 1 and path.suffix in {".jsonl", ".ndjson"}:
        return Kind.JSONL
    return Kind.JSON if _starts_json("\n".join(head)) else Kind.JSONL


def _kind_of_plain_text(path: Path, head: list[str]) -> Kind:
    """Tell JSONL with a broken first line from CSV, and refuse any other text."""
    if any(_is_object(line) for line in head):
        return Kind.JSONL
    is_named_csv = path.suffix in {".csv", ".tsv"}
    if "\0" not in head[0] and (is_named_csv or _header(head[0]) & KNOWN_KEYS):
        return Kind.CSV
    raise UnreadableFileError(path, UNKNOWN_KIND)


def _header(line: str) -> set[str]:
    return {cell.strip().strip('"') for cell in line.split(delimiter_of(line))}


def _is_object(line: str) -> bool:
    try:
        return line.startswith("{") and isinstance(jsontext.parse_row(line), dict)
    except ValueError:
        return False


def _starts_json(text: str) -> bool:
    """Tell whether a text is the start of a JSON text: it has no error before its end."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.pos >= len(text)
    except (RecursionError, ValueError):
        return False
    return True
