"""Reads texts in any encoding, by lines of bounded length and with any newlines."""

import io
import json
from collections.abc import Iterator
from typing import Final, TextIO

from chatlake_client.containers.source import Source

# Far above what a service accepts as one submission, and little enough to hold in memory.
MAX_LINE_CHARS: Final = 32 * 1024 * 1024
# JSON's white space, and the byte order marks that `cat` leaves in the middle of joined files.
BLANK_CHARS: Final = " \t\r\n\ufeff"
NOT_TEXT: Final = "not valid in the file's encoding"
_MARK_BYTES: Final = 4


def open_text(source: Source, *, newline: str | None) -> TextIO:
    """Open a text in the encoding that its first bytes show: UTF-8, UTF-16 or UTF-32.

    Bytes that aren't text become lone surrogates, so that they cost a row and not the file: see
    `is_text`.

    Args:
        source: The file.
        newline: None turns every newline into a line feed; an empty string keeps newlines as they
            are.
    """
    with source.open() as file:
        # Of the text's first characters one at least is ASCII, in every format with a header.
        encoding = json.detect_encoding(file.read(_MARK_BYTES))
    if encoding == "utf-8":
        encoding = "utf-8-sig"
    return io.TextIOWrapper(
        source.open(), encoding=encoding, errors="surrogateescape", newline=newline
    )


def read_lines(file: TextIO, max_chars: int | None = None) -> Iterator[str]:
    """Yield the lines of a file with their newlines; a longer line comes in pieces.

    Args:
        file: The file.
        max_chars: Length of the longest piece; None for `MAX_LINE_CHARS`.
    """
    while line := file.readline(max_chars or MAX_LINE_CHARS):
        yield line


def is_text(text: str) -> bool:
    """Tell whether all bytes of a text that `open_text` read were valid in its encoding."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
