"""Reads JSON values that follow one another, in bounded memory.

The values are the elements of one array, or stand beside one another: pretty-printed objects in a
row, or the records of RFC 7464 (https://www.rfc-editor.org/rfc/rfc7464), each after a record
separator. A value is parsed as soon as its end was read. A broken value costs only itself wherever
its end can be found.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TextIO

from chatlake_client import jsontext
from chatlake_client.containers.lines import BLANK_CHARS, MAX_LINE_CHARS, NOT_TEXT, is_text

CHUNK_CHARS: Final = 1024 * 1024
RECORD_SEPARATOR: Final = "\x1e"
_BLANKS: Final = re.compile(f"[{BLANK_CHARS}{RECORD_SEPARATOR}]*")
_BRACKETS_AND_STRINGS: Final = re.compile(r'[\[{]|[\]}]|"(?:[^"\\]|\\.)*"|(")', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Broken:
    """A value that can't be parsed.

    Attributes:
        reason: What is wrong with the value.
        text: The value's text.
    """

    reason: str
    text: str


class JsonValues:
    """The values of a file, read one after the other.

    Args:
        file: The text.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._place = 0
        self._is_ended = False
        self._taken: object = None

    def values(self) -> Iterator[object]:
        """Yield the values that stand beside one another; a broken one as `Broken`.

        Raises:
            ValueError: A value is longer than `MAX_LINE_CHARS`, or the end of a broken one can't
                be found.
        """
        while self._skip_blanks():
            yield self._value(MAX_LINE_CHARS)

    def elements(self) -> Iterator[object]:
        """Yield the elements of an array that begins here; a broken one as `Broken`.

        Raises:
            ValueError: The array is broken, or an element is longer than `MAX_LINE_CHARS`.
        """
        self._skip_blanks()
        self._place += 1
        if self._skip_blanks() == "]":
            self._place += 1
            return
        while True:
            self._skip_blanks()
            yield self._value(MAX_LINE_CHARS)
            following = self._skip_blanks()
            self._place += 1
            if following == "]":
                return
            if following != ",":
                raise ValueError(
                    "the array breaks off" if not following else "no comma in an array"
                )

    def value(self) -> object:
        """Return the next value, of any length; a broken one as `Broken`.

        Raises:
            ValueError: The end of a broken value can't be found.
        """
        self._skip_blanks()
        return self._value(None)

    def first_char(self) -> str:
        """Return the file's first character, which may be a record separator."""
        self._read()
        self._place = len(self._text) - len(self._text.lstrip(BLANK_CHARS))
        return self._text[self._place : self._place + 1]

    def next_char(self) -> str:
        """Return the first character of the next value; empty at the end of the file."""
        return self._skip_blanks()

    def _skip_blanks(self) -> str:
        while True:
            found = _BLANKS.match(self._text, self._place)
            self._place = found.end() if found else self._place
            if self._place < len(self._text) or not self._read():
                return self._text[self._place : self._place + 1]

    def _value(self, max_chars: int | None) -> object:
        while True:
            start = self._place
            reason = self._try()
            if reason is None:
                text = self._text[start : self._place]
                return self._taken if is_text(text) else Broken(NOT_TEXT, text)
            if end := _end_of_value(self._text, self._place):
                return self._broken(reason, end)
            if max_chars and len(self._text) - self._place > max_chars:
                raise ValueError(f"a value is longer than {max_chars} characters: {reason}")
            # A separator can stand in no value: what comes before one is a record cut short.
            cut = self._text.find(RECORD_SEPARATOR, self._place)
            if cut >= 0:
                return self._broken(reason, cut)
            # Twice as much each time, so that a long value isn't parsed too often.
            if not self._read(len(self._text) - self._place):
                raise ValueError(reason)

    def _try(self) -> str | None:
        """Parse the value here; return what is wrong with it, or None."""
        try:
            self._taken, end = jsontext.parse_at(self._text, self._place)
        except json.JSONDecodeError as error:
            return f"not JSON: {error.msg}"
        except jsontext.RepeatedKeyError as error:
            return str(error)
        except RecursionError:
            return "nested too deeply"
        # A number may go on after what was read so far.
        if end == len(self._text) and self._text[end - 1] not in '}]"' and self._read():
            return self._try()
        self._place = end
        return None

    def _broken(self, reason: str, end: int) -> Broken:
        text = self._text[self._place : end]
        self._place = end
        return Broken(reason, text)

    def _read(self, at_least_chars: int = 0) -> bool:
        """Read on, and forget what was parsed; return whether there was more."""
        chunk = "" if self._is_ended else self._file.read(max(CHUNK_CHARS, at_least_chars))
        self._is_ended = not chunk
        self._text = self._text[self._place :] + chunk
        self._place = 0
        return bool(chunk)


def _end_of_value(text: str, start: int) -> int | None:
    """Return where the brackets that open at a place are closed; None when they aren't."""
    depth = 0
    for found in _BRACKETS_AND_STRINGS.finditer(text, start):
        mark = found.group()
        if found.group(1) is not None:
            return None
        if mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
            if depth <= 0:
                return found.end()
    return None
