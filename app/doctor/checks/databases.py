"""The databases: whether their pages are whole, and whether the migrations have been run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError

import migrations.lake
import migrations.sql
from app.doctor.examined_lake import RESTORE, ExaminedLake
from app.doctor.finding import Finding
from catalog.schema import NAMESPACE

_WHOLE: Final = "ok"
_MIGRATE: Final = "scripts/lake migrate"
_DERIVED: Final = (
    ("versions", "the index of versions", _MIGRATE),
    ("counts", "the counts of files", f"{_MIGRATE} and scripts/lake summaries update"),
)
"""Databases that are filled again: their names, what they are, and what fills them."""


def check_databases(lake: ExaminedLake) -> Iterator[Finding]:
    """Have SQLite check its pages, and with a deep examination its indexes too."""
    engines = {"database": lake.database.engine, "catalog": lake.catalog.engine}
    for name, engine in engines.items():
        for problem in _problems(engine, is_deep=lake.is_deep):
            yield Finding(
                check="databases",
                severity="error",
                what=f"the {name} is damaged: {problem}",
                mend=RESTORE,
            )
    for name, what, fill in _DERIVED:
        yield from _check_derived(lake, name, what, fill)


def check_migrations(lake: ExaminedLake) -> Iterator[Finding]:
    """Compare the revisions of database and tables with those of this version."""
    with lake.database.read() as connection:
        directory = ScriptDirectory.from_config(migrations.sql.configuration(connection))
        present = MigrationContext.configure(connection).get_current_revision()
        newest = directory.get_current_head()
        known = {script.revision for script in directory.walk_revisions()}
    yield from _compare("database", present, newest, is_known=present in known)
    properties = lake.catalog.load_namespace_properties(NAMESPACE)
    step, steps = properties.get(migrations.lake.REVISION_PROPERTY), migrations.lake.steps()
    yield from _compare("tables", step, steps[-1], is_known=step in steps)


def _check_derived(lake: ExaminedLake, name: str, what: str, fill: str) -> Iterator[Finding]:
    """Check a database that is computed again from the lake, which SQLite has as a file."""
    database = lake.database.derived(name)
    if database is lake.database:
        return
    path = Path(str(database.url.database))
    mend = f"stop the service, remove {path}*, then {fill}"
    if lake.lacks_derived(name):
        yield Finding(check="databases", severity="error", what=f"{what} isn't there", mend=mend)
        return
    try:
        for problem in _problems(database.engine, is_deep=lake.is_deep):
            found = f"{what} ({path.name}) is damaged: {problem}"
            yield Finding(check="databases", severity="error", what=found, mend=mend)
    finally:
        database.dispose()


def _compare(
    name: str, present: str | None, newest: str | None, *, is_known: bool
) -> Iterator[Finding]:
    if present == newest:
        return
    mend = _MIGRATE
    if present is not None and not is_known:
        mend = "run the version that made the lake, or a newer one; older ones can't read it"
    yield Finding(
        check="migrations",
        severity="error",
        what=f"the {name} have the revision {present}, and this version needs {newest}",
        mend=mend,
    )


def _problems(engine: Engine, *, is_deep: bool) -> list[str]:
    if engine.dialect.name != "sqlite":
        # PostgreSQL checks a page when it reads it; `pg_amcheck` reads all of them.
        return []
    pragma = "integrity_check" if is_deep else "quick_check"
    try:
        with engine.connect() as connection:
            rows = connection.exec_driver_sql(f"PRAGMA {pragma}").scalars().all()
    except DatabaseError as error:
        rows = [str(error.orig)]
    return [" ".join(str(row).split()) for row in rows if row != _WHOLE]
