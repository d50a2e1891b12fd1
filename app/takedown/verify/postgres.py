"""Searching a PostgreSQL database: the values of all its rows, and the pages of all its relations.

Pages are those on the server's disk, which hold what was deleted until it is vacuumed. Reading them
takes the rights of a superuser, or the role pg_read_server_files and pg_checkpoint.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from app.state.db import Database
from app.takedown.verify.own_records import OWN_TABLES
from app.takedown.verify.search import Search
from catalog.wording import counted

_PAGE_BYTES: Final = 8192
_PAGES_AT_ONCE: Final = 512
_ROWS_AT_ONCE: Final = 1_000
_RELATIONS: Final = """
    SELECT c.oid::bigint AS oid, c.relname AS name, c.relkind::text AS kind,
        quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS identifier,
        coalesce(pg_stat_get_dead_tuples(c.oid), 0) AS dead_rows,
        coalesce(owner.relname, c.relname) AS owner
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_index i ON i.indexrelid = c.oid
    LEFT JOIN pg_class toasting ON toasting.reltoastrelid = coalesce(i.indrelid, c.oid)
    LEFT JOIN pg_class owner ON owner.oid = coalesce(toasting.oid, i.indrelid)
    WHERE c.relkind IN ('r', 'm', 'i', 't') AND c.relpersistence = 'p'
        AND (n.nspname NOT IN ('pg_catalog', 'information_schema')
            OR c.relname IN ('pg_largeobject', 'pg_statistic'))
    ORDER BY c.relname
"""
_PAGES: Final = text("SELECT pg_read_binary_file(:path, :start, :length, true)")
_LOG: Final = "the log of the server (pg_wal)"


def search_postgres(search: Search, place: str, database: Database) -> None:
    """Search a database; in rows and pages of the takedowns' own records, ids don't count.

    Args:
        search: Searches.
        place: What the database is called in the report.
        database: The database.
    """
    with database.read() as connection:
        relations = [dict(row) for row in connection.execute(text(_RELATIONS)).mappings()]
    own = search.of_own_records()
    searches = [
        (own if relation["owner"] in OWN_TABLES else search, relation) for relation in relations
    ]
    for searching, relation in searches:
        if relation["kind"] in {"r", "m"}:
            _search_rows(searching, place, database, relation)
    with _reporting(search, f"{place} (pages)"):
        _search_pages(searches, place, database)
    search.cannot_open(f"{place} {_LOG}", "the server recycles it after its checkpoints")


def _search_rows(search: Search, place: str, database: Database, relation: dict[str, Any]) -> None:
    where = f"{place} (table {relation['name']})"
    with _reporting(search, where), database.read() as connection:
        query = text(f"SELECT * FROM {relation['identifier']}")  # noqa: S608  # quoted by the server
        rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query)
        search.values(where, "PostgreSQL tables", rows)
        search.opened("PostgreSQL tables")


def _search_pages(
    searches: list[tuple[Search, dict[str, Any]]], place: str, database: Database
) -> None:
    # What was written is on the disk then.
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
    with database.read() as connection:
        for search, relation in searches:
            where = f"{place} (pages of {relation['name']})"
            search.opened("PostgreSQL relations")
            for pages in _pages(connection, relation["oid"]):
                search.plain(where, "PostgreSQL relations", pages)
            if relation["dead_rows"]:
                search.cannot_open(
                    where,
                    f"{counted(relation['dead_rows'], 'dead row')} to be vacuumed, whose "
                    "compressed values can't be decoded",
                )


def _pages(connection: Connection, oid: int) -> Iterator[bytes]:
    """Yield the bytes of a relation, some pages at a time, over all of its files."""
    base = connection.scalar(text("SELECT pg_relation_filepath(:oid)"), {"oid": oid})
    for path in _segments(base) if base else ():
        start = 0
        while pages := _read(connection, path, start):
            yield pages
            start += len(pages)
        if not start:
            return


def _segments(base: str) -> Iterator[str]:
    """Yield the paths of a relation's files, each of which has a gigabyte but for the last."""
    yield base
    number = 1
    while True:
        yield f"{base}.{number}"
        number += 1


def _read(connection: Connection, path: str, start: int) -> bytes | None:
    place = {"path": path, "start": start, "length": _PAGES_AT_ONCE * _PAGE_BYTES}
    found = connection.scalar(_PAGES, place)
    return None if found is None else bytes(found)


@contextmanager
def _reporting(search: Search, where: str) -> Iterator[None]:
    """Report what the database refuses to show."""
    try:
        yield
    except DBAPIError as error:
        search.cannot_open(where, str(error.orig).partition("\n")[0])
