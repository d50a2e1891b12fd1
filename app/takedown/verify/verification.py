"""Searching everything that a lake keeps for what was taken down."""

import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit
from uuid import UUID

from app.settings import Settings
from app.state.db import Database, derived_files
from app.takedown.verify.buckets import search_bucket
from app.takedown.verify.folders import search_file, search_folder, search_spilled
from app.takedown.verify.postgres import search_postgres
from app.takedown.verify.report import Report
from app.takedown.verify.search import Search
from app.takedown.verify.wanted import Wanted

_SPILL: Final = "*chatlake-spill-*"
"""The folders in the temporary folder to which processes write what doesn't fit into memory."""

_DERIVED: Final = ("versions", "counts")
"""Names of the databases beside the journal's, which are computed from the lake."""


def verify(settings: Settings, ids: Collection[UUID], text: str | None = None) -> Report:
    """Search the folders, buckets and databases of a lake, which other processes may use.

    This process loses its own locks on SQLite's files, since it closes them after reading them as
    they are. If it has connections to them, they may only read afterwards: another process could
    remove the log that they write. https://www.sqlite.org/howtocorrupt.html, section 2.2.

    Args:
        settings: Where the lake is.
        ids: The contribution_ids to look for.
        text: A text to look for; None to look for the ids alone.

    Raises:
        TextTooShort: The text would be found by chance.
    """
    report = Report()
    search = Search(Wanted(ids, text), report)
    for folder in _folders(settings):
        search_folder(search, folder)
    for spill in Path(tempfile.gettempdir()).glob(_SPILL):
        search_folder(search, spill, search_spilled)
    for url in (settings.warehouse, settings.releases_bucket):
        if url and urlsplit(url).scheme == "s3":
            search_bucket(search, url, settings)
    for name, url in _databases(settings).items():
        _search_database(search, name, url, settings.home)
    return report


def _folders(settings: Settings) -> list[Path]:
    """Return the folders of a lake, none of which is in another one."""
    warehouse = urlsplit(settings.warehouse)
    folders = [settings.home]
    if warehouse.scheme in {"", "file"}:
        folders.append(Path(unquote(warehouse.path)))
    resolved = {folder.resolve() for folder in folders if folder.exists()}
    return sorted(each for each in resolved if resolved.isdisjoint(each.parents))


def _databases(settings: Settings) -> dict[str, str]:
    """Return the URLs of the databases, each once, with a name for the report."""
    urls = {"database": settings.database_url}
    if settings.catalog_uri not in urls.values():
        urls["catalog"] = settings.catalog_uri
    return urls


def _search_database(search: Search, name: str, url: str, home: Path) -> None:
    database = Database(url)
    if not database.is_sqlite:
        search_postgres(search, name, database)
        database.dispose()
        return
    path = Path(str(database.url.database)).resolve()
    # One in the home folder was found among the files.
    if home.resolve() not in path.parents and path.exists():
        for each in (path, *derived_files(path)):
            search_file(search, each)
