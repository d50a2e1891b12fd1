"""Searching a SQLite database: every page of its file and its log, and the values of its rows.

Pages are searched as they are, those on the list of free pages too, and the unused parts of others.
A value that is too large for its page is cut, so values are searched a second time through SQL.
https://www.sqlite.org/fileformat2.html
"""

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote

from app.takedown.verify.own_records import OWN_TABLES
from app.takedown.verify.search import Search

_PAGE_SIZE_PLACE: Final = 16
_LARGEST_PAGE_BYTES: Final = 65_536
_LOG_HEADER_BYTES: Final = 32
_FRAME: Final = struct.Struct(">I20x")
"""The header of a page in the log, which begins with the page's number."""


def log_of(path: Path) -> Path:
    """Return the path of a database's write-ahead log."""
    return path.with_name(f"{path.name}-wal")


def search_sqlite(search: Search, path: Path) -> None:
    """Search a database and its log, which may be in use.

    In pages and rows of the takedowns' own records, ids don't count.
    """
    place, own = str(path), search.of_own_records()
    try:
        with closing(_connect(path)) as connection:
            # Pages change hands meanwhile: in what was their own before or after, ids don't count.
            own_pages = _own_pages(connection)
            for table in _tables(connection):
                search.opened("SQLite tables")
                rows = connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608  # its own name
                where = f"{place} (table {table})"
                (own if table in OWN_TABLES else search).values(where, "SQLite tables", rows)
            own_pages |= _own_pages(connection)
    except sqlite3.Error as error:
        search.cannot_open(place, f"as SQLite: {error}; ids in the own records count too")
        own_pages = set()
    search.opened("SQLite")
    with path.open("rb") as file:
        size = _page_bytes(file)
        for number, page in enumerate(_blocks(file, size), start=1):
            searching = own if number in own_pages else search
            searching.plain(f"{place} (page {number})", "SQLite", page)
    if log_of(path).exists():
        _search_log(search, log_of(path), size, own_pages)


def _search_log(search: Search, path: Path, size: int, own_pages: set[int]) -> None:
    own = search.of_own_records()
    search.opened("SQLite logs")
    with path.open("rb") as file:
        search.plain(str(path), "SQLite logs", file.read(_LOG_HEADER_BYTES))
        for frame in _blocks(file, _FRAME.size + size):
            number = _FRAME.unpack_from(frame)[0] if len(frame) >= _FRAME.size else 0
            searching = own if number in own_pages else search
            searching.plain(f"{path} (page {number})", "SQLite logs", frame)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    # Texts that aren't UTF-8 are searched too.
    connection.text_factory = bytes
    return connection


def _tables(connection: sqlite3.Connection) -> list[str]:
    query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0"
    return [name.decode() for (name,) in connection.execute(query)]


def _own_pages(connection: sqlite3.Connection) -> set[int]:
    """Return the numbers of the pages that the takedowns' own records and their indexes have."""
    owners = ", ".join(f"'{name}'" for name in sorted(OWN_TABLES))
    query = f"""
        SELECT pageno FROM dbstat
        WHERE name IN (SELECT name FROM sqlite_schema WHERE tbl_name IN ({owners}))
    """  # noqa: S608  # the names are constants
    return {number for (number,) in connection.execute(query)}


def _page_bytes(file: BinaryIO) -> int:
    file.seek(_PAGE_SIZE_PLACE)
    (size,) = struct.unpack(">H", file.read(2))
    file.seek(0)
    return _LARGEST_PAGE_BYTES if size == 1 else int(size)


def _blocks(file: BinaryIO, size: int) -> Iterator[bytes]:
    while block := file.read(size):
        yield block
