"""Rows as CSV: RFC 4180, in UTF-8, and harmless in a spreadsheet.

A spreadsheet reads a cell as a formula when it starts with `=`, `+`, `-` or `@`, also after white
space, and a formula can send the contents of other cells elsewhere. So a text that starts with one
of `_DANGEROUS` gets an apostrophe before it, as spreadsheets themselves mark text; so does a text
that starts with an apostrophe. To read the text back, remove one leading apostrophe from each cell
that has one.
https://owasp.org/www-community/attacks/CSV_Injection
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from typing import Any, Final

import msgspec
import pyarrow as pa

_GUARD: Final = "'"
# The full-width forms too: spreadsheets in East Asian locales read them alike.
_DANGEROUS: Final = (_GUARD, *"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")
_VERBATIM: Final = (bool, int, float)
"""Types of values that can't be formulas, whatever they start with: -1 is a number."""


def csv_stream(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    as_rows: Callable[[pa.RecordBatch], list[dict[str, Any]]],
) -> Iterator[bytes]:
    """Yield a header with the names of the columns, and then the rows, batch by batch.

    An absent value is an empty cell. Lists, structs and maps are JSON; times are as in JSON.

    Args:
        batches: The rows.
        schema: The columns of every batch.
        as_rows: Returns the rows of a batch as JSON has them; values that are null may be absent.
    """
    yield _encode([schema.names])
    for batch in batches:
        yield _encode([row.get(name) for name in schema.names] for row in as_rows(batch))


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
