"""Reads text files by lines of bounded length, in any encoding and with any newlines."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

# Far above what a service accepts as one submission, and little enough to hold in memory.
MAX_LINE_CHARS = 32 * 1024 * 1024
# JSON's white space, and the byte order marks that `cat` leaves in the middle of joined files.
BLANK_CHARS = " \t\r\n\ufeff"


def open_text(path: Path, *, newline: str | None) -> TextIO:
    """Open a text file in the encoding that its first bytes state, UTF-8 if they state none.

    Bytes that aren't text become lone surrogates, so that they cost a row and not the file: see
    `is_text`.

    Args:
        path: The file.
        newline: None turns every newline into a line feed; an empty string keeps newlines as they
            are.
    """
    with path.open("rb") as file:
        head = file.read(2)
    is_utf16 = head in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
    encoding = "utf-16" if is_utf16 else "utf-8-sig"
    return path.open(encoding=encoding, errors="surrogateescape", newline=newline)


def read_lines(file: TextIO) -> Iterator[str]:
    """Yield the lines of a file with their newlines; a longer line comes in pieces.

    A piece has `MAX_LINE_CHARS` characters.
    """
    while line := file.readline(MAX_LINE_CHARS):
        yield line


def is_text(text: str) -> bool:
    """Tell whether all bytes of a text that `open_text` read were valid in its encoding."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
