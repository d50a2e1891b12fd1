"""Rows as CSV: RFC 4180, in UTF-8, and harmless in a spreadsheet.

A spreadsheet takes a cell that starts with `=`, `+`, `-`, `@` or white space before them for a
formula, which can send what is in the other cells elsewhere. So a text that starts with one of
`_DANGEROUS` gets an apostrophe before it, as spreadsheets themselves mark text; so does a text that
starts with an apostrophe. To undo it, take one apostrophe off each cell that starts with one.
https://owasp.org/www-community/attacks/CSV_Injection
"""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any, Final

import msgspec
import pyarrow as pa

_GUARD: Final = "'"
# The wide forms too: spreadsheets of East Asian locales read them as the others.
_DANGEROUS: Final = (_GUARD, *"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")
_VERBATIM: Final = (bool, int, float)
"""Types whose values can't be formulas, however they start: -1 is a number."""


def csv_stream(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[bytes]:
    """Yield a header of the columns' names, and then the rows, batch by batch.

    An absent value is an empty cell. Lists and structs are JSON; times are as in JSON.
    """
    yield _encode([schema.names])
    for batch in batches:
        yield _encode(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _encode(rows: Iterable[Iterable[Any]]) -> bytes:
    text = StringIO()
    csv.writer(text).writerows([map(_cell, row) for row in rows])
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    else:
        plain = msgspec.to_builtins(value)
        text = plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()
    is_formula = text.startswith(_DANGEROUS) and not isinstance(value, _VERBATIM)
    return _GUARD + text if is_formula else text
