"""Reads the rows of a file, whatever its kind and whatever it is packed in.

All kinds are read in bounded memory; only a JSON object is held whole. A row that can't be parsed
is yielded as rejected, and the rows after it still come.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chatlake_client.containers.csv_rows import read_csv
from chatlake_client.containers.events import read_events
from chatlake_client.containers.json_rows import read_json, read_jsonl
from chatlake_client.containers.markdown import read_markdown
from chatlake_client.containers.sniff import Kind, kind_of
from chatlake_client.containers.source import Source, opened_sources, unreadable_errors
from chatlake_client.containers.transcript import read_transcript
from chatlake_client.records import Rejected, Row

PARQUET_NEEDS: Final = "Parquet needs pyarrow: pip install 'chatlake-client[parquet]'"
ARROW_NEEDS: Final = "Arrow needs pyarrow: pip install 'chatlake-client[parquet]'"

FileRows = Iterator[Row | Rejected]


@dataclass(frozen=True, slots=True)
class Recognition:
    """What tells rows from what holds them.

    Attributes:
        is_header: Tells whether names of columns are those of rows that can be read.
        is_turn: Tells whether the elements of an array are turns of one conversation.
        rows_within: Returns the rows of an object, which may be one row itself. Raises ValueError
            where rows would lose what the object states beside them.
    """

    is_header: Callable[[list[str]], bool]
    is_turn: Callable[[object], bool]
    rows_within: Callable[[object], list[object]]


@dataclass(frozen=True, slots=True)
class Member:
    """A file, or a file within an archive.

    Attributes:
        name: The name within the archive; empty for a file that is no archive.
        rows: The rows. Reading them raises UnreadableFileError where they can't be read on.
    """

    name: str
    rows: FileRows


def read_members(path: Path, recognition: Recognition) -> Iterator[Member]:
    """Yield a file, or each member of an archive.

    Args:
        path: The file.
        recognition: What tells rows from what holds them.

    Raises:
        UnreadableFileError: The file can't be opened, or its packing is broken.
    """
    with opened_sources(path) as sources:
        for source in sources:
            yield Member(source.name, _read(path, source, recognition))


def _read(path: Path, source: Source, recognition: Recognition) -> FileRows:
    with unreadable_errors(path):
        try:
            kind = kind_of(source, recognition.is_header)
            if kind is Kind.JSON:
                yield from read_json(source, recognition.rows_within, recognition.is_turn)
            else:
                yield from READERS[kind](source)
        except csv.Error as error:
            raise ValueError(str(error)) from error


def _read_parquet(source: Source) -> FileRows:
    try:
        # Only here, since pyarrow is an extra of the package and takes long to import.
        from chatlake_client.containers.parquet import read_parquet  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ValueError(PARQUET_NEEDS) from error
    yield from read_parquet(source)


def _read_arrow(source: Source) -> FileRows:
    try:
        from chatlake_client.containers.arrow import read_arrow  # noqa: PLC0415  # as above
    except ModuleNotFoundError as error:
        raise ValueError(ARROW_NEEDS) from error
    yield from read_arrow(source)


READERS: Final[dict[Kind, Callable[[Source], FileRows]]] = {
    Kind.JSONL: read_jsonl,
    Kind.CSV: read_csv,
    Kind.MARKDOWN: read_markdown,
    Kind.TRANSCRIPT: read_transcript,
    Kind.EVENTS: read_events,
    Kind.PARQUET: _read_parquet,
    Kind.ARROW: _read_arrow,
}
"""What reads each kind of file, but JSON, of which some values hold rows."""
