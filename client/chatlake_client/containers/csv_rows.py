"""Rows of CSV files."""

import csv
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

from chatlake_client.containers.lines import (
    BLANK_CHARS,
    MAX_LINE_CHARS,
    NOT_TEXT,
    is_text,
    open_text,
    read_lines,
)
from chatlake_client.containers.sniff import delimiter_of
from chatlake_client.containers.source import Source
from chatlake_client.records import Rejected, Row


def refuse_repeated(names: Sequence[str]) -> None:
    """Refuse a table with two columns of one name: a row would hold only one of their values.

    Raises:
        ValueError: Two columns have the same name.
    """
    for name, columns in Counter(filter(None, names)).items():
        if columns > 1:
            raise ValueError(f"{columns} columns have the name {name!r}")


def read_csv(source: Source) -> Iterator[Row | Rejected]:
    """Yield the rows of a CSV file.

    Raises:
        ValueError: Two columns have the same name.
    """
    csv.field_size_limit(MAX_LINE_CHARS)
    with open_text(source, newline="") as file:
        lines = itertools.dropwhile(lambda line: not line.strip(BLANK_CHARS), read_lines(file))
        header = next(lines)
        # Strict, because otherwise a quote that is never closed makes one cell of all that follows.
        cells_of_rows = csv.reader(
            itertools.chain([header], lines), delimiter=delimiter_of(header), strict=True
        )
        keys = [key.strip() for key in next(cells_of_rows)]
        refuse_repeated(keys)
        for number in itertools.count(1):
            try:
                cells = _next_cells(cells_of_rows)
            except csv.Error as error:
                yield Rejected(number, f"not CSV: {error}", None)
                continue
            if cells is None:
                return
            yield _row_of_cells(number, keys, cells, source.share())


def _next_cells(cells_of_rows: Iterator[list[str]]) -> list[str] | None:
    """Return the cells of the next line that isn't blank; None at the end of the file."""
    return next((cells for cells in cells_of_rows if cells), None)


def _row_of_cells(
    number: int, keys: list[str], cells: list[str], file_share: float
) -> Row | Rejected:
    if len(cells) != len(keys):
        return Rejected(number, f"{len(cells)} cells under a header of {len(keys)}", cells)
    if not all(map(is_text, cells)):
        return Rejected(number, NOT_TEXT, cells)
    return Row(number, dict(zip(keys, cells, strict=True)), file_share)
