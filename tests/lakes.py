"""Migrated, empty lakes: one is migrated for each backend, and copied for each test.

A copy takes a few milliseconds, a migration more than a hundred.
"""

import atexit
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from pyiceberg.io import FileIO, load_file_io
from sqlalchemy import create_engine, make_url, text

from app import create_app
from app.services import current_services
from app.settings import Settings
from tests.backends import EMBEDDED, Backend

_DATABASE_FILES: Final = "*.db"
_MOVE: Final = (
    "UPDATE iceberg_tables SET metadata_location = replace(metadata_location, :old, :new)"
)


class _CompiledTemplates(BytecodeCache):
    """The compiled templates of pages, which applications of one process share.

    To compile those of a page takes ten times as long as to render it.
    """

    def __init__(self) -> None:
        self._by_key: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill a bucket if its template has been compiled; jinja compares the source."""
        if compiled := self._by_key.get(bucket.key):
            bucket.bytecode_from_string(compiled)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._by_key[bucket.key] = bucket.bytecode_to_string()


_COMPILED_TEMPLATES: Final = _CompiledTemplates()


class LakeTemplate:
    """A migrated, empty lake from which others are copied.

    An empty table consists of a metadata file, which holds the location of the table, and a row of
    the catalog, which holds the location of the metadata file. A copy has to change both.
    """

    def __init__(self, backend: Backend, home: Path) -> None:
        """Migrate the lake.

        Args:
            backend: The backend of the lake.
            home: Home folder of the lake.
        """
        self._backend = backend
        self._settings = backend.settings(home)
        self._metadata_files: dict[str, str] = {}
        app = create_app(self._settings)
        result = app.test_cli_runner().invoke(args=["migrate"])
        assert result.exit_code == 0, result.output
        with app.app_context():
            services = current_services()
            files = _files(self._settings)
            for namespace in services.catalog.list_namespaces():
                for name in services.catalog.list_tables(namespace):
                    table = services.catalog.load_table(name)
                    assert table.current_snapshot() is None
                    with files.new_input(table.metadata_location).open() as stream:
                        self._metadata_files[table.metadata_location] = stream.read().decode()
            # Closing moves SQLite's logs into the files that are copied.
            services.close()

    def copy(self, home: Path, **values: Any) -> Settings:
        """Return the settings of a new lake that is a copy of this one.

        Args:
            home: Home folder of the new lake, which doesn't exist yet.
            values: Other settings of the new lake.
        """
        settings = self._backend.settings(home, like=self._settings, **values)
        if self._backend.is_embedded:
            home.mkdir()
            for file in self._settings.home.glob(_DATABASE_FILES):
                shutil.copy(file, home)
        self._move_tables(settings)
        return settings

    def _move_tables(self, settings: Settings) -> None:
        old, new = self._settings.warehouse, settings.warehouse
        files = _files(settings)
        for location, metadata in self._metadata_files.items():
            with files.new_output(location.replace(old, new)).create() as stream:
                stream.write(metadata.replace(old, new).encode())
        url, places = make_url(settings.catalog_uri), {"old": old, "new": new}
        if self._backend.is_embedded:
            # SQLAlchemy and a sync of the file would take longer than all the rest.
            with closing(sqlite3.connect(str(url.database))) as database, database:
                database.execute("PRAGMA synchronous = OFF")
                database.execute(_MOVE, places)
        else:
            engine = create_engine(url)
            with engine.begin() as connection:
                connection.execute(text(_MOVE), places)
            engine.dispose()


@cache
def empty_lake() -> LakeTemplate:
    """Return the empty lake with all its state in a folder, which this process migrates once."""
    folder = tempfile.mkdtemp(prefix="chatlake-template-")
    atexit.register(shutil.rmtree, folder)
    return LakeTemplate(Backend(EMBEDDED, lambda _like=None: {}), Path(folder) / "home")


@contextmanager
def opened_app(settings: Settings) -> Iterator[Flask]:
    """Yield the application on a migrated lake, and close its services after the block."""
    application = create_app(settings)
    application.jinja_env.bytecode_cache = _COMPILED_TEMPLATES
    try:
        yield application
    finally:
        with application.app_context():
            current_services().close()


def _files(settings: Settings) -> FileIO:
    return load_file_io(settings.catalog_properties, settings.warehouse)
