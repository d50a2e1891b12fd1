"""The files of the tables: those that metadata names, and those that nothing names."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileInfo
from pyiceberg.table import Table

from app.doctor.examined_lake import RESTORE, ExaminedLake
from app.doctor.finding import Finding
from app.ingest.commits.claims import staged_paths
from catalog.maintenance.orphans import files_of, path_of, references_of
from catalog.manifests.entries import newest_entries
from catalog.metadata.moving import files_of_metadata
from catalog.publishing.tables import PREFIX
from catalog.wording import counted

_COPY_BACK: Final = "copy it from a backup (warehouse/ has the same paths), or " + RESTORE
_SLACK: Final = timedelta(days=1)
"""Time after which maintenance has removed a file that is old enough."""


def check_files(lake: ExaminedLake) -> Iterator[Finding]:
    """Find files that the tables or the journal name and that aren't there, or have other sizes."""
    with lake.database.read() as connection:
        staged = staged_paths(connection)
    for table in lake.tables():
        there = {file.path: file for file in files_of(table)}
        try:
            for named in files_of_metadata(table.metadata, table.io):
                yield from _compare(table, there, named.kind, named.url, named.size_bytes)
        except FileNotFoundError as error:
            yield _missing("manifest or list of manifests", str(error))
        for url in sorted(staged):
            if path_of(table, url).startswith(f"{path_of(table, table.location())}/"):
                yield from _compare(table, there, "staged data file", url, None)


def check_data(lake: ExaminedLake) -> Iterator[Finding]:
    """Decode every data file of the newest snapshots, and count its rows; when examined deeply."""
    if not lake.is_deep:
        return
    for table in lake.tables():
        for entry in newest_entries(table):
            file = entry.data_file
            try:
                rows = _count_decoded(table, file.file_path)
            except FileNotFoundError:
                continue
            except (pa.ArrowException, OSError) as error:
                problem = " ".join(str(error).split())
                yield _damaged(file.file_path, f"can't be decoded: {problem}")
                continue
            if rows != file.record_count:
                yield _damaged(
                    file.file_path, f"has {counted(rows, 'row')} instead of {file.record_count}"
                )


def check_orphans(lake: ExaminedLake) -> Iterator[Finding]:
    """Find files that nothing refers to, and that maintenance should have removed long ago."""
    age = timedelta(seconds=lake.settings.orphan_age_s) + _SLACK
    with lake.database.read() as connection:
        staged = staged_paths(connection)
    claimed = lake.claimed_batch()
    for table in lake.tables():
        listed = list(files_of(table))
        table.refresh()
        try:
            needed = {path_of(table, url) for url in (*references_of(table), *staged)}
        except FileNotFoundError:
            # Another check reports the missing file. Without it, orphans can't be told.
            continue
        orphans = [
            file
            for file in listed
            if file.path not in needed
            and not file.base_name.startswith(PREFIX)
            and not (claimed and claimed in file.base_name)
            and lake.now - file.mtime > age
        ]
        if orphans:
            size = sum(file.size for file in orphans)
            yield Finding(
                check="orphans",
                severity="warning",
                what=f"{counted(len(orphans), 'file')} of {counted(size, 'byte')} in "
                f"{table.name()[-1]}, to which nothing refers, such as {orphans[0].path}",
                mend="scripts/lake maintenance remove-orphans --delete",
            )


def _compare(
    table: Table, there: dict[str, FileInfo], kind: str, url: str, size_bytes: int | None
) -> Iterator[Finding]:
    file = there.get(path_of(table, url))
    if file is None:
        yield _missing(kind, url)
    elif size_bytes is not None and file.size != size_bytes:
        yield _damaged(url, f"has {counted(file.size, 'byte')} instead of {size_bytes}")


def _missing(kind: str, url: str) -> Finding:
    return Finding(
        check="files", severity="error", what=f"{kind} {url} isn't there", mend=_COPY_BACK
    )


def _damaged(url: str, problem: str) -> Finding:
    return Finding(check="files", severity="error", what=f"{url} {problem}", mend=_COPY_BACK)


def _count_decoded(table: Table, url: str) -> int:
    with table.io.new_input(url).open() as source:
        file = pq.ParquetFile(source)
        return sum(batch.num_rows for batch in file.iter_batches())
