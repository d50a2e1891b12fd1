"""What is derived from the lake to answer quickly: counts of files, texts, and outcomes."""

from collections.abc import Collection, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.table import Table

from app.access.visibility.audience import OPERATOR
from app.access.visibility.embargo import Embargo
from app.access.visibility.hidden import HiddenContributions
from app.background.text_index import INDEXED_TABLES, files_with_texts
from app.curation.rules.interface import OUTCOMES_SCHEMA
from app.doctor.examined_lake import ExaminedLake
from app.doctor.finding import Finding
from app.query.counts.files import FileCounts
from app.query.counts.summaries import Summaries
from app.query.replaced import ReplacedReader
from app.query.row_index.index import RowIndex
from app.query.row_index.indexing import RowIndexing
from app.query.row_index.stages import StageRowIndex
from app.query.snapshots import Reference, Snapshots, SnapshotView
from app.query.statistics.stage_counts import StageCounts
from app.query.text_index.folder import TextIndexes
from catalog.replaced import REPLACED_IDENTIFIER
from catalog.table import load_table
from catalog.wording import counted

_FILES: Final = 4
"""Files of which a sample is taken."""
_EVERY: Final = 1_000
"""Of how many rows one is looked for in the index of texts, unless the examination is deep."""
_EVERY_DEEP: Final = 10
_MOST_GONE: Final = 1_000
"""Files that are counted as gone at most."""
_NO_AGE: Final = timedelta(0)
_COUNT: Final = "scripts/lake summaries rebuild"
_DROP: Final = "scripts/lake text-index drop: the committer's process builds it again"


def check_summaries(lake: ExaminedLake) -> Iterator[Finding]:
    """Compare the counts of some files with their rows; those of all files when examined deeply."""
    if lake.lacks_derived("counts"):
        # A finding of the databases.
        return
    counts, replaced = FileCounts(lake.database), ReplacedReader(lambda: _replaced(lake))
    summaries = Summaries(counts, replaced)
    stage_counts = StageCounts(counts, lambda: lake.catalog)
    try:
        # Before the files are planned: what is counted meanwhile isn't gone.
        stored = counts.paths()
        hidden = HiddenContributions(lake.database)
        snapshots = Snapshots(lake.database, lambda: lake.catalog, hidden, Embargo(_NO_AGE))
        view = snapshots.view(Reference(), OPERATOR)
        needed, of_stages = summaries.paths(view), stage_counts.paths()
        gone = _gone(view.table, stored - needed - of_stages)
        if gone:
            yield Finding(
                check="summaries",
                severity="warning",
                what=f"counts of {counted(len(gone), 'removed file')} are left, such as {gone[0]}",
                mend="scripts/lake summaries update",
            )
        wrong = (
            *summaries.wrong(view, lake.sample(stored & needed, _FILES)),
            *stage_counts.wrong(lake.sample(stored & of_stages, _FILES)),
        )
        for path in wrong:
            yield Finding(
                check="summaries",
                severity="error",
                what=f"the counts of {path} aren't those of its rows",
                mend=_COUNT,
            )
        index = RowIndex(counts.database)
        stage_rows = StageRowIndex(index, lambda: lake.catalog)
        yield from _row_index(lake, RowIndexing(index, replaced), stage_rows, view)
    finally:
        counts.dispose()


def _row_index(
    lake: ExaminedLake, rows: RowIndexing, stage_rows: StageRowIndex, view: SnapshotView
) -> Iterator[Finding]:
    """Compare what the indexes of rows have of some files, and the totals, with their rows."""
    for path in (
        *rows.wrong(view, lake.sample(rows.paths(), _FILES)),
        *stage_rows.wrong(lake.sample(stage_rows.paths(), _FILES)),
    ):
        yield Finding(
            check="summaries",
            severity="error",
            what=f"the index of rows doesn't have the rows of {path}",
            mend=_COUNT,
        )
    wrong = list(rows.wrong_totals()) if lake.is_deep else []
    if wrong:
        yield Finding(
            check="summaries",
            severity="error",
            what="totals of contributors aren't the sums of their files, in "
            f"{counted(len(wrong), 'bucket')}",
            mend=_COUNT,
        )


def check_text_index(lake: ExaminedLake) -> Iterator[Finding]:
    """Look for words of some files in this node's index of texts; of all when examined deeply."""
    indexes = TextIndexes(lake.settings.text_index)
    urls = indexes.urls()
    tables = {name: load_table(lake.catalog, name) for name in INDEXED_TABLES}
    files = {
        file.path: (tables[name], file)
        for name in INDEXED_TABLES
        for file in files_with_texts(lake.catalog, name)
    }
    broken = sorted(name for name, url in urls.items() if url is None)
    if broken:
        yield _index(f"{counted(len(broken), 'file')} can't be read, such as {broken[0]}")
    known = {url for url in urls.values() if url is not None}
    gone = _gone(load_table(lake.catalog), known - files.keys())
    if gone:
        yield _index(
            f"texts of {counted(len(gone), 'removed data file')} are left, such as of {gone[0]}"
        )
    every = _EVERY_DEEP if lake.is_deep else _EVERY
    for path in lake.sample(known & files.keys(), _FILES):
        try:
            problem = indexes.lacks(*files[path], every)
        except FileNotFoundError:
            # What is missing is a finding of its own.
            continue
        if problem:
            yield _index(f"the index of {path} {problem}")


def check_outcomes(lake: ExaminedLake) -> Iterator[Finding]:
    """Read what builds of stages keep of comparisons; all of it when examined deeply."""
    for path in sorted(lake.settings.outcomes.glob("*.parquet")):
        try:
            schema = pq.read_schema(path)
            if lake.is_deep:
                pq.read_table(path, memory_map=False)
        except FileNotFoundError:
            continue
        except (OSError, pa.ArrowException) as error:
            yield _outcome(f"{path} can't be read: {' '.join(str(error).split())}", path)
        else:
            if not schema.equals(OUTCOMES_SCHEMA):
                yield _outcome(f"{path} has other columns than this version writes", path)


def _gone(table: Table, paths: Collection[str]) -> list[str]:
    """Return those of some files that aren't there; the first ones if there are many.

    A file that was replaced a short time ago is there for those who still read it.
    """
    there = (path for path in sorted(paths) if not table.io.new_input(path).exists())
    return list(islice(there, _MOST_GONE))


def _replaced(lake: ExaminedLake) -> Table:
    return load_table(lake.catalog, REPLACED_IDENTIFIER)


def _index(what: str) -> Finding:
    return Finding(
        check="text index", severity="error", what=f"in the index of texts, {what}", mend=_DROP
    )


def _outcome(what: str, path: Path) -> Finding:
    return Finding(
        check="outcomes",
        severity="warning",
        what=what,
        mend=f"remove {path}: the next build compares texts anew",
    )
