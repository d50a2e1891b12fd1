"""Reads the rows of JSON, JSONL, CSV and Parquet files.

All kinds but JSON are read in bounded memory. A row that can't be parsed is yielded as rejected,
and the rows after it still come.
"""

import csv
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from chatlake_client import jsontext
from chatlake_client.errors import UnreadableFileError
from chatlake_client.formats import is_row
from chatlake_client.lines import BLANK_CHARS, MAX_LINE_CHARS, is_text, open_text, read_lines
from chatlake_client.losses import lost_of_row
from chatlake_client.records import Rejected, Row
from chatlake_client.sniff import Kind, delimiter_of, kind_of

NOT_TEXT = "not valid in the file's encoding"
PARQUET_NEEDS = "Parquet needs pyarrow: pip install 'chatlake-client[parquet]'"

FileRows = Iterator[Row | Rejected]


def read_rows(path: Path) -> FileRows:
    """Yield the rows of a file, whatever its kind.

    Raises:
        UnreadableFileError: The file can't be read at all, or not to its end.
    """
    try:
        yield from _READERS[kind_of(path)](path)
    except OSError as error:
        raise UnreadableFileError(path, error.strerror or str(error)) from error
    except (ValueError, csv.Error) as error:
        raise UnreadableFileError(path, str(error)) from error


def _read_json(path: Path) -> FileRows:
    rows = _rows_within(jsontext.parse(path.read_bytes()))
    for number, row in enumerate(rows, start=1):
        try:
            jsontext.refuse_deep(row)
        except ValueError as error:
            yield Rejected(number, str(error), None)
        else:
            yield Row(number, row, number / len(rows))


def _rows_within(document: object) -> list[object]:
    """Return the rows of a list, of an object that holds one list, or the one row itself."""
    if isinstance(document, list):
        return document
    if isinstance(document, dict) and not is_row(document):
        lists = [key for key, value in document.items() if isinstance(value, list)]
        if len(lists) == 1:
            rows: list[object] = document.pop(lists[0])
            if lost := list(lost_of_row(document, taken=(), said=())):
                raise ValueError(
                    f"would lose {', '.join(lost)} beside the list {lists[0]}: "
                    "state it in each row, or remove it"
                )
            return rows
    return [document]


def _refuse_repeated(names: Sequence[str]) -> None:
    """Refuse a table with two columns of one name: a row would hold only one of their values.

    Raises:
        ValueError: Two columns have the same name.
    """
    for name, columns in Counter(filter(None, names)).items():
        if columns > 1:
            raise ValueError(f"{columns} columns have the name {name!r}")


def _read_jsonl(path: Path) -> FileRows:
    size_bytes = path.stat().st_size
    number = 0
    is_inside_long_line = False
    with open_text(path, newline=None) as file:
        for line in read_lines(file):
            was_inside_long_line = is_inside_long_line
            is_inside_long_line = len(line) == MAX_LINE_CHARS and not line.endswith("\n")
            if was_inside_long_line:
                continue
            number += 1
            if is_inside_long_line:
                yield Rejected(number, f"longer than {MAX_LINE_CHARS} characters", None)
            elif text := line.strip(BLANK_CHARS):
                yield _parsed_line(number, text, file.buffer.tell() / size_bytes)


def _parsed_line(number: int, text: str, file_share: float) -> Row | Rejected:
    if not is_text(text):
        return Rejected(number, NOT_TEXT, text)
    try:
        return Row(number, jsontext.parse_row(text), file_share)
    except ValueError as error:
        return Rejected(number, f"not JSON: {error}", text)


def _read_csv(path: Path) -> FileRows:
    size_bytes = path.stat().st_size
    csv.field_size_limit(MAX_LINE_CHARS)
    with open_text(path, newline="") as file:
        lines = itertools.dropwhile(lambda line: not line.strip(BLANK_CHARS), read_lines(file))
        header = next(lines)
        # Strict, because otherwise a quote that is never closed makes one cell of all that follows.
        cells_of_rows = csv.reader(
            itertools.chain([header], lines), delimiter=delimiter_of(header), strict=True
        )
        keys = [key.strip() for key in next(cells_of_rows)]
        _refuse_repeated(keys)
        for number in itertools.count(1):
            try:
                cells = _next_cells(cells_of_rows)
            except csv.Error as error:
                yield Rejected(number, f"not CSV: {error}", None)
                continue
            if cells is None:
                return
            yield _row_of_cells(number, keys, cells, file.buffer.tell() / size_bytes)


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


def _read_parquet(path: Path) -> FileRows:
    try:
        # Only here, since pyarrow is an extra of the package and takes long to import.
        from chatlake_client.parquet import read_parquet  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UnreadableFileError(path, PARQUET_NEEDS) from error
    yield from read_parquet(path, check_names=_refuse_repeated)


_READERS: dict[Kind, Callable[[Path], FileRows]] = {
    Kind.JSON: _read_json,
    Kind.JSONL: _read_jsonl,
    Kind.CSV: _read_csv,
    Kind.PARQUET: _read_parquet,
}
