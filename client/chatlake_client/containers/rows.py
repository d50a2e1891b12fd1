"""Reads the rows of a file, whatever its kind and whatever it is packed in.

All kinds are read in bounded memory; only a JSON object is held whole. A row that can't be parsed
is yielded as rejected, and the rows after it still come.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chatlake_client.containers.csv_rows import read_csv
from chatlake_client.containers.json_rows import read_json, read_jsonl
from chatlake_client.containers.sniff import Kind, kind_of
from chatlake_client.containers.source import Source, opened_sources, unreadable_errors
from chatlake_client.records import Rejected, Row
from chatlake_client.shapes.registry import is_header, is_turn, rows_within

PARQUET_NEEDS: Final = "Parquet needs pyarrow: pip install 'chatlake-client[parquet]'"

FileRows = Iterator[Row | Rejected]


@dataclass(frozen=True, slots=True)
class Member:
    """A file, or a file within an archive.

    Attributes:
        name: The name within the archive; empty for a file that is no archive.
        rows: The rows. Reading them raises UnreadableFileError where they can't be read on.
    """

    name: str
    rows: FileRows


def read_members(path: Path) -> Iterator[Member]:
    """Yield a file, or each member of an archive.

    Raises:
        UnreadableFileError: The file can't be opened, or its packing is broken.
    """
    with opened_sources(path) as sources:
        for source in sources:
            yield Member(source.name, _read(path, source))


def read_rows(path: Path) -> FileRows:
    """Yield the rows of a file, and of all members of an archive.

    Raises:
        UnreadableFileError: The file can't be read at all, or not to its end.
    """
    for member in read_members(path):
        yield from member.rows


def _read(path: Path, source: Source) -> FileRows:
    with unreadable_errors(path):
        try:
            match kind_of(source, is_header):
                case Kind.JSON:
                    yield from read_json(source, rows_within, is_turn)
                case Kind.JSONL:
                    yield from read_jsonl(source)
                case Kind.CSV:
                    yield from read_csv(source)
                case Kind.PARQUET:
                    yield from _read_parquet(source)
        except csv.Error as error:
            raise ValueError(str(error)) from error


def _read_parquet(source: Source) -> FileRows:
    try:
        # Only here, since pyarrow is an extra of the package and takes long to import.
        from chatlake_client.containers.parquet import read_parquet  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ValueError(PARQUET_NEEDS) from error
    yield from read_parquet(source)
